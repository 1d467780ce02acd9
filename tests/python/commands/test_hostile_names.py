"""Names and texts that come from D1, from R2 and from a root: what reaches a terminal is visible and moves nothing on it, `--json` is exact,
and a key that can be no file's name stands in nobody's way."""

import json
import re
import sqlite3

import pytest

from support.clouds import LITEFLARE
from support.faulty_clouds import MoreKeys, Refuses
from support.programs import run_on_a_terminal

# ESC and what terminals do on it, CSI as one character, DEL, bell, carriage return, a line that looks like ours, and text that runs
# from right to left.
HOSTILE = "a\x1b[2J\x1b]0;title\x07b\u009b31mc\x7fd\re\nok    token: fine\u202eevil\u2066\u2028z"
SHOWN = r"a\u{1b}[2J\u{1b}]0;title\u{7}b\u{9b}31mc\u{7f}d\re\nok    token: fine\u{202e}evil\u{2066}\u{2028}z"
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[[0-9]*[A-Z]|\x1b\[\?25[hl]|\r")


def assert_visible(text):
    found = UNSEEN.search(text)
    assert not found, f"{found} in {text!r}"
    assert not any(line.startswith("ok    token: fine") for line in text.splitlines()), text


def said(commands, *args, **changes):
    """All that a command says, which must be fit for a terminal."""
    done = commands.run(*args, **changes)
    assert_visible(done.stdout + done.stderr)
    return done.stdout + done.stderr


@pytest.fixture
def hostile(commands):
    """D1 and R2 with names like that, seen by liteflare for the first time."""
    quoted = HOSTILE.replace('"', '""')
    commands.rows(f'CREATE TABLE "{quoted}"(id INTEGER PRIMARY KEY, "{quoted}" TEXT)')
    commands.rows(f"""INSERT INTO "{quoted}" VALUES (1, '{HOSTILE}')""")
    commands.bucket.put("images/\u202egnp.evil\u009b31m", b"x")
    return commands


def test_names_on_d1_and_in_r2_are_visible_on_the_screen(hostile, tmp_path):
    assert SHOWN in said(hostile, "status")
    said(hostile, "doctor")
    said(hostile, "export", tmp_path / "back")
    said(hostile, "verify")
    assert SHOWN in said(hostile, "verify", "--db", other_database(tmp_path))
    said(hostile, "import", make_root(hostile.root))
    said(hostile, "import", hostile.root, "--replace")


def test_json_is_exact_and_fit_for_a_terminal(hostile, tmp_path):
    for args in [["status"], ["verify", "--db", other_database(tmp_path)]]:
        done = hostile.run(*args, "--json")
        assert_visible(done.stdout)
        assert any(HOSTILE in text for text in texts(json.loads(done.stdout)))


def texts(value):
    match value:
        case str():
            yield value
        case dict():
            yield from (text for inner in value.values() for text in texts(inner))
        case list():
            yield from (text for inner in value for text in texts(inner))


def other_database(tmp_path):
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE IF NOT EXISTS t(x)")
    db.commit()
    db.close()
    return path


def make_root(root):
    (root / "databases").mkdir(exist_ok=True)
    (root / "outputs/images").mkdir(parents=True, exist_ok=True)
    other_database(root / "databases").rename(root / "databases/invokeai.db")
    (root / "outputs/images/\u202egnp.file\u009b31m").write_bytes(b"x")
    return root


@pytest.mark.any_cloud
def test_file_names_of_a_root_are_visible_on_the_screen(commands, tmp_path):
    root = make_root(commands.root)
    (root / "outputs/images" / HOSTILE.replace("/", "")).write_bytes(b"x")
    assert SHOWN in said(commands, "import", root)
    (root / "outputs/images" / HOSTILE).unlink()
    (root / "outputs/images" / HOSTILE).symlink_to(tmp_path)
    assert "images/a" in said(commands, "import", root)
    strange = tmp_path / HOSTILE
    strange.mkdir()
    assert SHOWN in said(commands, "import", strange)
    assert SHOWN in said(commands, "init", "--root", strange)
    assert SHOWN in said(commands, "doctor", "--root", strange)


@pytest.mark.any_cloud
def test_refusals_are_visible_on_the_screen_and_one_line_in_the_log(commands, tmp_path):
    make_root(commands.root)
    with Refuses(commands.settings["LITEFLARE_D1_API"]) as d1:
        d1.words = HOSTILE
        for args in [["status"], ["verify"], ["export", tmp_path / "back"], ["import", commands.root], ["init"], ["doctor"]]:
            assert SHOWN in said(commands, *args, LITEFLARE_D1_API=d1.url), args
        (commands.root / "databases/invokeai.db").unlink()
        done = commands.application("", LITEFLARE_D1_API=d1.url)
        logged = [line for line in done.stderr.splitlines() if " WARN " in line]
        assert len(logged) == 1 and r"e\nok    token: fine\u{202e}evil" in logged[0]
        assert not UNSEEN.search(done.stderr)


@pytest.mark.any_cloud
def test_on_a_terminal_only_our_own_sequences_are_sent(hostile):
    for args in [["status"], ["doctor"], ["verify"], ["export", hostile.root / "back"]]:
        seen = run_on_a_terminal([LITEFLARE, *args], hostile.environment(TERM="xterm", CLICOLOR_FORCE="1"))
        assert_visible(OURS.sub("", seen))
        assert "\x1b]0;" not in seen and "\x1b[2J" not in seen


# Keys that can be no file's name.

KEYS = [
    "images/a//b",
    "images/../../up",
    "images/./here",
    "images/..",
    f"images/{'n' * 256}",
    "images/sub/../../../etc/x",
    "images//abs",
    "images/new\nline",
]


@pytest.fixture
def keys(commands):
    """A bucket with such keys, as far as the cloud takes them, and more in what it lists; and two good ones."""
    commands.application("db.execute('CREATE TABLE t(x)')")
    for key in ["images/a.png", "images/z/z.png"]:
        commands.bucket.put(key, b"good")
    with MoreKeys(commands.settings["LITEFLARE_R2_ENDPOINT"]) as r2:
        r2.keys = [*KEYS, "images/nul&#0;", "images/raw\x00", "images/bad&entity;"]
        commands.settings["LITEFLARE_R2_ENDPOINT"] = r2.url
        yield commands


def test_export_names_them_and_brings_the_rest(keys, tmp_path):
    back = tmp_path / "deep/deeper/back"
    done = keys.run("export", back)
    assert done.returncode == 1 and "11 objects were left out" in done.stderr, done.stdout + done.stderr
    assert_visible(done.stdout + done.stderr)
    for key in [*KEYS[:-1], r"images/new\nline", "images/nul"]:
        assert key in done.stdout, (key, done.stdout)
    files = {str(path.relative_to(tmp_path / "deep")) for path in (tmp_path / "deep").rglob("*") if path.is_file()}
    assert files == {f"deeper/back/{name}" for name in ["databases/invokeai.db", "outputs/images/a.png", "outputs/images/z/z.png"]}


def test_status_and_verify_count_and_name_them(keys):
    out = said(keys, "status")
    assert "11 keys that can be no file's name, the first is images/" in out
    status = json.loads(keys.run("status", "--json").stdout)
    images = next(entry for entry in status["prefixes"] if entry["prefix"] == "images")
    assert images["objects"] == 2 and set(KEYS) < set(images["unusable"]) and len(images["unusable"]) == 11
    report = keys.run("verify")
    assert report.returncode == 1 and "images/a//b: " in report.stdout
    assert report.stdout.count("it can be no file's name") == 11


def test_import_takes_no_notice_of_them(keys):
    root = make_root(keys.root)
    (root / "outputs/images/z").mkdir()
    for name in ["a.png", "z/z.png"]:
        (root / "outputs/images" / name).write_bytes(b"good")
    keys.succeed("import", root, "--replace", "--json")


def test_an_object_that_others_are_below_is_left_out(commands, tmp_path):
    commands.application("db.execute('CREATE TABLE t(x)')")
    for key in ["images/a", "images/a/b", "images/a/c/d", "images/a.png"]:
        commands.bucket.put(key, b"good")
    done = commands.run("export", tmp_path / "back")
    assert done.returncode == 1 and "1 object was left out" in done.stderr and "images/a: " in done.stdout
    images = tmp_path / "back/outputs/images"
    assert sorted(str(path.relative_to(images)) for path in images.rglob("*") if path.is_file()) == ["a.png", "a/b", "a/c/d"]
    assert commands.run("export", tmp_path / "other", "--json").returncode == 1
