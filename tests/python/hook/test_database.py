"""A database's path, read as a file: to everything but SQLite through liteflare it looks like the SQLite file it stands for."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing

import pytest

from support import clouds
from support.relay import Relay

MADE = """
import os, shutil, sqlite3, sys, tarfile, time
from pathlib import Path
PATH = Path(os.environ["TEST_PATH"])
def rows(path):
    with open(path, "rb") as file:
        image = file.read()
    copy = Path(str(path) + ".plain")
    copy.write_bytes(image)
    db = sqlite3.connect(copy)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = db.execute("SELECT id, length(v) FROM t ORDER BY id").fetchall()
    db.close()
    copy.unlink()
    return found
"""
FILL = """
db = sqlite3.connect(PATH)
db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
db.executemany("INSERT INTO t(v) VALUES (?)", [("x" * 1000,)] * 200)
db.commit()
"""


class Database:
    """A database on a cloud behind a relay that counts, and programs that are run under the hook."""

    def __init__(self, settings, relay, path):
        self.settings, self.relay, self.path = settings, relay, path
        path.parent.mkdir()
        ours = ("LITEFLARE", "CLOUDFLARE", "R2_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        database = {**settings, "LITEFLARE_D1_API": relay.url, "LITEFLARE_DB": str(path), "LITEFLARE_REFRESH": "never"}
        self.environment = {**kept, **database, "LITEFLARE_TIMEOUT": "2s", "TEST_PATH": str(path)}

    def try_to(self, *command, **more):
        command = [str(clouds.LITEFLARE), "run", "--", *map(str, command)]
        environment = {name: value for name, value in {**self.environment, **more}.items() if value is not None}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def run(self, *command, **more):
        done = self.try_to(*command, **more)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def python(self, code, **more):
        return self.run(sys.executable, "-c", MADE + code, **more)

    def asked(self, work):
        """What `work` returns, and how many requests it cost."""
        before = len(self.relay.requests)
        return work(), len(self.relay.requests) - before


@pytest.fixture
def database(cloud, tmp_path):
    settings = cloud.database()
    with Relay(settings["LITEFLARE_D1_API"]) as relay:
        yield Database(settings, relay, tmp_path / "databases" / "app.db")


@pytest.fixture
def filled(database):
    database.python(FILL)
    return database


def assert_whole(filled, path):
    """A SQLite file like any other, with the rows that D1 has."""
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = db.execute("SELECT id, v FROM t ORDER BY id").fetchall()
    assert [list(row) for row in found] == clouds.query(filled.settings, "SELECT id, v FROM t ORDER BY id") and found


def test_a_process_finds_the_file_of_its_own_database(database):
    """As InvokeAI does at its start: the size before and after VACUUM. And copies, in all of Python's ways."""
    database.python(FILL)
    assert database.path.stat().st_size < 1000, "what lies on the disk is the marker"
    code = """
db = sqlite3.connect(PATH)
whole = PATH.stat().st_size
assert whole == db.execute("PRAGMA page_count").fetchone()[0] * 4096 > 200_000, whole
db.execute("DELETE FROM t WHERE id > 100")
db.commit()
assert PATH.stat().st_size == whole
db.execute("VACUUM")
assert PATH.stat().st_size == os.path.getsize(PATH) == db.execute("PRAGMA page_count").fetchone()[0] * 4096 < whole
expected = db.execute("SELECT id, length(v) FROM t ORDER BY id").fetchall()
assert len(expected) == 100 and rows(PATH) == expected
for copy in (shutil.copy, shutil.copy2, shutil.copyfile):
    copy(PATH, f"{PATH}.{copy.__name__}")
    assert rows(f"{PATH}.{copy.__name__}") == expected
with tarfile.open(f"{PATH}.tar", "w") as tar:
    tar.add(PATH, "inside.db")
with tarfile.open(f"{PATH}.tar") as tar:
    tar.extractall(PATH.parent / "untarred", filter="data")
assert rows(PATH.parent / "untarred" / "inside.db") == expected
# Any descriptor of it answers like its path; a reader keeps the state in which it was opened.
with open(PATH, "rb") as reader:
    assert os.path.samestat(os.fstat(reader.fileno()), os.stat(PATH)) and os.fstat(reader.fileno()).st_mtime == os.stat(PATH).st_mtime
    db.execute("INSERT INTO t(v) VALUES ('later')")
    db.commit()
    assert len(reader.read()) == os.fstat(reader.fileno()).st_size
expected = db.execute("SELECT id, length(v) FROM t ORDER BY id").fetchall()
assert len(expected) == 101 and rows(PATH) == expected
# While a transaction is open, the last committed state.
db.execute("DELETE FROM t")
assert rows(PATH) == expected
db.rollback()
os.chdir(PATH.parent)
assert rows("app.db") == rows("../databases/app.db") == expected
at = os.open("..", os.O_RDONLY)
assert os.stat("databases/app.db", dir_fd=at).st_size == PATH.stat().st_size
"""
    _, requests = database.asked(lambda: database.python(code))
    # A start (1 request, and 1 page of rows), the two commits (VACUUM changes no row): all that was read cost nothing.
    assert requests == hydration(database) + 2


def hydration(database):
    _, requests = database.asked(lambda: database.python("sqlite3.connect(PATH).execute('SELECT 1 FROM t')"))
    assert requests <= 4, "a start costs 3, and a page of rows"
    return requests


@pytest.mark.parametrize(
    "copy",
    [
        "cp {path} {to}",
        "cp --preserve=all {path} {to}",
        "cat < {path} > {to}",
        "dd if={path} of={to} status=none",
        "cd {folder} && tar -cf {to}.tar app.db && tar -xf {to}.tar -O > {to}",
        "install -m 600 {path} {to}",
        "python3 -c \"import shutil; shutil.copy2('{path}', '{to}')\"",
    ],
)
def test_other_programs_copy_the_database(filled, tmp_path, copy):
    to = tmp_path / "copy.db"
    expected = hydration(filled)
    command = copy.format(path=filled.path, to=to, folder=filled.path.parent)
    _, requests = filled.asked(lambda: filled.run("bash", "-c", command))
    assert requests == expected, "size and bytes are of one state, which is fetched once"
    assert_whole(filled, to)
    assert filled.path.stat().st_size < 1000, "nothing but the marker is on the disk"


def test_size_and_bytes_are_those_of_one_state(filled):
    """`tar` writes the size it was told first; another process commits between the two."""
    code = """
import subprocess
size = PATH.stat().st_size
other = "import os, sqlite3; db = sqlite3.connect(os.environ['TEST_PATH']); db.executemany('INSERT INTO t(v) VALUES (?)', [('y' * 1000,)] * 300); db.commit()"
subprocess.run([sys.executable, "-c", other], check=True)
assert PATH.stat().st_size == size == len(PATH.read_bytes())
assert len(rows(PATH)) == 200
"""
    filled.python(code)
    assert filled.run("stat", "-c", "%s", filled.path) > filled.run("bash", "-c", "echo 300000")


def test_looking_at_the_path_before_opening_it_costs_nothing_more(filled):
    _, requests = filled.asked(
        lambda: filled.python("assert PATH.exists() and PATH.stat().st_size; sqlite3.connect(PATH).execute('SELECT 1 FROM t')")
    )
    assert requests == hydration(filled)


def test_a_child_made_by_fork_finds_it_too(filled):
    code = """
db = sqlite3.connect(PATH)
size = PATH.stat().st_size
child = os.fork()
if child == 0:
    os._exit(0 if PATH.stat().st_size == size and len(rows(PATH)) == 200 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    filled.python(code)


@pytest.mark.parametrize("opens", [True, False], ids=["beside connections", "alone"])
def test_many_threads_read_it_at_once(filled, opens):
    code = f"""
import concurrent.futures
held = sqlite3.connect(PATH) if {opens} else None
def work(number):
    if {opens} and number % 3 == 0:
        db = sqlite3.connect(PATH)
        found = db.execute("SELECT id, length(v) FROM t ORDER BY id").fetchall()
        db.close()
        return found
    path = PATH.parent / f"copy{{number}}"
    shutil.copyfile(PATH, path)
    return rows(path)
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    found = list(pool.map(work, range(24)))
assert len(found[0]) == 200 and all(other == found[0] for other in found)
"""
    _, requests = filled.asked(lambda: filled.python(code))
    assert requests == hydration(filled), "all of them share one replica"


def test_a_connection_begins_with_what_d1_holds_now(filled):
    """Also where the path was read as a file before, and another process has committed since."""
    code = """
import subprocess
assert len(rows(PATH)) == 200
other = "import os, sqlite3; db = sqlite3.connect(os.environ['TEST_PATH']); db.execute('INSERT INTO t(v) VALUES (1)'); db.commit()"
subprocess.run([sys.executable, "-c", other], check=True)
assert len(rows(PATH)) == 200
time.sleep(1.1)  # the refresh interval
db = sqlite3.connect(PATH)
assert db.execute("SELECT count(*) FROM t").fetchone() == (201,) and len(rows(PATH)) == 201
"""
    filled.python(code)


def test_whoever_writes_meets_the_marker(filled):
    marker = filled.path.read_bytes()
    done = filled.try_to("sqlite3", filled.path, "DELETE FROM t") if shutil.which("sqlite3") else None
    assert done is None or (done.returncode != 0 and "file is not a database" in done.stderr)
    # SQLite without our VFS: a Python of which only the path hook knows.
    code = "import sqlite3, sys\ntry: sqlite3.connect(sys.argv[1]).execute('DELETE FROM t')\nexcept sqlite3.DatabaseError as error: print(error)"
    plain = {"PYTHONPATH": None, "LITEFLARE_LIBRARY": "/none"}
    done = filled.try_to("env", "-u", "PYTHONPATH", sys.executable, "-c", code, filled.path, **plain)
    assert (done.stdout, done.stderr) == ("file is not a database\n", "")
    for mode in ("r+b", "ab"):
        filled.python(f"f = open(PATH, {mode!r}); assert os.fstat(f.fileno()).st_size == {len(marker)}")
    assert filled.path.read_bytes() == marker
    assert clouds.query(filled.settings, "SELECT count(*) FROM t") == [[200]]


def test_renaming_and_deleting_the_path_is_about_the_marker(filled, tmp_path):
    marker = filled.path.read_bytes()
    filled.run("mv", filled.path, tmp_path / "moved")
    assert (tmp_path / "moved").read_bytes() == marker and not filled.path.exists()
    filled.python("sqlite3.connect(PATH).execute('SELECT 1 FROM t')")
    assert filled.path.read_bytes() == marker, "the next start writes it again"
    # To another disk `mv` copies, and what it reads is the database.
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        assert os.stat(elsewhere).st_dev != os.stat(tmp_path).st_dev
        filled.run("mv", filled.path, f"{elsewhere}/moved.db")
        assert_whole(filled, f"{elsewhere}/moved.db")
        assert not filled.path.exists()
    filled.python("sqlite3.connect(PATH).execute('SELECT 1 FROM t')")
    filled.run("rm", filled.path)
    done = filled.try_to("stat", filled.path)
    assert done.returncode == 1 and "No such file" in done.stderr
    assert clouds.query(filled.settings, "SELECT count(*) FROM t") == [[200]], "D1 has not noticed"


def test_other_files_beside_it_are_what_they_are(filled):
    other = filled.path.with_name("other.db")
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE x(v)")
    size, data = other.stat().st_size, other.read_bytes()
    code = f"assert Path({str(other)!r}).stat().st_size == {size} and len(Path({str(other)!r}).read_bytes()) == {size}"
    patterns = {"LITEFLARE_DB": f"{filled.path.parent}/*.db"}
    _, requests = filled.asked(lambda: filled.python(code, **patterns))
    assert requests == 0 and other.read_bytes() == data
    # A backup made over the connection is a plain file, and so is a local database at the very path.
    filled.python("db = sqlite3.connect(PATH); to = sqlite3.connect(str(PATH) + '.bak'); db.backup(to); to.close()")
    assert_whole(filled, f"{filled.path}.bak")
    other.replace(filled.path)
    _, requests = filled.asked(lambda: filled.run("cmp", filled.path, filled.path))
    assert requests == 0 and filled.path.read_bytes() == data


def test_a_missing_setting_is_an_error_with_one_warning(filled, tmp_path):
    to = tmp_path / "copy.db"
    for setting in ({"CLOUDFLARE_API_TOKEN": None}, {"CLOUDFLARE_API_TOKEN": "wrong"}, {"LITEFLARE_D1_API": "http://127.0.0.1:1"}):
        done = filled.try_to("cp", filled.path, to, **setting)
        assert done.returncode == 1 and "Input/output error" in done.stderr and not to.exists()
        warnings = re.findall("WARN", done.stderr)
        assert len(warnings) == 1, done.stderr
        if None in setting.values():
            assert "CLOUDFLARE_API_TOKEN is not set" in done.stderr
        code = "try: PATH.stat()\nexcept OSError as error: print(error.errno)\ntry: open(PATH)\nexcept OSError as error: print(error.errno)"
        done = filled.try_to(sys.executable, "-c", MADE + code, **setting)
        assert done.stdout == "5\n5\n" and len(re.findall("WARN", done.stderr)) == 1
        # Nothing else is touched by it.
        assert filled.run("ls", filled.path.parent, **setting) == "app.db\n"


def test_a_database_named_after_the_start_is_found(filled):
    """One process may serve several databases by changing the environment between opens."""
    second = filled.path.with_name("second.sqlite")
    code = f"""
db = sqlite3.connect(PATH)
os.environ["LITEFLARE_DB"] = {str(second)!r}
other = sqlite3.connect({str(second)!r})
assert os.stat({str(second)!r}).st_size == PATH.stat().st_size == db.execute("PRAGMA page_count").fetchone()[0] * 4096
"""
    filled.python(code)
