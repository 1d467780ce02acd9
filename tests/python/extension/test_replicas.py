"""A process whose replica is read anew, or kept after its last connection, shows what one SQLite file would."""

import subprocess
import sys
import time

import pytest

from support.sqlite_app import CONNECT, OPEN, OPENED

TABLES = """
db.executescript('''
    CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT, w INTEGER);
    CREATE INDEX a_v ON a(v); CREATE INDEX a_w ON a(w);
    CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT, w INTEGER);
''')
db.executemany('INSERT INTO a(v, w) VALUES (?, ?)', [(f'a{i}', i % 7) for i in range(50)])
db.executemany('INSERT INTO b(v, w) VALUES (?, ?)', [(f'b{i}', i % 7) for i in range(50)])
db.commit()
"""


def test_a_change_by_d1_query_under_an_open_connection(app):
    app.succeed(TABLES)
    code = """
db.executemany('INSERT INTO a(v, w) VALUES (?, ?)', [(f'more{i}', i % 7) for i in range(800)])
db.commit()
other = sqlite3.connect(PATH)
READS = ["SELECT count(*) FROM a WHERE w = 3", "SELECT id, w FROM a WHERE v = 'more5'", "SELECT count(*), sum(w) FROM b"]
def look(db):
    return [db.execute(sql).fetchall() for sql in READS]
look(db), look(other)
rows("UPDATE a SET w = 3 WHERE v = 'more5'")
db.execute("SELECT liteflare_sync()").fetchall()
assert look(db) == look(other) == [[(122,)], [(56, 3)], [(50, 146)]], look(db)
db.execute("UPDATE a SET w = 4 WHERE v = 'more5'")
db.commit()
assert look(other)[1] == [(56, 4)]
assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
"""
    app.succeed(OPENED + code)
    assert app.rows("SELECT w FROM a WHERE v = 'more5'") == [[4]]


CHANGES = {
    "many rows": "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000) INSERT INTO a(v, w) SELECT 'n' || i, i % 7 FROM n",
    "a column dropped": "DROP INDEX a_w; ALTER TABLE a DROP COLUMN w",
    "a column added": "ALTER TABLE a ADD COLUMN x DEFAULT 'x'; UPDATE a SET x = id",
    "a table made anew": "DROP TABLE a; CREATE TABLE a(v TEXT, id INTEGER PRIMARY KEY, w); CREATE INDEX a_v ON a(w); INSERT INTO a VALUES ('a3', 7, 8)",
    "names swapped": "ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b",
    "an index more": "CREATE INDEX b_v ON b(v)",
}
# Says what its connections show, at the start and after each line it gets.
WATCH = """
db.isolation_level = None
reader = sqlite3.connect(PATH, isolation_level=None)
READS = ["SELECT * FROM a WHERE id < 4", "SELECT id, w FROM a WHERE v = 'a3'", "SELECT count(*) FROM a WHERE w = 3", "SELECT * FROM b WHERE v = 'b3'", "SELECT count(*), max(v) FROM b"]
WRITES = ["UPDATE a SET w = 100 WHERE v = 'a3'", "UPDATE b SET v = 'changed' WHERE v = 'b4'", "DELETE FROM a WHERE id = 5"]
def show(db, statements):
    for sql in statements:
        try:
            found = db.execute(sql).fetchall()
        except sqlite3.Error as error:
            found = error
        print(sql, found)
if VACUUMS:
    db.execute("VACUUM")
show(db, READS)
reader.execute("BEGIN")
show(reader, READS)
print("ready", flush=True)
sys.stdin.readline()
show(reader, READS)
show(db, READS)
reader.execute("COMMIT")
show(reader, READS)
show(db, WRITES)
show(reader, READS)
print(*db.iterdump(), db.execute("PRAGMA integrity_check").fetchall(), sep="\\n")
"""


def change_under(process, change):
    """What a process says that watches while another one makes a change."""
    begun = list(iter(process.stdout.readline, "ready\n"))
    change()
    out, log = process.communicate("go\n", timeout=60)
    assert (process.returncode, log) == (0, "")
    return "".join(begun) + out


@pytest.mark.parametrize("vacuums", [False, True], ids=["", "after a vacuum"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_by_another_process_under_open_connections(app, tmp_path, name, vacuums):
    change = f"db.executescript({'BEGIN; ' + CHANGES[name] + '; COMMIT'!r})"
    watch = WATCH.replace("VACUUMS", str(vacuums))
    app.succeed(TABLES)
    seen = change_under(app.start(watch, LITEFLARE_REFRESH="always"), lambda: app.succeed(change))
    assert seen == on_a_file(tmp_path / "plain.db", watch, change)


def on_a_file(path, watch, change):
    """The same on a SQLite file, whose readers keep their state as those of a replica do."""

    def start(code):
        command = [sys.executable, "-c", OPEN + CONNECT + code]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env={"TEST_PATH": str(path)}, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def succeed(code):
        done = start(code)
        assert done.communicate(timeout=60)[1] == ""

    succeed("db.execute('PRAGMA journal_mode=wal')\n" + TABLES)
    return change_under(start(watch), lambda: succeed(change))


def test_a_connection_for_each_request(filled):
    """As Django and Flask have it; and a child made by `fork` finds a replica of its own."""
    code = """
from contextlib import closing
def request():
    with closing(sqlite3.connect(PATH)) as db:
        return db.execute("SELECT count(*) FROM t").fetchone()[0]
begun = time.monotonic()
print(*{request() for _ in range(100)}, time.monotonic() - begun, flush=True)
child = os.fork()
if child == 0:
    print(request(), request(), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), request())
"""
    hydration = requests_of(
        filled, "with __import__('contextlib').closing(sqlite3.connect(PATH)) as db: db.execute('SELECT 1 FROM t').fetchall()"
    )
    begun = time.monotonic()
    before = len(filled.relay.requests)
    lines = filled.succeed(code, connect=False, LITEFLARE_REFRESH="1s").splitlines()
    asked, seconds = len(filled.relay.requests) - before, time.monotonic() - begun
    assert lines[0].startswith("1 ") and lines[1:] == ["1 1", "0 1"]
    # Once in the parent and once in the child, and what the interval asks for.
    assert asked <= 2 * hydration + 2 * (seconds + 1)


def requests_of(app, code):
    before = len(app.relay.requests)
    app.succeed(code, connect=False)
    return len(app.relay.requests) - before


def test_closing_an_inherited_connection_in_a_child_waits_for_nobody(filled):
    """The parent's threads hold its locks at the moment of the fork."""
    code = """
import gc
stop = threading.Event()
def work():
    while not stop.is_set():
        other = sqlite3.connect(PATH, check_same_thread=False)
        other.execute("SELECT * FROM t").fetchall()
        other.close()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for _ in range(30):
    child = os.fork()
    if child == 0:
        db.close()
        os._exit(0)
    deadline = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, "the child hangs"
        time.sleep(0.01)
stop.set()
for thread in threads: thread.join()
"""
    filled.succeed(code, LITEFLARE_REFRESH="1s")
