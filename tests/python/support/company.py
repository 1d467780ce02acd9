"""Several applications that write to one database at the same time, each a process of its own.

In: how each writes. Out: for each, its commits, its errors, and the seconds it took.
"""

import json

WRITES = {
    "autocommit": "db.execute('UPDATE n SET v = v + 1')",
    "BEGIN": "db.execute('BEGIN'); db.execute('UPDATE n SET v = v + 1'); db.execute('COMMIT')",
    "BEGIN IMMEDIATE": "db.execute('BEGIN IMMEDIATE'); v, = db.execute('SELECT v FROM n').fetchone(); db.execute('UPDATE n SET v = ?', (v + 1,)); db.execute('COMMIT')",
    # A read, and then Python's own transaction: begun before the first change, ended by commit().
    "InvokeAI": "db.execute('SELECT v FROM n').fetchone(); db.execute('UPDATE n SET v = v + 1'); db.commit()",
}
TABLE = "db.execute('CREATE TABLE n(v)'); db.execute('INSERT INTO n VALUES (0)'); db.commit()"
RACE = """
HOW, SECONDS = {how!r}, {seconds}
db = sqlite3.connect(PATH, timeout=5, isolation_level={level!r})
db.execute("PRAGMA busy_timeout = 5000")
db.execute("SELECT v FROM n").fetchall()
work = compile({work!r}, HOW, "exec")
print("ready", flush=True); sys.stdin.readline()
commits, errors, began = 0, [], time.monotonic()
while time.monotonic() < began + SECONDS:
    try:
        exec(work)
        commits += 1
    except sqlite3.Error as error:
        errors.append(str(error))
        db.rollback()
print(json.dumps([commits, errors, time.monotonic() - began]))
"""


def race(app, how: str, count: int, seconds: float):
    """Each process has its own file path, as on a machine of its own. What each did, and how many requests all made."""
    level = "DEFERRED" if how == "InvokeAI" else None
    code = RACE.format(how=how, seconds=seconds, level=level, work=WRITES[how])
    paths = [app.path.with_name(f"{number}.db") for number in range(count)]
    settings = {"LITEFLARE_REFRESH": None, "LITEFLARE_TIMEOUT": "60s"}
    start = lambda path: app.start(code, connect=False, TEST_PATH=path, LITEFLARE_DB=path, **settings)
    processes = [start(path) for path in paths]
    for process in processes:
        line = process.stdout.readline()
        assert line == "ready\n", line + process.stderr.read()
    before = len(app.relay.requests)
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    found = [json.loads(process.communicate(timeout=seconds + 60)[0]) for process in processes]
    return found, len(app.relay.requests) - before
