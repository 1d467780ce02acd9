"""`kill -9` at each step of a commit: a new process finds what was acknowledged, perhaps what was under way, never half of it or
twice.

Each transaction of the application writes a number into three tables: as three rows, as one with an AUTOINCREMENT id, and into a sum.
"""

import json
import random
import signal
import time

import pytest

from support.relay import ANSWER, REQUEST

SCHEMA = """
db.executescript('''
    CREATE TABLE ledger(n INTEGER, part INTEGER, body TEXT, PRIMARY KEY (n, part)) WITHOUT ROWID;
    CREATE TABLE log(id INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER UNIQUE);
    CREATE TABLE total(id INTEGER PRIMARY KEY CHECK (id = 1), sum INTEGER, count INTEGER);
    INSERT INTO total VALUES (1, 0, 0);
''')
"""
# Prints what is there, checks that it is whole, then commits one number after the other and says so.
WRITE = """
def check():
    numbers = [n for n, in db.execute("SELECT n FROM log ORDER BY n")]
    for n, parts in db.execute("SELECT n, group_concat(part) FROM (SELECT * FROM ledger ORDER BY n, part) GROUP BY n"):
        assert parts == "0,1,2", (n, parts)
    assert [n for n, in db.execute("SELECT DISTINCT n FROM ledger ORDER BY n")] == numbers
    assert db.execute("SELECT sum, count FROM total").fetchone() == (sum(numbers), len(numbers))
    assert db.execute("SELECT seq FROM sqlite_sequence").fetchall() in ([], [(len(numbers),)])
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    return numbers
def write(n, size=10):
    with db:
        db.execute("INSERT INTO log(n) VALUES (?)", (n,))
        db.executemany("INSERT INTO ledger VALUES (?, ?, ?)", [(n, part, "x" * size) for part in range(3)])
        db.execute("UPDATE total SET sum = sum + ?, count = count + 1", (n,))
print(json.dumps(check()), flush=True)
"""
LOOP = (
    WRITE
    + """
for n in range(int(sys.stdin.readline()), 10**9):
    write(n)
    print(n, flush=True)
"""
)
LARGE = 1_600_000  # bytes of each of a transaction's three rows: 4.8 MB are two requests that stage, and one that applies


@pytest.fixture
def ledger(app):
    app.succeed(SCHEMA + "db.execute('SELECT 1')")
    return app


def start(ledger, code=LOOP):
    """A process that has opened the database; the numbers it found there, whole."""
    process = ledger.start(code)
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return process, json.loads(line)


def say(process, text):
    process.stdin.write(f"{text}\n")
    process.stdin.flush()


def kill(process):
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL
    time.sleep(0.02)  # what it sent last may be on its way to the relay
    return [int(line) for line in out.split()]


def found(ledger):
    """What a new process finds; it must also be able to go on."""
    process, numbers = start(ledger, WRITE + "write(1000 + len(check())); print('went on')")
    out, log = process.communicate(timeout=30)
    assert (out, log) == ("went on\n", "")
    return numbers


STEPS = {
    # step: the moment held, a text in the request, whether what is held goes on after the death, whether the commit must be found
    "the request never arrives": (REQUEST, "_lf_commit", False, False),
    "the request arrives later": (REQUEST, "_lf_commit", True, True),
    "the answer is on its way": (ANSWER, "_lf_commit", False, True),
}


@pytest.mark.parametrize("size", [10, LARGE], ids=["small", "staged"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_while_a_commit_is_under_way(ledger, step, size):
    moment, needle, goes_on, is_found = STEPS[step]
    process, numbers = start(ledger, WRITE + f"write(1); print(1, flush=True); sys.stdin.readline(); write(2, {size})")
    assert numbers == [] and process.stdout.readline() == "1\n"
    hold = ledger.relay.hold(moment, needle)
    say(process, "go")
    hold.wait()
    assert kill(process) == []
    hold.release() if goes_on else hold.drop()
    ledger.relay.wait_until_idle()
    assert found(ledger) == ([1, 2] if is_found else [1])


@pytest.mark.parametrize("moment", [REQUEST, ANSWER])
def test_killed_while_a_large_commit_is_staged(ledger, moment):
    process, _ = start(ledger, WRITE + f"sys.stdin.readline(); write(1, {LARGE}); print(1, flush=True)")
    hold = ledger.relay.hold(moment, "INSERT OR REPLACE INTO _lf_stage")
    say(process, "go")
    hold.wait()
    assert kill(process) == []
    hold.release()
    ledger.relay.wait_until_idle()
    assert found(ledger) == []
    # What it staged harms nobody: the same transaction is staged again, under another id.
    process, _ = start(ledger, WRITE + f"write(1, {LARGE}); print(json.dumps(check()))")
    out, log = process.communicate(timeout=30)
    assert (out, log) == ("[1, 1000]\n", "")


def test_killed_after_the_answer(ledger):
    process, _ = start(ledger)
    say(process, 1)
    acknowledged = [int(process.stdout.readline()) for _ in range(3)]
    hold = ledger.relay.hold(REQUEST)
    hold.wait()
    acknowledged += kill(process)
    hold.drop()
    assert found(ledger) == acknowledged


def test_killed_while_the_request_still_works_when_the_next_process_starts(ledger):
    """The dead process's commit arrives after the new one has read the database: it then is a rival, and one of the two wins."""
    process, numbers = start(ledger, WRITE + "sys.stdin.readline(); write(1)")
    hold = ledger.relay.hold(REQUEST, "_lf_commit")
    say(process, "go")
    hold.wait()
    kill(process)
    process, numbers = start(
        ledger, WRITE + "sys.stdin.readline(); attempt(write, 2); print(json.dumps(check())); write(3); print(json.dumps(check()))"
    )
    assert numbers == []
    hold.release()
    ledger.relay.wait_until_idle()
    say(process, "go")
    out, log = process.communicate(timeout=30)
    assert out.splitlines() == ["database is locked", "[1]", "[1, 3]"]
    assert log.count("\n") == 1 and "another writer committed first" in log


@pytest.mark.parametrize("moment", [REQUEST, ANSWER])
@pytest.mark.parametrize("needle", ["CREATE TABLE IF NOT EXISTS _lf_commit", "OVER (ROWS", "SELECT CAST(seq AS TEXT)"])
def test_killed_while_the_replica_is_built(ledger, moment, needle):
    ledger.succeed(WRITE + "write(1)")
    before = ledger.d1()
    marker = ledger.path.read_bytes()
    ledger.path.unlink()
    hold = ledger.relay.hold(moment, needle)
    process = ledger.start(LOOP)
    hold.wait()
    assert kill(process) == []
    hold.release()
    ledger.relay.wait_until_idle()
    assert ledger.d1() == before and not ledger.path.exists()
    assert found(ledger) == [1] and ledger.path.read_bytes() == marker


@pytest.mark.parametrize("moment", [REQUEST, ANSWER])
def test_killed_at_the_very_first_start(app, moment):
    hold = app.relay.hold(moment)
    process = app.start(LOOP)
    hold.wait()
    kill(process)
    hold.release()
    app.relay.wait_until_idle()
    app.succeed(SCHEMA)
    assert found(app) == []


KILLS = 13  # on each cloud


def test_killed_at_random_moments(ledger):
    seed = random.randrange(10**6)
    print("seed", seed)
    dice = random.Random(seed)
    acknowledged, in_flight = [], None
    for _ in range(KILLS):
        process, numbers = start(ledger)
        if in_flight in numbers:
            acknowledged.append(in_flight)
        assert numbers == acknowledged
        in_flight = (numbers[-1] if numbers else 0) + 1
        say(process, in_flight)
        time.sleep(dice.random() * 0.15)
        acknowledged += kill(process)
        in_flight = (acknowledged[-1] if acknowledged else 0) + 1
        ledger.relay.wait_until_idle()
    assert acknowledged, "some commit was made"
    assert found(ledger) in (acknowledged, [*acknowledged, in_flight])
