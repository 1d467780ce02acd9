"""`liteflare.toml` is believed only if nobody else may have written it, and only about its own root."""

import os
import shutil
import sqlite3
import subprocess
import sys

import pytest

pytestmark = pytest.mark.any_cloud


@pytest.fixture
def file(commands):
    file = commands.root / "liteflare.toml"
    file.write_text("refresh = '9s'\n")
    return file


def mended_by(commands, line):
    """The command that a refusal names, carried out."""
    _, _, command = line.rstrip().rpartition(": ")
    subprocess.run(command, shell=True, check=True)
    commands.succeed("status")


@pytest.mark.parametrize("mode", [0o666, 0o602, 0o620, 0o664])
def test_a_file_that_others_may_write_is_refused_with_the_command_that_mends_it(commands, file, mode):
    os.chown(file, -1, 12345)
    file.chmod(mode)
    line = commands.refuse("status")
    assert str(file) in line and f"chmod go-w {file}" in line
    _, checks = commands.doctor()
    assert f"chmod go-w {file}" in checks["settings"]["detail"]
    done = commands.application("db.execute('CREATE TABLE t(x)')")
    assert done.returncode != 0 and "chmod go-w" in done.stderr
    mended_by(commands, line)


@pytest.mark.parametrize("mode", [0o777, 0o703, 0o770])
def test_a_file_in_a_folder_that_others_may_write_is_refused(commands, file, mode):
    os.chown(commands.root, -1, 12345)
    commands.root.chmod(mode)
    line = commands.refuse("status")
    assert f"chmod go-w {commands.root}" in line
    mended_by(commands, line)


def test_a_folder_like_tmp_is_no_problem(commands, file):
    commands.root.chmod(0o1777)
    commands.succeed("status")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_of_another_user_is_refused_with_the_command_that_mends_it(commands, file):
    os.chown(file, 12345, -1)
    line = commands.refuse("status")
    assert "12345" in line and f"chown {os.geteuid()} {file}" in line
    mended_by(commands, line)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o444])
def test_a_file_that_others_may_only_read_is_used(commands, file, mode):
    file.chmod(mode)
    _, checks = commands.doctor()
    assert checks["LITEFLARE_REFRESH"]["detail"].startswith("9s (")


def test_a_link_is_followed_and_its_target_is_what_counts(commands, file, tmp_path):
    target = tmp_path / "elsewhere/liteflare.toml"
    target.parent.mkdir()
    file.rename(target)
    file.symlink_to(target)
    commands.succeed("status")
    target.chmod(0o666)
    assert f"chmod go-w {target}" in commands.refuse("status")
    target.chmod(0o600)
    commands.root.chmod(0o777)
    assert f"chmod go-w {commands.root}" in commands.refuse("status"), "the link could be another tomorrow"
    commands.root.chmod(0o755)
    target.parent.chmod(0o777)
    assert f"chmod go-w {target.parent}" in commands.refuse("status")


def test_a_mounted_secret_of_a_container_is_used(commands, tmp_path):
    """As Kubernetes has it: links in a folder like /tmp, to a folder that is replaced whole."""
    mounted = tmp_path / "mounted"
    data = mounted / "..2026"
    data.mkdir(parents=True)
    mounted.chmod(0o1777)
    (data / "liteflare.toml").write_text("refresh = '9s'\n")
    (data / "liteflare.toml").chmod(0o444)
    (mounted / "..data").symlink_to("..2026")
    (mounted / "liteflare.toml").symlink_to("..data/liteflare.toml")
    _, checks = commands.doctor(LITEFLARE_CONFIG=mounted / "liteflare.toml")
    assert checks["LITEFLARE_REFRESH"]["detail"].startswith("9s (") and "settings" not in checks


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give links away")
def test_another_users_link_in_a_folder_like_tmp_is_refused(commands, file, tmp_path):
    target = tmp_path / "liteflare.toml"
    file.rename(target)
    file.symlink_to(target)
    commands.root.chmod(0o1777)
    commands.succeed("status")
    os.chown(file, 12345, -1, follow_symlinks=False)
    line = commands.refuse("status")
    assert "12345" in line and f"chown -h {os.geteuid()} {file}" in line


def test_what_is_no_file_is_refused_at_once(commands, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in [tmp_path / "pipe", "/dev/zero", tmp_path]:
        assert "no regular file" in commands.refuse("status", LITEFLARE_CONFIG=path)
    large = tmp_path / "large.toml"
    with open(large, "wb") as file:
        file.truncate(3 << 30)
    assert "too large" in commands.refuse("status", LITEFLARE_CONFIG=large)


def test_init_replaces_a_file_that_others_may_write_only_when_told_to(commands, file):
    file.chmod(0o666)
    given = ["--database", commands.settings["LITEFLARE_D1_DATABASE"], "--bucket", commands.settings["LITEFLARE_R2_BUCKET"]]
    assert f"chmod go-w {file}" in commands.refuse("init", *given)
    commands.succeed("init", "--force", *given)
    assert file.stat().st_mode & 0o777 == 0o600 and "9s" not in file.read_text()


# What a root's own file may name.

OUTSIDE = {
    "absolute": lambda outside: (f"r2_paths = '{outside}=x'", "LITEFLARE_R2_PATHS"),
    "upwards": lambda outside: ("r2_paths = 'outputs/images=images:outputs/../../outside=x'", "LITEFLARE_R2_PATHS"),
    "upwards from what is not there": lambda outside: ("r2_paths = 'no/where/../../../outside=x'", "LITEFLARE_R2_PATHS"),
    "by a link": lambda outside: ("r2_paths = 'link=x'", "LITEFLARE_R2_PATHS"),
    "below a link": lambda outside: ("r2_paths = 'link/not/there=x'", "LITEFLARE_R2_PATHS"),
    "database": lambda outside: (f"db = '{outside}/x.db'", "LITEFLARE_DB"),
    "database upwards": lambda outside: (f"db = '{outside}/../root/../outside/x.db'", "LITEFLARE_DB"),
    "database by a link": lambda outside: (f"db = '{outside.parent}/root/link/x.db'", "LITEFLARE_DB"),
    "databases": lambda outside: (f"db = '{outside.parent}/root/*.db:{outside}/*.db'", "LITEFLARE_DB"),
    "databases anywhere": lambda outside: ("db = '/**/*.db'", "LITEFLARE_DB"),
    "databases by a link": lambda outside: (f"db = '{outside.parent}/root/link/*.db'", "LITEFLARE_DB"),
}


@pytest.fixture
def outside(commands):
    outside = commands.root.parent / "outside"
    outside.mkdir()
    (outside / "id_rsa").write_text("a private key")
    (commands.root / "link").symlink_to(outside)
    return outside


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_roots_own_file_names_nothing_outside_of_the_root(commands, outside, name):
    text, variable = OUTSIDE[name](outside)
    file = commands.root / "liteflare.toml"
    file.write_text(f"{text}\n")
    for args in [["status"], ["import", commands.root], ["verify"]]:
        line = commands.refuse(*args)
        assert f"{file}, line 1: `{text.split()[0]}`" in line and variable in line and str(commands.root) in line
    read = f"print(open({str(outside / 'id_rsa')!r}).read())"
    assert commands.run("run", "--", sys.executable, "-c", read).stdout == "a private key\n", "it is no file of the bucket"
    assert commands.bucket.sizes() == {}


@pytest.mark.parametrize("name", OUTSIDE)
def test_the_environment_and_a_file_elsewhere_may(commands, outside, name, tmp_path):
    text, variable = OUTSIDE[name](outside)
    commands.succeed("status", **{variable: text.split("'")[1]})
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine/liteflare.toml"
    file.write_text(f"{text}\n")
    commands.succeed("status", LITEFLARE_CONFIG=file)
    # A root's own, by whatever name it is reached.
    inside = commands.root / "settings.toml"
    file.rename(inside)
    file.symlink_to(inside)
    for path in [inside, file]:
        assert variable in commands.refuse("status", LITEFLARE_CONFIG=path)


def test_a_roots_own_file_may_name_what_is_inside(commands):
    text = f"r2_paths = 'a/b=x:{commands.root}/c=y:d/../e=z'\ndb = '{commands.root}/databases/*.db'\n"
    (commands.root / "liteflare.toml").write_text(text)
    commands.succeed("status")


def test_what_the_environment_overrides_does_not_count(commands, outside):
    (commands.root / "liteflare.toml").write_text(f"r2_paths = '{outside}=x'\ndb = '/**'\n")
    commands.succeed("status", LITEFLARE_R2_PATHS="a=x", LITEFLARE_DB=commands.root / "x.db")


LINKS = ["outputs/images/a.png", "outputs/images/deep", "outputs/images", "databases/invokeai.db"]


@pytest.mark.parametrize("name", LINKS)
def test_no_link_leads_out_of_a_root_that_brings_its_own_secrets(commands, outside, name):
    """Its maker would get what is there. A root that is imported with one's own secrets may have such links."""
    source = outside / "x.db"
    with sqlite3.connect(source) as database:
        database.execute("CREATE TABLE t(x)")
    link = commands.root / name
    for folder in {link.parent, commands.root / "databases"}:
        folder.mkdir(parents=True, exist_ok=True)
    link.symlink_to({"a.png": outside / "id_rsa", "invokeai.db": source}.get(link.name, outside))
    if link.name != "invokeai.db":
        shutil.copy(source, commands.root / "databases/invokeai.db")
    file = commands.root / "liteflare.toml"
    names = {setting: setting.removeprefix("LITEFLARE_").removeprefix("CLOUDFLARE_").lower() for setting in commands.settings}
    file.write_text("".join(f"{key} = '{commands.settings[setting]}'\n" for setting, key in names.items()))
    nothing = dict.fromkeys(commands.settings)
    line = commands.refuse("import", commands.root, **nothing)
    assert f"{link} leads out of {commands.root}" in line and "LITEFLARE_CONFIG" in line
    assert commands.bucket.sizes() == {} and commands.rows("SELECT name FROM sqlite_schema WHERE name = 't'") == []
    if link.name == "images":
        assert "leads out of" in commands.refuse("status", **nothing)
    file.unlink()
    commands.run("import", commands.root)
    assert commands.rows("SELECT name FROM sqlite_schema WHERE name = 't'") == [["t"]]
