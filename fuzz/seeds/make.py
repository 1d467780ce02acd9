#!/usr/bin/env python3
"""Makes before.db and after.db: small pages, deep trees, overflow chains, rows moved between pages, freed and reused pages."""

import pathlib
import sqlite3

folder = pathlib.Path(__file__).parent


def text(i, length):
    return (f"{i:04x}-" * (length // 5 + 1))[:length]


def change(path, statements):
    database = sqlite3.connect(path, isolation_level=None)
    for sql, *values in statements:
        database.execute(sql, values)
    print(path.name, database.execute("SELECT name, rootpage FROM sqlite_schema").fetchall())
    database.close()


before, after = folder / "before.db", folder / "after.db"
before.unlink(missing_ok=True)
change(
    before,
    [
        ("PRAGMA page_size = 512",),
        ("BEGIN",),
        ("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT)",),
        ("CREATE TABLE w(k TEXT, n INTEGER, b TEXT, PRIMARY KEY (k, n)) WITHOUT ROWID",),
        *[("INSERT INTO t VALUES (?, ?)", i * 3, text(i, 1300 if i % 29 == 0 else 20 + i % 50)) for i in range(150)],
        *[("INSERT INTO w VALUES (?, ?, ?)", text(i * 7 % 90, 30), i, text(i, 900 if i % 31 == 0 else 10)) for i in range(90)],
        ("DELETE FROM t WHERE id BETWEEN 60 AND 90",),
        ("COMMIT",),
    ],
)
after.write_bytes(before.read_bytes())
change(
    after,
    [
        ("BEGIN",),
        ("DELETE FROM t WHERE id BETWEEN 240 AND 330",),
        ("UPDATE t SET a = a||'!' WHERE id % 87 = 0",),
        ("UPDATE w SET b = b||b WHERE n % 13 = 0",),
        ("DELETE FROM w WHERE n BETWEEN 20 AND 40",),
        *[("INSERT INTO t VALUES (?, ?)", i * 3 + 1, text(i, 700 if i % 13 == 0 else 40)) for i in range(60)],
        ("COMMIT",),
    ],
)
