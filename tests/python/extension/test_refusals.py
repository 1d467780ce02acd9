"""What D1 cannot hold, and what a replica cannot do: the application gets SQLite's error, the log says why, and nothing changes."""

import pytest

ADVICE = "keep full-text and spatial indexes in a local database file"
LIMITS = {
    "a value over 2 MB": (
        "INSERT INTO t(v) VALUES (zeroblob(2000001))",
        "string or blob too big",
        ["table t, column v", "2000001 bytes", "keep it in a file"],
    ),
    "a long text": (
        "UPDATE t SET v = CAST(zeroblob(2100000) AS TEXT)",
        "string or blob too big",
        ["table t, column v", "2100000 bytes"],
    ),
    "a row over 2 MB": (
        "CREATE TABLE wide AS SELECT zeroblob(1200000) AS a, zeroblob(1200000) AS b",
        "disk I/O error",
        ["table wide", "split its large columns"],
    ),
    "FTS5": ("CREATE VIRTUAL TABLE f USING fts5(body)", "disk I/O error", ["table f", ADVICE]),
    "rtree": ("CREATE VIRTUAL TABLE r USING rtree(id, a, b)", "disk I/O error", ["table r", ADVICE]),
    "101 columns": (
        "CREATE TABLE many(" + ",".join(f"c{n}" for n in range(101)) + ")",
        "disk I/O error",
        ["table many", "101 columns", "move some of them to a second table"],
    ),
    "100 columns and a rowid": (
        "CREATE TABLE many(" + ",".join(f"c{n}" for n in range(100)) + ")",
        "disk I/O error",
        ["table many", "rowid", "drop a column"],
    ),
    "an unknown collation in a table": (
        "CREATE TABLE c(x COLLATE mine)",
        "disk I/O error",
        ["table c", "no such collation sequence: mine", "built-in"],
    ),
    "an unknown collation in an index": (
        "CREATE INDEX i ON t(v COLLATE mine)",
        "disk I/O error",
        ["index i", "no such collation sequence: mine", "built-in"],
    ),
    "an unknown function in an index": (
        "CREATE INDEX i ON t(twice(v))",
        "disk I/O error",
        ["index i", "twice"],
    ),
    "a name of ours": ("CREATE TABLE _lf_mine(x)", "disk I/O error", ["table _lf_mine", "liteflare's own", "another name"]),
    "a parent that is missing": (
        "CREATE TABLE child(x REFERENCES nowhere); INSERT INTO child VALUES (1)",
        "disk I/O error",
        ["table child", "nowhere", "create the parent table"],
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_d1_cannot_hold_is_named_and_rolled_back(filled, name):
    sql, error, words = LIMITS[name]
    before = filled.state()
    printed, log = filled.complain(
        f"""
db.create_collation("mine", lambda a, b: (a > b) - (a < b))
db.create_function("twice", 1, lambda x: x, deterministic=True)
db.isolation_level = None
attempt(db.executescript, {"BEGIN;" + sql + ";INSERT INTO t(v) VALUES ('with it');COMMIT"!r})
print(db.in_transaction, db.execute("SELECT count(*) FROM sqlite_master").fetchone(), db.execute("SELECT v FROM t").fetchall())
db.execute("BEGIN IMMEDIATE"); db.execute("ROLLBACK")
"""
    )
    assert printed.splitlines() == [error, "False (1,) [('first',)]"]
    assert all(word in log for word in words), log
    assert filled.state() == before
    assert filled.succeed("db.execute(\"INSERT INTO t(v) VALUES ('next')\"); db.commit(); print(db.total_changes)") == "1"


def test_a_read_only_connection_reads(filled):
    before = filled.state()
    printed = filled.succeed(
        """
db = sqlite3.connect(f"file:{PATH}?mode=ro", uri=True)
print(db.execute("SELECT v FROM t").fetchall())
attempt(db.execute, "INSERT INTO t(v) VALUES ('x')")
attempt(db.execute, "CREATE TABLE u(x)")
db.rollback()
attempt(db.execute, "BEGIN IMMEDIATE") # a read transaction, as in SQLite
attempt(db.execute, "PRAGMA user_version = 3")
""",
        connect=False,
    )
    refused = "attempt to write a readonly database"
    assert printed.splitlines() == ["[('first',)]", refused, refused, "done", refused]
    assert filled.state() == before


@pytest.mark.any_cloud
def test_journal_modes(filled):
    printed = filled.succeed(
        """
modes = ["wal", "DELETE", "truncate", "persist", "memory", "nonsense"]
print([db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0] for mode in modes])
attempt(db.execute, "PRAGMA journal_mode = OFF")
print(db.execute("PRAGMA journal_mode").fetchone()[0], db.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()[0])
for mode in modes:
    db.execute(f"PRAGMA journal_mode = {mode}")
    db.execute("INSERT INTO t(v) VALUES (?)", (mode,)); db.rollback()
    db.execute("INSERT INTO t(v) VALUES (?)", (mode,)); db.commit()
print(db.execute("SELECT count(*) FROM t").fetchone())
"""
    )
    assert printed.splitlines() == [
        "['wal', 'delete', 'truncate', 'persist', 'memory', 'memory']",
        "liteflare: journal_mode=OFF cannot roll back; any other mode is fine",
        "memory normal",
        "(7,)",
    ]
    assert filled.rows("SELECT count(*) FROM t") == [[7]]


def test_a_copy_by_vacuum_into_is_a_plain_database(filled):
    printed = filled.succeed(
        """
db.executescript("CREATE INDEX i ON t(v); INSERT INTO t(v) VALUES (1.5), (x'00ff'), (NULL); PRAGMA user_version = 7; DELETE FROM t WHERE v = 1.5")
requests = db.execute("SELECT count(*) FROM t").fetchone()
db.execute("VACUUM INTO ?", (PATH + ".copy",))
"""
    )
    copy = filled.path.with_name("app.db.copy")
    assert copy.read_bytes().startswith(b"SQLite format 3\0") and not printed
    import sqlite3

    plain = sqlite3.connect(copy)
    assert plain.execute("SELECT * FROM t").fetchall() == [(1, "first"), (3, b"\x00\xff"), (4, None)]
    assert plain.execute("PRAGMA user_version").fetchone() == (7,)
    assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_plain_database_comes_in_by_vacuum_into(app):
    """The other way round: the copy is the replica."""
    code = """
plain = sqlite3.connect(PATH + ".plain")
plain.executescript("CREATE TABLE t(x); INSERT INTO t VALUES (1), ('two'); CREATE INDEX i ON t(x)")
plain.execute("VACUUM INTO ?", (PATH,))
print(sqlite3.connect(PATH).execute("SELECT * FROM t").fetchall())
attempt(plain.execute, "VACUUM INTO ?", (PATH,))
"""
    assert app.succeed(code, connect=False).splitlines() == ["[(1,), ('two',)]", "output file already exists"]
    assert app.rows("SELECT * FROM t") == [[1], ["two"]]


OCCUPIED = {
    "a database": (None, ["a local SQLite database", "liteflare import"]),
    "a short database": (b"SQLite format 3\0", ["a local SQLite database", "liteflare import"]),
    "a text": (b"Dear diary", ["a file of something else", "Move it away"]),
    "a file of zeros": (b"\0" * 4096, ["a file of something else"]),
}


@pytest.mark.parametrize("name", OCCUPIED)
def test_what_stands_at_the_path_is_never_touched(app, name):
    content, words = OCCUPIED[name]
    if content is None:
        import sqlite3

        with sqlite3.connect(app.path) as plain:
            plain.execute("CREATE TABLE precious(x)")
        plain.close()
    else:
        app.path.write_bytes(content)
    before = app.state()
    printed, log = app.complain("attempt(sqlite3.connect, PATH)", connect=False)
    assert printed == "unable to open database file"
    assert str(app.path) in log and all(word in log for word in words), log
    assert app.state() == before


def test_a_folder_must_exist(app):
    before = app.d1()
    path = app.path.parent / "missing" / "app.db"
    printed, log = app.complain("attempt(sqlite3.connect, PATH)", connect=False, TEST_PATH=path, LITEFLARE_DB=path)
    assert printed == "unable to open database file"
    assert str(path) in log and "folder" in log
    assert app.d1() == before and not path.parent.exists()


def test_a_folder_at_the_path_is_no_database(app):
    app.path.mkdir()
    before = app.d1()
    printed, log = app.complain("attempt(sqlite3.connect, PATH)", connect=False)
    assert printed == "unable to open database file"
    assert str(app.path) in log and "directory" in log
    assert app.d1() == before
