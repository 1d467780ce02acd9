"""`liteflare dev`: its data are its user's alone, whatever the umask is and whoever made the folder."""

import os
import stat
import subprocess
from contextlib import contextmanager

import pytest

from support import clouds
from support.bucket import Bucket
from support.clouds import LITEFLARE, Cloud

NOBODY = 65534


@contextmanager
def running(folder, *options):
    """A cloud whose process has the most generous umask, with a database and an object in it."""
    before = os.umask(0)
    try:
        cloud = Cloud([LITEFLARE, "dev", *options], folder / "dev.log")
    finally:
        os.umask(before)
    try:
        database, bucket = cloud.database(), Bucket(cloud.bucket())
        clouds.query(database, "CREATE TABLE t(x)")
        bucket.put("key", b"bytes")
        yield cloud
    finally:
        cloud.stop()


def modes(folder):
    found = {path: path.lstat() for path in [folder, *folder.rglob("*")]}
    folders = {path.name: oct(s.st_mode & 0o777) for path, s in found.items() if stat.S_ISDIR(s.st_mode)}
    files = {path.name: oct(s.st_mode & 0o777) for path, s in found.items() if stat.S_ISREG(s.st_mode)}
    assert len(folders) + len(files) == len(found)
    return folders, files


def assert_private(folder):
    folders, files = modes(folder)
    assert set(folders.values()) == {"0o700"} and set(files.values()) == {"0o600"}, (folders, files)
    assert len(folders) >= 4 and "account.json" in files and any(name.endswith("-wal") for name in files)


def test_its_data_are_for_its_user_alone(tmp_path):
    data = tmp_path / "data"
    with running(tmp_path, "--dir", data):
        assert_private(data)
        # As another user would try it.
        for path in [data, data / "account.json"]:
            done = subprocess.run(["cat", path], user=NOBODY, capture_output=True, text=True)
            assert done.returncode == 1 and "Permission denied" in done.stderr


def test_a_temporary_folder_is_too(tmp_path, monkeypatch):
    tmp_path.chmod(0o777)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running(tmp_path):
        (data,) = tmp_path.glob("liteflare-dev-*")
        assert_private(data)


def test_a_folder_that_others_may_read_is_closed(tmp_path):
    """As earlier versions made it."""
    data = tmp_path / "data"
    with running(tmp_path, "--dir", data) as first:
        token = first.settings["CLOUDFLARE_API_TOKEN"]
    for path in [data, *data.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    with running(tmp_path, "--dir", data) as second:
        assert second.settings["CLOUDFLARE_API_TOKEN"] == token
        assert_private(data)


def refuse(folder, data):
    done = subprocess.run([LITEFLARE, "dev", "--dir", data], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.stderr


@pytest.mark.parametrize("planted", ["account.json", "d1", "account.json.new", ".lock", "d1/registry.json"])
def test_a_folder_in_which_another_user_has_put_something_is_refused(tmp_path, planted):
    data, theirs = tmp_path / "data", tmp_path / "theirs"
    (data / "d1").mkdir(parents=True, mode=0o777)
    data.chmod(0o777)
    theirs.write_bytes(b"theirs")
    if planted == "d1":
        (data / "d1").rmdir()
    (data / planted).symlink_to(theirs)
    os.lchown(data / planted, NOBODY, NOBODY)
    line = refuse(tmp_path, data)
    assert planted in line and "another user" in line
    assert theirs.read_bytes() == b"theirs"


def test_a_folder_of_another_user_is_refused(tmp_path):
    (data := tmp_path / "data").mkdir()
    os.chown(data, NOBODY, NOBODY)
    assert "belongs to another user" in refuse(tmp_path, data)
    assert list(data.iterdir()) == []


def test_a_link_to_a_folder_is_followed(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with running(tmp_path, "--dir", tmp_path / "link"):
        assert_private(tmp_path / "data")
