"""What liteflare adds to SQL: `d1_query` and `d1` tables, in real Pythons on both clouds."""

from support.sqlite_app import OPENED

VALUES = r"""SELECT 9223372036854775807 AS big, -9223372036854775808 AS small, 9007199254740993 AS odd, 1.0 AS one, 0.1 + 0.2 AS sum,
1e300 AS huge, 5e-324 AS tiny, 9e999 AS infinite, -9e999 AS minus, NULL AS missing, '' AS empty, 'it''s; ?1 %s "ü" 🦀' AS text,
'a' || char(0) || 'b' AS nul, 'mended: ' || char(65533) AS fffd, x'00ff' AS blob, x'' AS no_blob, zeroblob(1000000) AS large, 'i1' AS like_ours"""
EXPECTED = r"""[9223372036854775807, -9223372036854775808, 9007199254740993, 1.0, 0.1 + 0.2,
1e300, 5e-324, float("inf"), float("-inf"), None, "", "it's; ?1 %s \"ü\" 🦀",
"a\0b", "mended: \ufffd", b"\x00\xff", b"", bytes(1000000), "i1"]"""


def test_d1_query_gives_every_value_exactly(opened, python):
    printed = opened(
        f"""
text, = db.execute("SELECT row FROM d1_query(?)", ({VALUES!r},)).fetchone()
row = json.loads(text)
plain = lambda value: bytes.fromhex(value["hex"]) if isinstance(value, dict) else value
expected = {EXPECTED}
print([(name, value) for (name, value), other in zip(row.items(), expected) if repr(plain(value)) != repr(other)], len(row))
print('"one":1.0,' in text, '"huge":1e300,' in text, '"blob":{{"hex":"00FF"}}' in text)
read, = db.execute("SELECT json_extract(row, '$.big') FROM d1_query(?)", ({VALUES!r},)).fetchone()
print(read)
""",
        python=python,
    )
    assert printed.splitlines() == ["[] 18", "True True True", "9223372036854775807"]


def test_a_d1_table_gives_every_value_exactly(opened, python):
    printed = opened(
        f"""
db.execute("CREATE VIRTUAL TABLE temp.x USING d1('" + {VALUES!r}.replace("'", "''") + "')")
cursor = db.execute("SELECT * FROM x")
row = cursor.fetchone()
print([value for value, other in zip(row, {EXPECTED}) if repr(value) != repr(other)], len(row), cursor.fetchone())
print([name for name, *_ in cursor.description] == {[part.split()[-1] for part in VALUES.replace(chr(10), " ").split(",")]!r})
""",
        python=python,
    )
    assert printed.splitlines() == ["[] 18 None", "True"]


def test_names_types_order_and_duplicates(opened):
    printed = opened(
        """
db.execute("CREATE TABLE u(id INTEGER PRIMARY KEY, name VARCHAR(10), price REAL)")
db.executemany("INSERT INTO u VALUES (?, ?, ?)", [(i, f"n{i}", i / 2) for i in range(5)]); db.commit()
select = "SELECT id, id, name AS ID, price, count(*) OVER () FROM u ORDER BY id DESC -- all of them"
db.execute(f"CREATE VIRTUAL TABLE temp.x USING d1('{select}')")
print([(name, kind) for _, name, kind, *_ in db.execute("PRAGMA table_info(x)")])
print(db.execute("SELECT * FROM x LIMIT 2").fetchall())
print(rows(select)[:2])
print(rows("WITH n(a) AS (VALUES (1), (2)) SELECT a, (SELECT max(a) FROM n) AS m FROM n;"))
mixed = rows("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT CASE abs(random()) % 3 WHEN 0 THEN 1 WHEN 1 THEN 'x' ELSE 0.5 END AS a FROM n")
print(len(mixed), {repr(row["a"]) for row in mixed} == {"1", "'x'", "0.5"}) # each is computed once
print(rows("VALUES (1, 'x')"), rows("SELECT 1 WHERE 0"))
print(db.execute("SELECT a.name FROM u a JOIN x b ON a.id = b.id WHERE b.price > 1.4 ORDER BY a.id").fetchall())
"""
    )
    assert printed.splitlines() == [
        "[('id', 'INTEGER'), ('id:1', 'INTEGER'), ('ID:2', 'VARCHAR(10)'), ('price', 'REAL'), ('count(*) OVER ()', '')]",
        "[(4, 4, 'n4', 2.0, 5), (3, 3, 'n3', 1.5, 5)]",
        "[{'id': 4, 'id:1': 4, 'ID:2': 'n4', 'price': 2.0, 'count(*) OVER ()': 5}, {'id': 3, 'id:1': 3, 'ID:2': 'n3', 'price': 1.5, 'count(*) OVER ()': 5}]",
        "[{'a': 1, 'm': 2}, {'a': 2, 'm': 2}]",
        "200 True",
        "[{'column1': 1, 'column2': 'x'}] []",
        "[('n3',), ('n4',)]",
    ]


def test_parameters_arrive_with_their_types(opened):
    printed = opened(
        r"""
values = [2**63 - 1, 1.0, 0.1 + 0.2, True, None, "a\0'ü?", {"hex": "00ff"}, 1e300]
print(list(rows("SELECT " + ", ".join("?" for _ in values), *values)[0].values()))
print(list(rows("SELECT " + ", ".join("typeof(?)" for _ in values), *values)[0].values()))
print(list(rows("SELECT :a AS a, @b AS b, :a AS c, ?2 AS d, ? AS e, '?' AS f /* ? */", "A", "B", "C")[0].values()))
print(rows("SELECT v FROM t WHERE id = ? ORDER BY ? LIMIT ?", 1, 5, 1))
print(rows("INSERT INTO t(v) VALUES (?), (?) RETURNING id, v", "x", 7))
print(len(rows("SELECT " + ", ".join("?" for _ in range(99)), *range(99))[0]))
"""
    )
    assert printed.splitlines() == [
        r"""[9223372036854775807, 1.0, 0.30000000000000004, 1, None, "a\x00'ü?", {'hex': '00FF'}, 1e+300]""",
        "['integer', 'real', 'real', 'integer', 'null', 'text', 'blob', 'real']",
        "['A', 'B', 'A', 'B', 'C', '?']",
        "[{'v': 'first'}]",
        "[{'id': 2, 'v': 'x'}, {'id': 3, 'v': 7}]",
        "99",
    ]


WRONG = {
    "d1_query()": "d1_query: needs the SQL text of a statement: d1_query('SELECT …')",
    "d1_query(NULL)": "d1_query: needs the SQL text of a statement: d1_query('SELECT …')",
    "d1_query(x'00')": "d1_query: needs the SQL text of a statement: d1_query('SELECT …')",
    "d1_query(' -- none')": "d1_query: the SQL text holds no statement",
    "d1_query('SELECT 1; SELECT 2')": "d1_query: the SQL text holds several statements; give one",
    "d1_query('SELECT 1) UNION SELECT (2')": "d1_query: the parentheses of the SQL text do not match",
    "d1_query('SELECT ?')": "d1_query: params_json gives 0 values, the statement has 1 parameter",
    "d1_query('SELECT ?', '[1, 2]')": "d1_query: params_json gives 2 values, the statement has 1 parameter",
    "d1_query('SELECT 1', '[1]')": "d1_query: params_json gives 1 value, the statement has 0 parameters",
    "d1_query('SELECT ?', '[[1]]')": "d1_query: params_json value 1: an array; pass JSON as a string",
    "d1_query('SELECT ?', '[{\"a\": 1}]')": "d1_query: params_json value 1: an object must be a blob",
    "d1_query('SELECT ?', '[18446744073709551615]')": "d1_query: params_json value 1: an integer beyond 64 bits",
    "d1_query('SELECT ?', 'one')": "d1_query: params_json is no JSON array",
    "d1_query('SELECT ?', 5)": "d1_query: params_json must be the text of a JSON array",
    "d1_query('SELECT * FROM \"%s%n%d%5000d\"')": "D1 refused: D1_ERROR: no such table: %s%n%d%5000d",
    "d1_query('SELEC 1')": "syntax error",
    "d1_query('SELECT 1 AS \x01')": "SQLITE_ERROR",
    "d1_query('INSERT INTO t(id) VALUES (1)')": "UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT",
    "d1_query('BEGIN')": "D1 refused",
}
WRONG_TABLES = {
    "main.x USING d1('SELECT 1')": "d1: D1 cannot hold a virtual table, so it belongs in the temp schema: CREATE VIRTUAL TABLE temp.x USING d1(…)",
    "temp.x USING d1('DELETE FROM t RETURNING id')": "d1: takes a statement that reads",
    "temp.x USING d1('WITH a AS (SELECT 1) DELETE FROM t')": "d1: takes a statement that reads",
    "temp.x USING d1('PRAGMA table_info(t)')": "d1: takes a statement that reads",
    "temp.x USING d1('SELECT 1; SELECT 2')": "d1: the SQL text holds several statements; give one",
    "temp.x USING d1('SELECT ?')": "the statement has 1 parameter",
    "temp.x USING d1": "d1: takes one SQL text in single quotes: USING d1('SELECT …')",
    "temp.x USING d1(SELECT 1)": "d1: takes one SQL text in single quotes: USING d1('SELECT …')",
    "temp.x USING d1('SELECT 1', 'SELECT 2')": "d1: takes one SQL text in single quotes: USING d1('SELECT …')",
    "temp.x USING d1('SELECT a FROM nowhere')": "D1_ERROR: no such table: nowhere",
}


def test_arguments_may_come_from_another_table(opened):
    printed = opened(
        """
db.execute("INSERT INTO t(v) VALUES ('second')"); db.commit()
print(db.execute("SELECT t.id, json_extract(row, '$.a') FROM d1_query('SELECT ' || t.id || ' * ? AS a', json_array(t.id + 0.5)), t ORDER BY 1").fetchall())
print(db.execute("SELECT count(*) FROM t WHERE id IN (SELECT row ->> '$.id' FROM d1_query('SELECT id FROM t WHERE id > 1'))").fetchall())
print(db.execute("SELECT sql, params_json FROM d1_query('SELECT 1 WHERE ? > 0', '[1]')").fetchall())
"""
    )
    assert printed.splitlines() == ["[(1, 1.5), (2, 5.0)]", "[(1,)]", "[('SELECT 1 WHERE ? > 0', '[1]')]"]


def test_errors_say_what_is_wrong(opened, filled):
    """Nothing is logged, nothing changes, and the connection goes on."""
    statements = [f"SELECT * FROM {call}" for call in WRONG] + [f"CREATE VIRTUAL TABLE {table}" for table in WRONG_TABLES]
    before = filled.d1()
    printed = opened(
        f"""
before = requests()
for statement in {statements!r}:
    attempt(db.execute, statement)
print(requests() - before, db.execute("SELECT v FROM t").fetchall(), rows("SELECT 1 AS a"))
"""
    )
    *errors, last = printed.splitlines()
    for (call, expected), error in zip({**WRONG, **WRONG_TABLES}.items(), errors, strict=True):
        assert expected in error, f"{call}: {error}"
    # Only what D1 must judge is sent: 5 times in d1_query, once in d1.
    assert last == "6 [('first',)] [{'a': 1}]"
    assert filled.d1() == before


def test_other_databases_are_not_on_d1(opened):
    printed = opened(
        """
for name in (":memory:", PATH + ".plain"):
    other = sqlite3.connect(name)
    attempt(other.execute, "SELECT * FROM d1_query('SELECT 1')")
    attempt(other.execute, "CREATE VIRTUAL TABLE temp.x USING d1('SELECT 1')")
    values = dict(other.execute("SELECT * FROM liteflare_status"))
    print(values["d1_requests"], values["commits"], values["seq"], values["replica_bytes"], len(values))
"""
    )
    assert printed.splitlines() == ["d1_query: this database is not on D1", "d1: this database is not on D1", "0 0 None None 18"] * 2


def test_a_d1_table_is_read_only_and_runs_at_each_scan(opened, filled):
    printed = opened(
        """
counts = [requests()]
def count(work, *args):
    work(*args); counts.append(requests())
count(db.execute, "CREATE VIRTUAL TABLE temp.x USING d1('SELECT v FROM t ORDER BY id')")
count(lambda: print(db.execute("SELECT v FROM x").fetchall()))
count(db.execute, "INSERT INTO t(v) VALUES ('second')")
count(db.commit)
count(lambda: print(db.execute("SELECT count(*) FROM x").fetchone(), db.execute("SELECT v FROM x").fetchall()))
attempt(db.execute, "INSERT INTO x VALUES (1)"); attempt(db.execute, "DELETE FROM x"); db.rollback()
count(db.execute, "CREATE TABLE more(a)") # commits; SQLite connects to its virtual tables anew after it
count(lambda: print(db.execute("SELECT count(*) FROM x").fetchone()))
count(db.execute, "DROP TABLE x")
print([after - before for before, after in zip(counts, counts[1:])])
attempt(db.execute, "SELECT * FROM x")
"""
    )
    refused = "table x may not be modified"
    assert printed.splitlines() == [
        "[('first',)]",
        "(2,) [('first',), ('second',)]",
        refused,
        refused,
        "(2,)",
        "[1, 1, 0, 1, 2, 1, 1, 0]",
        "no such table: x",
    ]


def test_writes_are_changes_by_others(filled):
    printed, log = filled.complain(
        OPENED
        + """
before = requests()
print(rows("INSERT INTO t(v) VALUES ('by D1') RETURNING id, v"), requests() - before)
print(rows("UPDATE t SET v = upper(v) WHERE id = 1"), rows("CREATE TABLE made(a INTEGER PRIMARY KEY)"), rows("INSERT INTO made VALUES (5)"))
print(db.execute("SELECT v FROM t").fetchall(), db.execute("SELECT count(*) FROM sqlite_master").fetchone())
db.execute("SELECT liteflare_sync()").fetchone()
print(db.execute("SELECT v FROM t").fetchall(), db.execute("SELECT a FROM made").fetchall())
rows("DELETE FROM made")
attempt(db.execute, "INSERT INTO t(v) VALUES ('too late')"); attempt(db.commit); db.rollback() # no one told this replica
db.execute("INSERT INTO t(v) VALUES ('last')"); db.commit()
print(db.execute("SELECT count(*) FROM made").fetchone())
before = requests()
print([row["name"] for row in rows("PRAGMA table_info(made)")], len(rows("EXPLAIN QUERY PLAN SELECT 1")) > 0, requests() - before)
before = requests()
rows("SELECT 1"); print(requests() - before, status()["conflicts"])
"""
    )
    assert printed.splitlines() == [
        "[{'id': 2, 'v': 'by D1'}] 1",
        "[] [] []",
        "[('first',)] (1,)",
        "[('FIRST',), ('by D1',)] [(5,)]",
        "done",
        "database is locked",
        "(0,)",
        "['a'] True 2",
        "2 1",
    ]
    assert "another writer committed first" in log
    assert filled.rows("SELECT v FROM t ORDER BY id") == [["FIRST"], ["by D1"], ["last"]]
    assert filled.succeed("print(db.execute('SELECT v FROM t').fetchall())") == "[('FIRST',), ('by D1',), ('last',)]"


def test_triggers_and_views_of_a_database_cannot_use_them(opened, filled):
    """Whoever made the database would otherwise have its reader run statements on D1. (Those of the temp schema are the reader's own.)"""
    printed = opened(
        """
db.isolation_level = None
db.execute("ATTACH ? AS other", (PATH + ".other",))
before = requests()
for schema in ("main", "other"):
    db.execute("BEGIN")
    db.execute(f"CREATE TABLE {schema}.a(b)")
    db.execute(f"CREATE VIEW {schema}.v AS SELECT * FROM d1_query('DELETE FROM t')")
    db.execute(f"CREATE TRIGGER {schema}.g AFTER INSERT ON a BEGIN INSERT INTO a SELECT row FROM d1_query('DELETE FROM t'); END")
    attempt(db.execute, f"SELECT * FROM {schema}.v")
    attempt(db.execute, f"INSERT INTO {schema}.a VALUES (1)")
    db.execute("ROLLBACK")
    attempt(db.execute, f"CREATE VIRTUAL TABLE {schema}.x USING d1('SELECT 1')")
print(requests() - before)
"""
    )
    unsafe = 'unsafe use of virtual table "d1_query"'
    assert [line.split(",")[0] for line in printed.splitlines()] == [unsafe, unsafe, "d1: D1 cannot hold a virtual table"] * 2 + ["0"]
    assert filled.rows("SELECT v FROM t") == [["first"]]


def test_text_that_d1_cannot_send_is_an_error(opened):
    printed = opened(
        """
attempt(lambda: rows("SELECT 1 AS a, CAST(x'ff' AS TEXT) AS broken"))
print(rows("SELECT hex(CAST(CAST(x'ff' AS TEXT) AS BLOB)) AS h"))
"""
    )
    error, other = printed.splitlines()
    assert "row 1: column broken holds text that is not valid UTF-8" in error and other == "[{'h': 'FF'}]"
