"""Processes that write to one database at the same time."""

import os
import signal
import time

import pytest

from support.company import TABLE, WRITES, race

VALUE = "SELECT v FROM n"


@pytest.mark.parametrize("how", WRITES)
def test_processes_that_write_at_once_all_get_through(app, how):
    app.succeed(TABLE)
    app.relay.delay = 0.02
    found, requests = race(app, how, count=3, seconds=4)
    commits = [commits for commits, _, _ in found]
    assert not any(errors for _, errors, _ in found), found
    assert app.rows(VALUE) == [[sum(commits)]], "each increment has arrived"
    assert min(commits) * 2 >= max(commits) and requests <= 2.5 * sum(commits), (found, requests)


def test_a_process_killed_in_its_turn_costs_seconds(app):
    app.succeed(TABLE)
    process = app.start("db.execute('BEGIN IMMEDIATE'); print('ready', flush=True); sys.stdin.readline()")
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    began = time.monotonic()
    app.succeed("db.execute('UPDATE n SET v = v + 1'); db.commit()")
    assert time.monotonic() - began < 15
    assert app.rows(VALUE) == [[1]]


def test_processes_one_after_the_other_are_each_alone(app):
    app.succeed(TABLE)
    for _ in range(3):
        before = len(app.relay.requests)
        app.succeed("db.execute('UPDATE n SET v = v + 1'); db.commit()")
        wrote = len(app.relay.requests) - before
        app.succeed("db.execute('SELECT v FROM n').fetchall()")
        read = len(app.relay.requests) - before - wrote
        assert wrote == read + 1, "a commit is one request"
    assert app.rows(VALUE) == [[3]]


def test_a_child_made_by_fork_is_a_process_of_its_own(app):
    app.succeed(TABLE)
    code = """
db.execute("SELECT v FROM n").fetchall()
if os.fork() == 0:
    child = sqlite3.connect(PATH)
    child.execute("UPDATE n SET v = v + 1"); child.commit()
    os._exit(0)
os.wait()
db.execute("UPDATE n SET v = v + 1"); attempt(db.commit)
db.rollback()
db.execute("UPDATE n SET v = v + 1"); db.commit()
"""
    done = app.run(code)
    assert done.returncode == 0, done.stderr
    ids = app.rows("SELECT count(DISTINCT id), count(DISTINCT place) FROM _lf_process")
    assert ids[0][0] >= 2 and ids[0][1] >= 2, ids
    committed = 2 + done.stdout.count("done")
    assert app.rows(VALUE) == [[committed]]
