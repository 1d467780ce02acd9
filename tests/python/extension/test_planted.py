"""What another user of the machine may have put at the database's path: a pipe, a link, a large file. Nothing hangs, nothing is read as a
whole, and nothing is written where a link leads."""

import os
import socket
import time

import pytest

pytestmark = pytest.mark.any_cloud

# How much memory the process had at most, in MiB, beside what it takes without the file.
OPEN = """
import resource
mebibytes = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
before = mebibytes()
attempt(lambda: sqlite3.connect(PATH).execute("SELECT 1 FROM sqlite_schema"))
print(mebibytes() - before)
"""


def opened(app, **settings):
    """What the application gets, how much memory it took, and the log."""
    begun = time.monotonic()
    done = app.run(OPEN, connect=False, **settings)
    assert done.returncode == 0 and time.monotonic() - begun < 20, done.stderr
    error, mebibytes = done.stdout.splitlines()
    return error, int(mebibytes), done.stderr


def test_a_large_database_is_told_by_its_first_bytes(app):
    with app.path.open("wb") as file:
        file.write(b"SQLite format 3\0")
        file.truncate(2 << 30)
    error, mebibytes, log = opened(app)
    assert error == "unable to open database file" and "is a local SQLite database" in log
    assert mebibytes < 100
    assert app.path.stat().st_size == 2 << 30


@pytest.mark.parametrize("kind", ["pipe", "socket", "folder", "device"])
def test_what_is_no_file_is_refused_at_once(app, kind):
    match kind:
        case "pipe":
            os.mkfifo(app.path)
        case "socket":
            socket.socket(socket.AF_UNIX).bind(os.path.relpath(app.path))  # a socket's path must be short
        case "folder":
            app.path.mkdir()
        case "device":
            os.mknod(app.path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    error, _, log = opened(app)
    assert error == "unable to open database file" and "not a regular file" in log and str(app.path) in log


@pytest.mark.parametrize("there", [None, b""])
def test_no_marker_is_written_where_a_link_leads(app, tmp_path, there):
    victim = tmp_path / "victim"
    if there is not None:
        victim.write_bytes(there)
    app.path.symlink_to(victim)
    error, _, log = opened(app)
    assert error == "unable to open database file" and "symbolic link" in log and str(app.path) in log
    assert (victim.read_bytes() if victim.exists() else None) == there


def test_a_database_behind_a_link_goes_on_once_its_marker_is_there(filled, tmp_path):
    moved = tmp_path / "moved.db"
    filled.path.rename(moved)
    filled.path.symlink_to(moved)
    assert filled.succeed("print(db.execute('SELECT count(*) FROM t').fetchall())") == "[(1,)]"
    assert filled.path.is_symlink() and moved.read_bytes().startswith(b"liteflare: ")


def test_a_marker_that_names_another_database_leads_nowhere(filled, cloud):
    """A root from elsewhere may hold one: what it says is for people to read."""
    theirs = b"liteflare: this database lives in Cloudflare D1, not in this file.\nAccount: theirs\nDatabase: theirs\n"
    filled.path.write_bytes(theirs)
    assert filled.succeed("print(db.execute('SELECT count(*) FROM t').fetchall())") == "[(1,)]"
    assert b"theirs" not in filled.path.read_bytes()


def test_a_marker_is_replaced_and_not_overwritten(filled, tmp_path):
    """Another name of the same file may be anything."""
    other = tmp_path / "other"
    filled.path.write_bytes(b"")
    os.link(filled.path, other)
    filled.succeed("db.execute('SELECT 1')")
    assert other.read_bytes() == b"" and filled.path.read_bytes().startswith(b"liteflare: ")
