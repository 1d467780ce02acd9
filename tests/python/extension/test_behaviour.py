"""What Python's sqlite3 does with a plain file it does with a replica: connections, threads, transactions, copies, forks.

Most tests run the same code on a plain SQLite file and on a replica and compare what it prints; then D1 against what it should hold.
"""

import sqlite3

import pytest

from support.relay import REQUEST


def same(app, python, code):
    """Runs `code` on a plain file and on a replica; the output, which must be the same."""
    plain = app.succeed(code, python=python, TEST_PATH=app.path.with_name("plain.db"))
    assert app.succeed(code, python=python) == plain
    return plain


def test_transactions_of_the_module(app, python):
    code = """
db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v UNIQUE)")
def state(label):
    print(label, db.in_transaction, db.total_changes, sqlite3.connect(PATH).execute("SELECT v FROM t ORDER BY id").fetchall())
state("created")
db.execute("INSERT INTO t(v) VALUES (1)"); state("begun by itself")
db.commit(); state("committed")
with db:
    db.executemany("INSERT INTO t(v) VALUES (?)", [(n,) for n in range(2, 100)])
state("many")
try:
    with db:
        db.execute("DELETE FROM t")
        db.execute("INSERT INTO t(v) VALUES (7), (7)")
except sqlite3.IntegrityError as error:
    state(error)
try:
    with db:
        db.execute("DELETE FROM t WHERE id > 3")
        raise KeyError
except KeyError:
    state("rolled back")
cursor = db.execute("DELETE FROM t WHERE id > 3"); print(cursor.rowcount)
db.executescript("INSERT INTO t(v) VALUES ('script')"); state("executescript commits first")
cursor = db.execute("INSERT INTO t(v) VALUES ('x') RETURNING id, v"); print(cursor.fetchall(), cursor.lastrowid); db.commit()
with sqlite3.connect(PATH, isolation_level=None) as auto:
    auto.execute("UPDATE t SET v = v || '!'"); print(auto.in_transaction, auto.total_changes)
db.execute("SAVEPOINT s"); db.execute("DELETE FROM t"); db.execute("ROLLBACK TO s"); db.execute("RELEASE s"); db.commit(); state("savepoint")
with db:
    db.execute("BEGIN EXCLUSIVE"); db.execute("UPDATE t SET v = id")
attempt(sqlite3.connect(PATH, timeout=0).execute, "DELETE FROM t"); state("end")
"""
    assert "executescript commits first False" in same(app, python, code)
    assert app.rows("SELECT count(*), sum(v) FROM t") == [[5, 1 + 2 + 3 + 4 + 5]]


def test_no_statement_of_ours_is_seen(app, python):
    code = """
traced = []
db.set_trace_callback(traced.append)
db.set_authorizer(lambda *what: traced.append(what) or 0)
db.set_progress_handler(lambda: None, 1000)
db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
with db:
    db.execute("INSERT INTO t(v) VALUES (?)", ("a",))
db.execute("SELECT * FROM t").fetchall()
db.execute("VACUUM")
print(*traced, sep="\\n")
"""
    assert "INSERT INTO t(v) VALUES ('a')" in same(app, python, code)


def test_query_plans_are_the_same(app, python):
    code = """
db.executescript('''
    CREATE TABLE p(id INTEGER PRIMARY KEY, a, b); CREATE INDEX ab ON p(a, b); CREATE INDEX part ON p(b) WHERE a > 3;
    CREATE TABLE c(id INTEGER PRIMARY KEY, pid REFERENCES p); CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID;
    WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO p SELECT i, i % 7, i % 11 FROM n;
    INSERT INTO c SELECT id, id / 2 FROM p; INSERT INTO w SELECT id, a FROM p;
    ANALYZE;
''')
queries = ["SELECT * FROM p WHERE a = 1 AND b > 2", "SELECT * FROM p WHERE b = 1 AND a > 3", "SELECT * FROM p JOIN c ON pid = p.id",
    "SELECT count(*) FROM p", "SELECT v FROM w WHERE k = 5", "SELECT a FROM p GROUP BY a ORDER BY max(b)", "DELETE FROM p WHERE id IN (SELECT pid FROM c)"]
for query in queries:
    print(*db.execute("EXPLAIN QUERY PLAN " + query), sep="\\n")
    print(*db.execute("EXPLAIN " + query).fetchall()[1:], sep="\\n")
print(db.execute("SELECT * FROM sqlite_stat1").fetchall())
"""
    assert "SEARCH p USING" in same(app, python, code)


def test_copies_out_and_in(app, python):
    code = """
db.executescript('''
    CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v, g AS (v || '!') STORED); CREATE INDEX i ON t(v); CREATE VIEW w AS SELECT v FROM t;
    CREATE TRIGGER tr AFTER DELETE ON t BEGIN INSERT INTO t(v) VALUES (OLD.v || '+'); END;
    INSERT INTO t(v) VALUES ('one'), (2), (3.5), (x'0041'), (NULL); PRAGMA user_version = 9;
''')
def content(connection):
    return [*connection.execute("SELECT * FROM sqlite_master ORDER BY name"), *connection.execute("SELECT * FROM t"),
        *connection.execute("SELECT * FROM w"), *connection.execute("PRAGMA user_version"), *connection.execute("PRAGMA integrity_check")]
for pages in (-1, 1):
    copy = sqlite3.connect(PATH + f".copy{pages}")
    db.backup(copy, pages=pages)
    assert content(copy) == content(db)
    copy.close()
memory = sqlite3.connect(":memory:")
db.backup(memory); assert content(memory) == content(db)
again = sqlite3.connect(":memory:"); again.executescript("\\n".join(db.iterdump()))
assert again.execute("SELECT * FROM t").fetchall() == db.execute("SELECT * FROM t").fetchall()
source = sqlite3.connect(":memory:")
source.executescript("CREATE TABLE other(x); INSERT INTO other VALUES (1.5), ('ü'), (x''); CREATE INDEX o ON other(x); PRAGMA user_version = 10")
source.backup(db)
print(*db.execute("SELECT name, sql FROM sqlite_master ORDER BY name"), *db.execute("SELECT * FROM other"), *db.execute("PRAGMA user_version"), sep="\\n")
print(*sqlite3.connect(PATH).execute("SELECT * FROM other"))
"""
    assert "CREATE INDEX o" in same(app, python, code)
    assert app.rows("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' ORDER BY name") == [
        ["o"],
        ["other"],
    ]
    assert app.rows("SELECT typeof(x), hex(x) FROM other") == [["real", "312E35"], ["text", "C3BC"], ["blob", ""]]
    assert (
        app.succeed("print(*db.execute('PRAGMA user_version'), db.execute('SELECT * FROM other').fetchall())", python=python)
        == "(10,) [(1.5,), ('ü',), (b'',)]"
    )


def test_threads_share_a_connection_under_a_lock(app, python):
    code = """
db = sqlite3.connect(PATH, check_same_thread=False)
db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, writer, n)")
lock = threading.Lock()
def write(writer):
    for n in range(10):
        with lock, db:
            db.execute("INSERT INTO t(writer, n) VALUES (?, ?)", (writer, n))
        with lock:
            assert db.execute("SELECT count(*) FROM t WHERE writer = ?", (writer,)).fetchone()[0] == n + 1
threads = [threading.Thread(target=write, args=(writer,)) for writer in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(db.execute("SELECT writer, count(*), sum(n) FROM t GROUP BY writer").fetchall())
"""
    assert same(app, python, code) == str([(writer, 10, 45) for writer in range(5)])
    assert app.rows("SELECT count(DISTINCT writer || ' ' || n) FROM t") == [[50]]


def test_threads_with_connections_of_their_own(app, python):
    """Writers wait for each other (Python's time-out of 5 s); a reader always sees a whole transaction, and is never locked out."""
    code = """
db.executescript("CREATE TABLE a(id INTEGER PRIMARY KEY, v); INSERT INTO a VALUES (1, 500), (2, 500)")
done = threading.Event(); failures = []
def write(amount):
    try:
        mine = sqlite3.connect(PATH, isolation_level="IMMEDIATE", timeout=30)
        for _ in range(10):
            with mine:
                mine.execute("UPDATE a SET v = v + ? WHERE id = 1", (amount,))
                mine.execute("UPDATE a SET v = v - ? WHERE id = 2", (amount,))
    except Exception as error: failures.append(error)
def read():
    try:
        mine = sqlite3.connect(PATH, isolation_level=None)
        while not done.is_set():
            mine.execute("BEGIN")
            first = mine.execute("SELECT v FROM a WHERE id = 1").fetchone()[0]
            time.sleep(0.002)
            assert first + mine.execute("SELECT v FROM a WHERE id = 2").fetchone()[0] == 1000
            mine.execute("COMMIT")
    except Exception as error: failures.append(error)
writers = [threading.Thread(target=write, args=(amount,)) for amount in (1, 10, 100)]
readers = [threading.Thread(target=read) for _ in range(2)]
for thread in writers + readers: thread.start()
for thread in writers: thread.join()
done.set()
for thread in readers: thread.join()
print(failures, db.execute("SELECT v FROM a").fetchall())
"""
    assert app.succeed(code, python=python) == f"[] [({500 + 1110},), ({500 - 1110},)]"
    assert app.rows("SELECT v FROM a") == [[1610], [-610]]


def test_a_reader_that_wants_to_write_must_begin_anew(app, python):
    """As in WAL mode: its view is old by then."""
    code = """
db.execute("PRAGMA journal_mode = WAL"); db.executescript("CREATE TABLE t(v); INSERT INTO t VALUES (1)")
db.isolation_level = None
other = sqlite3.connect(PATH, isolation_level=None)
db.execute("BEGIN"); print(db.execute("SELECT * FROM t").fetchall())
other.execute("INSERT INTO t VALUES (2)")
print(db.execute("SELECT * FROM t").fetchall())
attempt(db.execute, "INSERT INTO t VALUES (3)")
db.execute("ROLLBACK"); db.execute("INSERT INTO t VALUES (3)")
print(db.execute("SELECT * FROM t").fetchall())
other.execute("BEGIN IMMEDIATE"); attempt(sqlite3.connect(PATH, timeout=0.1).execute, "INSERT INTO t VALUES (4)")
other.execute("INSERT INTO t VALUES (5)"); print(db.execute("SELECT * FROM t").fetchall()); other.execute("COMMIT")
print(db.execute("SELECT * FROM t").fetchall())
"""
    assert "database is locked" in same(app, python, code)


def test_connections_end_in_any_way(app, python):
    code = """
import gc
db.execute("CREATE TABLE t(v)")
def use():
    mine = sqlite3.connect(PATH)
    mine.execute("INSERT INTO t VALUES ('left open')")
    return [row for row in mine.execute("SELECT * FROM t")]
print(use()); gc.collect()
print(db.execute("SELECT * FROM t").fetchall())
db.execute("INSERT INTO t VALUES ('ours')"); db.commit()
cursor = db.execute("SELECT * FROM t"); db.close()
attempt(cursor.fetchone)
db = sqlite3.connect(PATH); print(db.execute("SELECT * FROM t").fetchall()); del db, cursor
db = sqlite3.connect(PATH); print(db.execute("SELECT * FROM t").fetchall())
db.execute("INSERT INTO t VALUES ('when the process ends')")
"""
    assert same(app, python, code).splitlines()[-1] == "[('ours',)]"
    assert app.rows("SELECT v FROM t") == [["ours"]]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_processes_open_connections_of_their_own(app, python, method, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        f"""
import multiprocessing, os, sqlite3
PATH = os.environ["TEST_PATH"]
def child(n):
    mine = sqlite3.connect(PATH)
    before = mine.execute("SELECT count(*) FROM t").fetchone()[0]
    with mine:
        mine.execute("INSERT INTO t VALUES (?)", (n,))
    return before, mine.execute("SELECT count(*) FROM t").fetchone()[0]
if __name__ == "__main__":
    db = sqlite3.connect(PATH)
    db.execute("CREATE TABLE t(v)")
    with db:
        db.execute("INSERT INTO t VALUES (0)")
    for n in range(3):
        with multiprocessing.get_context({method!r}).Pool(1) as pool:
            print(pool.apply(child, (n + 1,)))
    print(db.execute("SELECT liteflare_sync() > 0").fetchone(), db.execute("SELECT v FROM t").fetchall())
    with db:
        db.execute("INSERT INTO t VALUES (9)")
"""
    )
    printed = app.succeed(
        f"import runpy; sys.argv[0] = {str(program)!r}; os.execv(sys.executable, [sys.executable, {str(program)!r}])",
        python=python,
        connect=False,
    )
    assert printed.splitlines() == ["(1, 2)", "(2, 3)", "(3, 4)", "(1,) [(0,), (1,), (2,), (3,)]"]
    assert app.rows("SELECT v FROM t") == [[0], [1], [2], [3], [9]]


def test_a_fork_while_another_thread_waits_for_d1(app, python):
    """What that thread has locked is locked for ever in the child, which must not need it."""
    app.succeed("db.execute('CREATE TABLE t(v)')", python=python)
    code = """
thread = threading.Thread(target=sqlite3.connect, args=(PATH + "2",)); thread.start()
sys.stdin.readline()
child = os.fork()
if child == 0:
    with sqlite3.connect(PATH) as mine:
        mine.execute("INSERT INTO t VALUES ('from the child')")
    os._exit(0)
print(os.waitpid(child, 0)[1], flush=True)
thread.join()
print(sqlite3.connect(PATH + "2").execute("SELECT v FROM t").fetchall())
"""
    hold = app.relay.hold(REQUEST)
    process = app.start(code, python=python, connect=False, LITEFLARE_DB=f"{app.path}*")
    hold.wait()
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "0\n"
    hold.release()
    assert process.communicate(timeout=30) == ("[('from the child',)]\n", "")


def test_other_databases_are_left_alone(app, python):
    """Files, `:memory:`, temporary tables and databases: no request, and the files are SQLite's own."""
    app.succeed("db.execute('CREATE TABLE t(v)')", python=python)
    before, asked = app.d1(), len(app.relay.requests)
    app.succeed(
        """
for name in [PATH + ".other", "file:" + PATH + ".uri?mode=rwc", ":memory:", "", "file:shared?mode=memory&cache=shared"]:
    plain = sqlite3.connect(name, uri=True)
    plain.execute("PRAGMA journal_mode = WAL")
    with plain:
        plain.executescript("CREATE TABLE t(v); INSERT INTO t VALUES (1)")
    assert plain.execute("SELECT * FROM t").fetchall() == [(1,)]
    attempt(plain.execute, "SELECT liteflare_sync()")
    plain.close()
""",
        python=python,
        connect=False,
    )
    assert len(app.relay.requests) == asked
    for name in ["app.db.other", "app.db.uri"]:
        assert sqlite3.connect(app.path.with_name(name)).execute("SELECT * FROM t").fetchall() == [(1,)]
    code = """
with db:
    db.execute("CREATE TEMP TABLE s AS SELECT 1 AS x"); db.execute("INSERT INTO s VALUES (2)")
    db.execute("CREATE TEMP TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO s VALUES (NEW.v); END")
    db.execute("CREATE TEMP VIEW v AS SELECT * FROM t JOIN s")
db.executescript("CREATE TEMP TABLE big AS SELECT zeroblob(3000000) AS b; ATTACH ':memory:' AS m; CREATE TABLE m.x(y)")
print(db.execute("SELECT * FROM s").fetchall(), db.execute("SELECT length(b) FROM big").fetchall())
"""
    assert app.succeed(code, python=python) == "[(1,), (2,)] [(3000000,)]"
    assert app.d1() == before
    with_temp = "db.execute('CREATE TEMP TABLE s(x)'); db.execute('CREATE TEMP TRIGGER tr AFTER INSERT ON main.t BEGIN INSERT INTO s VALUES (NEW.v); END'); db.execute('INSERT INTO t VALUES (5)'); db.commit(); print(db.execute('SELECT * FROM s').fetchall())"
    assert app.succeed(with_temp, python=python) == "[(5,)]"
    assert app.rows("SELECT v FROM t") == [[5]]


def test_our_tables_are_invisible(app, python):
    printed = app.succeed(
        """
db.execute("CREATE TABLE t(id INTEGER PRIMARY KEY AUTOINCREMENT, v)"); db.execute("INSERT INTO t(v) VALUES (1)"); db.commit()
print(db.execute("SELECT type, name FROM sqlite_master").fetchall())
attempt(db.execute, "SELECT * FROM _lf_commit")
fresh = sqlite3.connect(PATH)
print([name for name, in fresh.execute("SELECT name FROM pragma_table_list WHERE schema = 'main'")])
""",
        python=python,
    )
    tables = "[('table', 't'), ('table', 'sqlite_sequence')]"
    assert printed.splitlines()[:2] == [tables, "no such table: _lf_commit"]
    again = "print(db.execute('SELECT type, name FROM sqlite_master').fetchall())\nattempt(db.execute, 'SELECT * FROM _lf_state')"
    assert app.succeed(again, python=python).splitlines() == [tables, "no such table: _lf_state"]
