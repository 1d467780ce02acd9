"""Which paths are D1's, under which names, and what lies there for those who come without liteflare."""

import os
import sqlite3

import pytest

from support import clouds
from support.relay import REQUEST, Relay

INSERT = "db.execute('CREATE TABLE IF NOT EXISTS t(v)'); db.execute('INSERT INTO t VALUES (?)', (sys.argv[0],)); db.commit()"
COUNT = "print(db.execute('SELECT count(*) FROM t').fetchone()[0])"


@pytest.mark.any_cloud
def test_the_marker_says_where_the_database_is(filled):
    marker = filled.path.read_text()
    assert marker.startswith("liteflare: this database lives in Cloudflare D1, not in this file.\n")
    assert f"Account: {filled.settings['CLOUDFLARE_ACCOUNT_ID']}\n" in marker
    assert f"Database: {filled.settings['LITEFLARE_D1_DATABASE']}\n" in marker
    assert filled.token not in marker and filled.path.stat().st_size == len(marker)
    with pytest.raises(sqlite3.DatabaseError, match="file is not a database"):
        sqlite3.connect(filled.path).execute("SELECT * FROM t")
    with pytest.raises(sqlite3.DatabaseError, match="file is not a database"):
        sqlite3.connect(filled.path).execute("CREATE TABLE t(x)")
    assert filled.path.read_text() == marker
    assert list(filled.files()) == ["app.db"], "neither a journal nor a WAL"


@pytest.mark.any_cloud
def test_a_lost_marker_is_written_again(filled):
    marker = filled.path.read_bytes()
    filled.path.unlink()
    assert filled.succeed(COUNT) == "1" and filled.path.read_bytes() == marker
    filled.path.write_bytes(b"")
    assert filled.succeed(COUNT) == "1" and filled.path.read_bytes() == marker
    # Under a connection that is open.
    assert filled.succeed("os.unlink(PATH); db.execute('INSERT INTO t(v) VALUES (2)'); db.commit()" + "\n" + COUNT) == "2"
    assert filled.rows("SELECT count(*) FROM t") == [[2]]


@pytest.mark.any_cloud
@pytest.mark.parametrize(
    "opened",
    ["app.db", "./app.db", "../databases/app.db", "file:app.db", "file:{path}", "file:{path}?mode=rwc&cache=private", "{link}/app.db"],
)
def test_a_path_is_the_same_however_it_is_written(filled, tmp_path, opened):
    link = tmp_path / "link"
    link.symlink_to(filled.path.parent, target_is_directory=True)
    opened = opened.format(path=filled.path, link=link)
    connect = f"db = sqlite3.connect({opened!r}, uri=True)\n"
    assert filled.succeed(connect + COUNT, connect=False, cwd=filled.path.parent) == "1"


@pytest.mark.any_cloud
@pytest.mark.parametrize(
    "pattern",
    [
        "{root}/databases/*.db",
        "{root}/*/app.db",
        "/nowhere:{path}",
        "{link}/*.db",
        "{link}/app.db",
        "{root}/**/app.db",
        "{root}/databases/a[p]p.{{db,sqlite}}",
    ],
)
def test_patterns_name_paths(filled, tmp_path, pattern):
    link = tmp_path / "link"
    link.symlink_to(filled.path.parent, target_is_directory=True)
    pattern = pattern.format(root=tmp_path, path=filled.path, link=link)
    assert filled.succeed(COUNT, LITEFLARE_DB=pattern) == "1"
    other = "plain = sqlite3.connect(PATH + '.plain'); plain.execute('CREATE TABLE t(x)'); print(open(PATH + '.plain', 'rb').read(6))"
    assert filled.succeed(other, connect=False, LITEFLARE_DB=pattern) == "b'SQLite'"


@pytest.mark.any_cloud
def test_without_a_pattern_it_is_invokeais_database(app):
    app.path = app.path.with_name("invokeai.db")
    app.succeed(INSERT, LITEFLARE_DB=None)
    assert app.rows("SELECT count(*) FROM t") == [[1]]
    (root := app.path.parent.parent / "roots").symlink_to(app.path.parent.parent)
    assert app.succeed(COUNT, LITEFLARE_DB=None, LITEFLARE_ROOT=root) == "1"
    assert app.succeed(COUNT, LITEFLARE_DB=None, LITEFLARE_ROOT=".", cwd=app.path.parent.parent) == "1"
    assert app.succeed(COUNT, LITEFLARE_DB=None, LITEFLARE_ROOT=None, INVOKEAI_ROOT=root) == "1"


def test_one_process_serves_two_databases(app, cloud):
    """The settings are read when a path is opened."""
    second = clouds.new_database(cloud.settings)
    printed = app.succeed(
        f"""
first = os.environ["LITEFLARE_D1_DATABASE"]
a = sqlite3.connect(PATH); a.execute("CREATE TABLE t(v)"); a.execute("INSERT INTO t VALUES ('a')"); a.commit()
os.environ["LITEFLARE_D1_DATABASE"] = {second["LITEFLARE_D1_DATABASE"]!r}
b = sqlite3.connect(PATH + "2"); b.execute("CREATE TABLE t(v)"); b.execute("INSERT INTO t VALUES ('b')"); b.commit()
a.execute("INSERT INTO t VALUES ('a2')"); a.commit()
print(a.execute("SELECT * FROM t").fetchall(), b.execute("SELECT * FROM t").fetchall())
again = sqlite3.connect(PATH)                       # the same path, now with the second database
print(again.execute("SELECT * FROM t").fetchall(), a.execute("SELECT * FROM t").fetchall())
""",
        connect=False,
        LITEFLARE_DB=f"{app.path}*",
    )
    assert printed.splitlines() == ["[('a',), ('a2',)] [('b',)]", "[('b',)] [('a',), ('a2',)]"]
    assert app.rows("SELECT * FROM t") == [["a"], ["a2"]]
    assert clouds.query(second, "SELECT * FROM t") == [["b"]]


def test_two_paths_of_one_database_are_two_replicas(app):
    printed, log = app.complain(
        """
a, b = sqlite3.connect(PATH), sqlite3.connect(PATH + "2")
a.execute("CREATE TABLE t(v)")
b.execute("SELECT liteflare_sync()").fetchone()
b.execute("INSERT INTO t VALUES ('b')"); b.commit()
attempt(a.execute, "INSERT INTO t VALUES ('late')"); attempt(a.commit); a.rollback()
print(a.execute("SELECT * FROM t").fetchall())
""",
        connect=False,
        LITEFLARE_DB=f"{app.path}*",
    )
    assert printed.splitlines() == ["done", "database is locked", "[('b',)]"]
    assert log == "another writer committed first; the transaction was rolled back and may be tried again"


TWO = """
first = os.environ["LITEFLARE_D1_DATABASE"]
db = sqlite3.connect(PATH, isolation_level=None)
os.environ["LITEFLARE_D1_DATABASE"], os.environ["LITEFLARE_D1_API"] = SECOND
db.execute("ATTACH ? AS two", (PATH + "2",))
db.execute("ATTACH ? AS plain", (PATH + ".plain",))
db.executescript("CREATE TABLE main.a(v); CREATE TABLE two.b(v); CREATE TABLE plain.c(v)")
def everything():
    return [db.execute(f"SELECT v FROM {table}").fetchall() for table in "abc"]
BOTH = "BEGIN; INSERT INTO a VALUES ({0}); INSERT INTO b VALUES ({0}); INSERT INTO c VALUES ({0}); COMMIT"
db.executescript(BOTH.format(1))
"""


@pytest.fixture
def two(app, cloud):
    """An application with two replicas and a plain file attached to one connection; the second's network can be down."""
    second = clouds.new_database(cloud.settings)
    with Relay(second["LITEFLARE_D1_API"]) as relay:
        where = (second["LITEFLARE_D1_DATABASE"], relay.url)

        class Two:
            databases = app, second
            relays = app.relay, relay

            def start(code):
                return app.start(
                    f"SECOND = {where!r}\n{TWO}{code}", connect=False, LITEFLARE_DB=f"{app.path}:{app.path}2", LITEFLARE_TIMEOUT="1s"
                )

        yield Two


def test_a_transaction_over_attached_databases_is_undone_when_a_later_one_fails(two):
    """The first replica has committed by then; what undoes it is a commit of its own."""
    process = two.start(
        """
print("ready", flush=True); sys.stdin.readline()
attempt(db.executescript, BOTH.format(2))
print(db.in_transaction, everything(), flush=True); sys.stdin.readline()
db.executescript(BOTH.format(3))
print(everything(), db.execute("PRAGMA integrity_check").fetchall())
"""
    )
    assert process.stdout.readline() == "ready\n"
    first, second = two.databases
    commits = first.rows("SELECT count(*) FROM _lf_commit")[0][0]
    two.relays[1].is_down = True
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "disk I/O error\n"
    assert process.stdout.readline() == "False [[(1,)], [(1,)], [(1,)]]\n"
    assert first.rows("SELECT v FROM a") == [[1]]
    assert first.rows("SELECT count(*) FROM _lf_commit") == [[commits + 2]], "the commit, and the one that undoes it"
    two.relays[1].is_down = False
    out, log = process.communicate("\n", timeout=30)
    assert out == "[[(1,), (3,)], [(1,), (3,)], [(1,), (3,)]] [('ok',)]\n"
    assert log.count("\n") == 1
    assert first.rows("SELECT v FROM a") == [[1], [3]] and clouds.query(second, "SELECT v FROM b") == [[1], [3]]
    with sqlite3.connect(f"{first.path}.plain") as plain:
        assert plain.execute("SELECT v FROM c").fetchall() == [(1,), (3,)]


def test_a_transaction_over_attached_databases_is_undone_when_the_first_one_fails(two):
    process = two.start(
        """
print("ready", flush=True); sys.stdin.readline()
attempt(db.executescript, BOTH.format(2))
print(db.in_transaction, everything(), flush=True)
"""
    )
    assert process.stdout.readline() == "ready\n"
    two.relays[0].is_down = True
    out, log = process.communicate("\n", timeout=30)
    assert out == "disk I/O error\nFalse [[(1,)], [(1,)], [(1,)]]\n" and log.count("\n") == 1
    first, second = two.databases
    assert first.rows("SELECT v FROM a") == [[1]] and clouds.query(second, "SELECT v FROM b") == [[1]]


def test_a_transaction_over_a_replica_and_a_file_is_undone_when_the_file_fails(two):
    """Another connection reads the file: SQLite cannot commit there, and tries that first."""
    process = two.start(
        """
reader = sqlite3.connect(PATH + ".plain", isolation_level=None)
reader.execute("BEGIN"); reader.execute("SELECT * FROM c").fetchall()
db.execute("PRAGMA busy_timeout = 0")
attempt(db.executescript, BOTH.format(2))
print(db.in_transaction); db.execute("ROLLBACK")
print(everything())
import resource, signal
reader.execute("COMMIT")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = os.path.getsize(PATH + ".plain")
resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))      # a full disk
attempt(db.executescript, BOTH.format("zeroblob(100000)"))
if db.in_transaction: db.execute("ROLLBACK")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(everything())
db.executescript(BOTH.format(3))
print(everything())
"""
    )
    out, log = process.communicate(timeout=30)
    unchanged = "[[(1,)], [(1,)], [(1,)]]"
    lines = out.splitlines()
    assert lines[:3] == ["database is locked", "True", unchanged], log
    assert lines[3] in ("disk I/O error", "database or disk is full")
    assert lines[4:] == [unchanged, "[[(1,), (3,)], [(1,), (3,)], [(1,), (3,)]]"]
    first, second = two.databases
    assert first.rows("SELECT v FROM a") == [[1], [3]] and clouds.query(second, "SELECT v FROM b") == [[1], [3]]
    assert log == ""


@pytest.fixture
def journal(tmp_path):
    """What a killed application left beside its database when that was still local: SQLite would play it back."""
    local = sqlite3.connect(tmp_path / "local.db", isolation_level=None)
    local.executescript(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t(v) VALUES (zeroblob(100000)); PRAGMA cache_size = 1; BEGIN; UPDATE t SET v = 0"
    )
    content = (tmp_path / "local.db-journal").read_bytes()
    assert content.startswith(b"\xd9\xd5\x05\xf9")
    return content


@pytest.mark.any_cloud
def test_a_file_beside_the_path_is_no_journal_of_a_replica(filled, journal):
    filled.path.with_name("app.db-journal").write_bytes(journal)
    for suffix in ["-wal", "-shm"]:
        filled.path.with_name("app.db" + suffix).write_bytes(os.urandom(4096))
    before = filled.state()
    assert filled.succeed(COUNT) == "1"
    assert filled.state() == before


@pytest.mark.any_cloud
def test_nor_while_another_replica_is_built(filled, journal):
    filled.path.with_name("app.db-journal").write_bytes(journal)
    before = filled.d1()
    process = filled.start(
        f"""
print("open", flush=True); sys.stdin.readline()
threading.Thread(target=sqlite3.connect, args=(PATH + "2",)).start()
sys.stdin.readline()
{COUNT}
db.execute("UPDATE t SET v = v"); db.commit()
print(db.execute("PRAGMA integrity_check").fetchall(), flush=True)
""",
        LITEFLARE_DB=f"{filled.path}*",
    )
    assert process.stdout.readline() == "open\n"
    hold = filled.relay.hold(REQUEST, "OVER (ROWS")
    process.stdin.write("go\n")
    process.stdin.flush()
    hold.wait()
    process.stdin.write("go on\n")
    process.stdin.flush()
    assert [process.stdout.readline() for _ in range(2)] == ["1\n", "[('ok',)]\n"]
    hold.release()
    assert process.communicate(timeout=30) == ("", "")
    assert filled.d1() == before


def test_a_full_disk_leaves_no_empty_marker(app):
    # The signal that goes with the limit would end the process; a disk that is full sends none.
    full = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (10, -1))\n"
    error, log = app.complain(
        full + "attempt(lambda: sqlite3.connect(PATH).execute('SELECT 1 FROM sqlite_schema').fetchall())", connect=False
    )
    assert error == "unable to open database file" and str(app.path) in log
    assert app.files() == {}, "neither a marker nor a part of one"
    assert app.succeed("print(db.execute('SELECT count(*) FROM sqlite_schema').fetchone())") == "(0,)"
    assert app.path.read_text().startswith("liteflare: ")
