"""What a transaction of a ledger run does: statements made of its name alone, so that they can be run again on SQLite.

In: who runs it, and its number. Out: statements. They read nothing that the application saw, and nothing that differs from one run to
the next (the time, random()). What one of them changes may depend on what the ones before have left, and it may fail: a table that is
there already, a column that is gone. It then fails in the replay too.
"""

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

SCHEMA = """
CREATE TABLE ledger(n INTEGER PRIMARY KEY AUTOINCREMENT, writer TEXT NOT NULL, number INTEGER NOT NULL);
CREATE TABLE account(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL DEFAULT 0, name TEXT UNIQUE, rate REAL);
CREATE INDEX account_balance ON account(balance);
CREATE TABLE item(id INTEGER PRIMARY KEY, account INTEGER REFERENCES account(id) ON DELETE CASCADE, body, weight REAL);
CREATE INDEX item_account ON item(account, weight);
CREATE TABLE pair(a TEXT, b INTEGER, value, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE tally(name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TRIGGER item_added AFTER INSERT ON item BEGIN UPDATE tally SET count = count + 1 WHERE name = 'items'; END;
CREATE TRIGGER item_gone AFTER DELETE ON item BEGIN UPDATE tally SET count = count - 1 WHERE name = 'items'; END;
INSERT INTO tally VALUES ('items', 0), ('transactions', 0);
INSERT INTO account(id, name) VALUES (1, 'first'), (2, 'second'), (3, 'third');
"""

# Tables that come and go.
EXTRAS = 3
# Rows that are kept of each kind, about.
ACCOUNTS, PAIRS = 40, 60
# A transaction above 4 MB does not fit into one request. As hex, each of these fits into D1's largest value.
LARGE = [900_000] * 5


@dataclass(frozen=True)
class Name:
    """A transaction: the seed of the run, who runs it, and which of his it is."""

    seed: int
    writer: str
    number: int

    def entry(self) -> tuple[str, tuple]:
        return "INSERT INTO ledger(writer, number) VALUES (?, ?)", (self.writer, self.number)

    def statements(self) -> list[tuple[str, tuple]]:
        rng = random.Random(f"{self.seed}/{self.writer}/{self.number}")
        body = [statement for _ in range(rng.choice([1, 1, 1, 2, 3, 5])) for statement in step(rng)]
        count = ("UPDATE tally SET count = count + 1 WHERE name = 'transactions'", ())
        return [self.entry(), *body, count]

    def mode(self) -> str:
        """How it begins."""
        rng = random.Random(f"mode/{self.seed}/{self.writer}/{self.number}")
        return rng.choice(["BEGIN", "BEGIN", "BEGIN IMMEDIATE"])

    def reads_first(self) -> bool:
        """Whether it reads before it writes: then it cannot wait for others, as on a file in WAL mode."""
        return random.Random(f"reads/{self.seed}/{self.writer}/{self.number}").random() < 0.1


def value(rng: random.Random):
    return rng.choice([
        None, rng.randrange(-5, 5), rng.choice([2**63 - 1, -(2**63), 2**53 + 1]), rng.choice([0.1, -0.0, 1e300, 3.0, 5e-324]),
        "x" * rng.randrange(200), "ä\0😀'\"", rng.randbytes(rng.randrange(30)), "1", b"",
    ])  # fmt: skip


def step(rng: random.Random) -> Iterator[tuple[str, tuple]]:
    """One thing that an application does, in a statement or two."""
    account = f"(SELECT id FROM account ORDER BY id LIMIT 1 OFFSET {rng.randrange(ACCOUNTS)})"
    pair = (rng.choice("abcÄ"), rng.randrange(PAIRS // 4))
    kind = rng.random()
    if kind < 0.22:
        yield f"UPDATE account SET balance = balance + ?, rate = ? WHERE id = {account}", (rng.randrange(-9, 9), rng.random())
    elif kind < 0.38:
        yield f"INSERT INTO item(account, body, weight) VALUES ({account}, ?, ?)", (value(rng), rng.random())
    elif kind < 0.46:
        yield "INSERT INTO account(balance, name) VALUES (?, ?)", (rng.randrange(100), f"n{rng.randrange(10**6)}")
        yield f"DELETE FROM account WHERE id IN (SELECT id FROM account ORDER BY id DESC LIMIT -1 OFFSET {ACCOUNTS})", ()
    elif kind < 0.54:
        yield "INSERT OR REPLACE INTO pair VALUES (?, ?, ?)", (*pair, value(rng))
    elif kind < 0.60:
        yield "DELETE FROM pair WHERE a = ? AND b >= ?", pair
    elif kind < 0.66:
        yield "UPDATE OR IGNORE pair SET b = b + 1 WHERE a = ?", pair[:1]
    elif kind < 0.74:
        yield f"DELETE FROM item WHERE account = {account}", ()
    elif kind < 0.78:
        yield f"DELETE FROM account WHERE id = {account} AND id > 3", ()
    elif kind < 0.82:
        yield f"UPDATE OR IGNORE account SET id = id + {rng.randrange(1, 50)} WHERE id = {account} AND id > 3", ()
    elif kind < 0.90:
        yield "UPDATE item SET body = ?, weight = weight + 1 WHERE id % 7 = ?", (value(rng), rng.randrange(7))
    elif kind < 0.901:
        for size in LARGE:
            yield f"INSERT INTO item(account, body, weight) VALUES ({account}, ?, 0)", ("l" * size,)
        yield "DELETE FROM item WHERE length(body) > 100000 AND id % 5 < 4", ()
    elif kind < 0.93:
        yield "DELETE FROM item WHERE id NOT IN (SELECT id FROM item ORDER BY id DESC LIMIT 100)", ()
    elif kind < 0.985:
        extra = f"extra{rng.randrange(EXTRAS)}"
        yield f"INSERT INTO {extra} VALUES (?, ?)", (value(rng), rng.randrange(20))
        yield f"UPDATE {extra} SET b = b + 1 WHERE rowid % 3 = ?", (rng.randrange(3),)
    else:
        yield change_schema(rng), ()


def change_schema(rng: random.Random) -> str:
    extra = f"extra{rng.randrange(EXTRAS)}"
    return rng.choice([
        f"CREATE TABLE IF NOT EXISTS {extra}(a, b INTEGER)",
        f"CREATE TABLE IF NOT EXISTS {extra}(a, b INTEGER)",
        f"CREATE TABLE IF NOT EXISTS {extra}(a PRIMARY KEY, b) WITHOUT ROWID",
        f"DROP TABLE IF EXISTS {extra}",
        f"ALTER TABLE {extra} ADD COLUMN c{rng.randrange(3)} DEFAULT {rng.randrange(9)}",
        f"ALTER TABLE {extra} DROP COLUMN c{rng.randrange(3)}",
        f"ALTER TABLE {extra} RENAME COLUMN c{rng.randrange(3)} TO c{rng.randrange(3)}",
        f"ALTER TABLE {extra} RENAME TO extra{rng.randrange(EXTRAS)}",
        f"CREATE INDEX IF NOT EXISTS {extra}_b ON {extra}(b)",
        f"DROP INDEX IF EXISTS {extra}_b",
        f"CREATE TRIGGER IF NOT EXISTS {extra}_t AFTER INSERT ON {extra} BEGIN UPDATE account SET balance = balance + 1 WHERE id = 1; END",
        f"DROP TRIGGER IF EXISTS {extra}_t",
    ])  # fmt: skip


def edit(rng: random.Random) -> list[str]:
    """What somebody changes on D1 itself, past liteflare: statements without parameters."""
    return rng.choice([
        [f"UPDATE account SET balance = balance + {rng.randrange(1, 9)} WHERE id = {rng.randrange(1, 4)}"],
        ["DELETE FROM item WHERE id = (SELECT max(id) FROM item)"],
        [f"INSERT INTO item(account, body, weight) VALUES ((SELECT max(id) FROM account), 'by hand', {rng.randrange(9)}.5)"],
        ["DELETE FROM account WHERE id = (SELECT max(id) FROM account) AND id > 3"],
        [f"INSERT OR REPLACE INTO pair VALUES ('a', {rng.randrange(9)}, 'by hand')"],
        [f"UPDATE OR IGNORE pair SET b = b + 100 WHERE a = 'b' AND b = {rng.randrange(9)}"],
        [f"INSERT INTO account(id, name) VALUES ((SELECT max(id) + 1 FROM account), 'hand {rng.randrange(10**6)}')"],
    ])  # fmt: skip


def connect(path: str, **options) -> sqlite3.Connection:
    """As every process of a run has it, and the replay."""
    db = sqlite3.connect(path, isolation_level=None, **options)
    db.execute("PRAGMA foreign_keys = on")
    return db


def is_trouble(error: sqlite3.Error) -> bool:
    """Whether an error is the database's, not the statement's own."""
    return any(words in str(error) for words in ("locked", "I/O", "malformed", "not a database", "unable to open"))


def perform(db: sqlite3.Connection, statements: list[tuple[str, tuple]]):
    """Runs statements, each of which may fail by itself."""
    for sql, params in statements:
        try:
            db.execute(sql, params)
        except sqlite3.Error as error:
            if is_trouble(error):
                raise
