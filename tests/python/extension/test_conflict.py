"""What an application sees of a conflict at COMMIT, with Python's own SQLite: the transaction has ended, and the connection goes on."""

import pytest

from support.sqlite_app import pythons

SCHEMA = "db.executescript('CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t(v) VALUES (1)')"
# Waits for another process's commit in the midst of a transaction.
STALE = """
other = sqlite3.connect(PATH)
db.execute("INSERT INTO t(v) VALUES ('mine')")
print("ready", flush=True); sys.stdin.readline()
"""


def conflict(app, code, **options):
    """Runs the code with `db` in a transaction that another process has overtaken. What it prints, and what is logged."""
    app.succeed(SCHEMA)
    process = app.start(STALE + code, **options)
    assert process.stdout.readline() == "ready\n"
    path = app.path.with_name("elsewhere.db")
    app.succeed("db.execute('INSERT INTO t(v) VALUES (2)'); db.commit()", TEST_PATH=path, LITEFLARE_DB=path)
    out, log = process.communicate("go\n", timeout=30)
    assert process.returncode == 0, log
    return out.splitlines(), log


@pytest.mark.parametrize("python", pythons())
def test_the_transaction_has_ended_and_every_connection_can_write(app, python):
    code = """
attempt(db.commit)
print(db.in_transaction)
other.execute("INSERT INTO t(v) VALUES ('other')"); other.commit()
db.execute("INSERT INTO t(v) VALUES ('again')"); db.commit()
print([v for v, in db.execute("SELECT v FROM t ORDER BY id")])
"""
    out, log = conflict(app, code, python=python)
    assert out == ["database is locked", "False", "[1, 2, 'other', 'again']"]
    assert log.count("\n") == 1 and "the transaction was rolled back" in log
    assert app.rows("SELECT v FROM t ORDER BY id") == [[1], [2], ["other"], ["again"]]


LOOPS = {
    # As it should be: the whole transaction once more.
    "all of it": "db.rollback(); db.execute(\"INSERT INTO t(v) VALUES ('mine')\")",
    # As with a file, where COMMIT may be repeated: SQLite says that there is nothing to commit.
    "COMMIT": "",
}


@pytest.mark.parametrize("again", LOOPS)
def test_the_usual_loop_gets_through_or_gets_a_clean_error(app, again):
    """It never fails for ever, and never ends with a COMMIT that SQLite took while the rows were gone."""
    code = f"""
for attempts in range(1, 10):
    try:
        db.execute("COMMIT")
        print("committed")
    except sqlite3.OperationalError as error:
        print(error)
        if "locked" in str(error):
            time.sleep(0.01)
            {LOOPS[again] or "pass"}
            continue
    break
print(db.in_transaction, db.execute("SELECT count(*) FROM t WHERE v = 'mine'").fetchall())
"""
    out, _ = conflict(app, code)
    told = {"all of it": ["committed", "False [(1,)]"], "COMMIT": ["cannot commit - no transaction is active", "False [(0,)]"]}
    assert out == ["database is locked", *told[again]]


def test_pythons_commit_says_nothing_where_no_transaction_is_open(app):
    """Python's own doing: with a file it is the same after any error that made SQLite roll back."""
    out, _ = conflict(app, "attempt(db.commit); attempt(db.commit); print(db.execute('SELECT v FROM t ORDER BY id').fetchall())")
    assert out == ["database is locked", "done", "[(1,), (2,)]"]


def test_a_transaction_that_pythons_context_manager_ends(app):
    code = """
def with_db():
    with db:
        db.execute("INSERT INTO t(v) VALUES ('too')")
attempt(with_db)
attempt(with_db)
print([v for v, in db.execute("SELECT v FROM t ORDER BY id")])
"""
    out, _ = conflict(app, code)
    assert out == ["database is locked", "done", "[1, 2, 'too']"]
