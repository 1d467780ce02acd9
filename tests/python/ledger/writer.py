"""A process of a ledger run: `python writer.py PATH SEED WRITER FIRST`. It does its transactions one after the other, each until it
succeeds or has failed often, and says so: `begin N`, then `done N` or `failed N WHY`.

A line on standard input asks for a pause: it says `paused`, and for each line after that what its connection shows, as JSON in a line;
an empty line lets it go on.
"""

import json
import select
import sqlite3
import sys
import time

from ledger.transactions import Name, connect, perform
from support.exact import contents

ATTEMPTS = 10


def attempt(db, name: Name):
    if name.reads_first():
        db.execute("BEGIN")
        db.execute("SELECT count(*), sum(balance) FROM account").fetchone()
    else:
        db.execute(name.mode())
    perform(db, name.statements())
    db.execute("COMMIT")


def transact(db, name: Name) -> str | None:
    """Why it has failed, if it has."""
    why = None
    for _ in range(ATTEMPTS):
        try:
            return attempt(db, name)
        except sqlite3.Error as error:
            why = str(error)
            if db.in_transaction:
                db.execute("ROLLBACK")
            if "locked" not in why:
                return why
            time.sleep(0.005)
    return why


def say(*words):
    print(*words, flush=True)


def pause(db):
    say("paused")
    while sys.stdin.readline().strip():
        db.execute("SELECT liteflare_sync()").fetchone()
        integrity = db.execute("PRAGMA integrity_check").fetchall()
        say(json.dumps([integrity, contents(lambda sql: db.execute(sql).fetchall())]))


def main(path: str, seed: str, writer: str, first: str):
    db = connect(path, timeout=10)
    # A second connection, with statements of its own and a long read transaction now and then.
    reader = connect(path, timeout=10)
    number = int(first)
    while True:
        if select.select([sys.stdin], [], [], 0)[0]:
            if not sys.stdin.readline():
                return
            if reader.in_transaction:
                reader.execute("COMMIT")
            pause(db)
            continue
        if number % 5 == 0:
            reader.execute("COMMIT" if reader.in_transaction else "BEGIN")
        before = reader.execute("SELECT count(*), total(number) FROM ledger").fetchone()
        say("begin", number)
        why = transact(db, Name(int(seed), writer, number))
        say("failed" if why else "done", number, why or "")
        after = reader.execute("SELECT count(*), total(number) FROM ledger").fetchone()
        assert not reader.in_transaction or before == after, "a read transaction saw a change"
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
