"""Roots, folders and keys that somebody else has prepared: the commands write nothing outside of the folder they were given, send nothing
from outside of the root, and wait for no pipe."""

import json
import os
import sqlite3
import time

import pytest

from support.relay import Relay

PNG = b"\x89PNG a picture"


def make_root(root, rows=("a.png",)):
    """A root with a database and a file of each row."""
    for folder in ["databases", "outputs/images"]:
        (root / folder).mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(root / "databases/invokeai.db")
    db.execute("CREATE TABLE boards(id INTEGER PRIMARY KEY, name TEXT)")
    db.execute("INSERT INTO boards(name) VALUES ('cats')")
    db.commit()
    db.close()
    for name in rows:
        (root / "outputs/images" / name).write_bytes(PNG)
    return root


@pytest.fixture
def root(commands):
    return make_root(commands.root)


def soon(work, *args, **changes):
    begun = time.monotonic()
    done = work(*args, **changes)
    assert time.monotonic() - begun < 20
    return done


# import


@pytest.mark.any_cloud
@pytest.mark.parametrize("name", ["", "-wal", "-journal"])
def test_import_waits_for_no_pipe(commands, root, name):
    path = root / f"databases/invokeai.db{name}"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    line = soon(commands.refuse, "import", root)
    assert str(path) in line and "not a regular file" in line
    if name == "":
        line = soon(commands.run, "verify", "--db", path).stderr
        assert "not a regular file" in line
        code, checks = soon(commands.doctor)
        assert code == 1 and "not a regular file" in checks["database file"]["detail"]


@pytest.mark.any_cloud
def test_import_reads_of_another_file_only_its_beginning(commands, root):
    with (root / "databases/invokeai.db").open("wb") as file:
        file.write(b"something else")
        file.truncate(8 << 40)
    assert "is not a SQLite database" in soon(commands.refuse, "import", root)


@pytest.fixture
def secret(tmp_path):
    """What a planted link leads to."""
    folder = tmp_path / "home/.ssh"
    folder.mkdir(parents=True)
    (folder / "id_ed25519").write_bytes(b"a private key")
    return folder / "id_ed25519"


def in_the_bucket(commands):
    return {key: commands.bucket.get(key) for key in commands.bucket.sizes()}


@pytest.mark.parametrize("kind", ["a file", "a file by a relative path", "a folder", "a mapped folder", "the folder above it"])
def test_import_sends_nothing_that_a_link_leads_to_outside_of_the_root(commands, root, secret, kind):
    images, link = root / "outputs/images", root / "outputs/images/b.png"
    match kind:
        case "a file":
            link.symlink_to(secret)
        case "a file by a relative path":
            link.symlink_to(os.path.relpath(secret, images))
        case "a folder":
            (link := images / "sub").symlink_to(secret.parent)
        case "a mapped folder":
            (link := root / "workflow_thumbnails").symlink_to(secret.parent)
        case "the folder above it":
            (link := root / "style_presets").symlink_to(secret.parent.parent)
            (secret.parent.parent / "images").symlink_to(secret.parent)
    done = commands.run("import", root)
    named = root / "style_presets/images" if kind == "the folder above it" else link
    assert done.returncode == 1 and str(named) in done.stderr + done.stdout and "--follow-links" in done.stderr
    assert in_the_bucket(commands) == {"images/a.png": PNG}
    assert commands.rows("SELECT name FROM boards") == [["cats"]], "the rest goes on"
    done = commands.run("import", root, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["links_left_out"] == [str(named)]
    # Whoever has made the links may say so.
    commands.succeed("import", root, "--follow-links", "--json")
    assert b"a private key" in in_the_bucket(commands).values()


def test_links_within_the_root_are_followed(commands, root):
    (root / "outputs/images/b.png").symlink_to("a.png")
    (root / "kept").mkdir()
    (root / "kept/c.png").write_bytes(PNG)
    (root / "outputs/images/sub").symlink_to("../../kept")
    commands.succeed("import", root, "--json")
    assert in_the_bucket(commands) == dict.fromkeys(["images/a.png", "images/b.png", "images/sub/c.png"], PNG)


def test_a_root_behind_a_link_is_one(commands, root, tmp_path):
    (link := tmp_path / "link").symlink_to(root)
    commands.succeed("import", link, "--json")
    assert in_the_bucket(commands) == {"images/a.png": PNG}


# export


@pytest.fixture
def imported(commands, root):
    commands.succeed("import", root, "--json")
    return commands


@pytest.fixture
def outside(tmp_path):
    (folder := tmp_path / "outside").mkdir()
    return folder


def started(commands, folder):
    """A folder with an unfinished export: somebody has had time to plant something in it."""
    source = f"D1 database {commands.settings['LITEFLARE_D1_DATABASE']} of account {commands.settings['CLOUDFLARE_ACCOUNT_ID']}"
    prefixes = "images, videos, style_presets, workflow_thumbnails, model_images"
    source += f" and bucket {commands.settings['LITEFLARE_R2_BUCKET']} ({prefixes})"
    ours = folder / ".liteflare-export"
    ours.mkdir(parents=True, mode=0o700)
    (ours / "source.json").write_text(json.dumps({"source": source, "database": None}))
    return ours


@pytest.mark.parametrize("place", ["outputs", "outputs/images", "databases"])
def test_export_goes_through_no_link(imported, tmp_path, outside, place):
    back = tmp_path / "back"
    started(imported, back)
    (back / place).parent.mkdir(exist_ok=True)
    (back / place).symlink_to(outside)
    line = imported.run("export", back).stderr
    assert f"{place} is a symbolic link" in line, line
    assert list(outside.rglob("*")) == []
    (back / place).unlink()
    imported.succeed("export", back, "--json")
    assert (back / "outputs/images/a.png").read_bytes() == PNG and not (back / ".liteflare-export").exists()


@pytest.mark.parametrize("name", ["0.part", "database.part", "source.part"])
def test_export_writes_no_unfinished_file_through_a_link(imported, tmp_path, outside, name):
    victim = outside / "victim"
    victim.write_bytes(b"theirs")
    back = tmp_path / "back"
    (started(imported, back) / name).symlink_to(victim)
    imported.succeed("export", back, "--json")
    assert victim.read_bytes() == b"theirs"
    assert (back / "outputs/images/a.png").read_bytes() == PNG and (back / "databases/invokeai.db").is_file()


def test_export_takes_no_folder_behind_a_link(imported, tmp_path, outside):
    (tmp_path / "back").symlink_to(outside)
    assert "is a symbolic link" in imported.refuse("export", tmp_path / "back")
    ours = started(imported, tmp_path / "begun")
    ours.rename(outside / "moved")
    ours.symlink_to(outside / "moved")
    assert ".liteflare-export is a symbolic link" in imported.refuse("export", tmp_path / "begun")
    assert [path.name for path in outside.iterdir()] == ["moved"]


def test_export_continues_nothing_that_another_user_has_begun(imported, tmp_path):
    back = tmp_path / "back"
    os.chown(started(imported, back), 65534, 65534)
    assert "belongs to another user" in imported.refuse("export", back)


def test_what_export_has_not_finished_is_for_its_owner_alone(imported, tmp_path):
    ours = started(imported, tmp_path / "back")
    ours.chmod(0o777)
    with Relay(imported.settings["LITEFLARE_R2_ENDPOINT"]) as r2:
        r2.fail(403, "GET .*a.png")
        done = imported.run("export", tmp_path / "back", LITEFLARE_R2_ENDPOINT=r2.url)
    assert done.returncode == 1 and list(ours.glob("*.part"))
    assert ours.stat().st_mode & 0o777 == 0o700
