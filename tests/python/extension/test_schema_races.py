"""Another application changes the schema while this one builds its replica, or is behind: the result is what D1 holds.

The relay holds the request that reads rows, or the one that reads the log, until the change is done.
"""

import pytest

from support.relay import ANSWER, REQUEST

SCHEMA = """
db.executescript('''
    CREATE TABLE a(id INTEGER PRIMARY KEY, v UNIQUE); CREATE TABLE b(id INTEGER PRIMARY KEY, aid REFERENCES a);
    INSERT INTO a(v) VALUES ('one'), ('two'); INSERT INTO b(aid) VALUES (1), (2);
''')
"""
CHANGES = {
    "a table dropped": "DROP TABLE b",
    "a table created": "CREATE TABLE c(x); INSERT INTO c VALUES (1)",
    "a table renamed": "ALTER TABLE a RENAME TO z",
    "a column renamed": "ALTER TABLE a RENAME COLUMN v TO w",
    "a column dropped": "ALTER TABLE b DROP COLUMN aid",
    "a column added": "ALTER TABLE a ADD COLUMN w DEFAULT 5; UPDATE a SET w = id",
    "an index": "CREATE UNIQUE INDEX i ON b(aid)",
    "a trigger": "CREATE TRIGGER t AFTER INSERT ON a BEGIN INSERT INTO b(aid) VALUES (NEW.id); END; INSERT INTO a(v) VALUES ('three')",
    "rows only": "UPDATE a SET v = v || '!'; INSERT INTO b(aid) VALUES (1)",
    "a table that is not what it was": "DROP TABLE b; CREATE TABLE b(other, PRIMARY KEY (other)) WITHOUT ROWID; INSERT INTO b VALUES ('x')",
}
DUMP = "print(*db.iterdump(), sep='\\n')"


def elsewhere(app, sql):
    """The change, by another process on another path; what it sees afterwards."""
    path = app.path.with_name("elsewhere.db")
    options = {"TEST_PATH": path, "LITEFLARE_DB": path, "LITEFLARE_D1_API": app.settings["LITEFLARE_D1_API"]}
    return app.succeed(f"db.executescript({'BEGIN; ' + sql + '; COMMIT'!r}); {DUMP}", **options)


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("moment, needle", [(REQUEST, "OVER (ROWS"), (ANSWER, "OVER (ROWS")], ids=["before the rows", "after them"])
def test_while_the_replica_is_built(app, name, moment, needle):
    app.succeed(SCHEMA)
    hold = app.relay.hold(moment, needle)
    process = app.start(DUMP)
    hold.wait()
    expected = elsewhere(app, CHANGES[name])
    hold.release()
    out, log = process.communicate(timeout=30)
    assert (out.strip(), log) == (expected, "")


@pytest.mark.parametrize("name", CHANGES)
def test_while_a_replica_that_is_behind_refreshes(app, name):
    """It has read that a row changed, and the table's schema changes before it has read the row."""
    app.succeed(SCHEMA)
    process = app.start("print('ready', flush=True); sys.stdin.readline(); db.execute('SELECT liteflare_sync()').fetchall(); " + DUMP)
    assert process.stdout.readline() == "ready\n"
    elsewhere(app, "UPDATE b SET aid = 1 WHERE id = 2; UPDATE a SET v = 'zwei' WHERE id = 2")
    hold = app.relay.hold(REQUEST, "_lfj")
    process.stdin.write("go\n")
    process.stdin.flush()
    hold.wait()
    expected = elsewhere(app, CHANGES[name].replace("UNIQUE INDEX", "INDEX"))
    hold.release()
    out, log = process.communicate(timeout=30)
    assert (out.strip(), log) == (expected, "")
