"""Rows of `d1_query` and of `d1` tables are taken from D1's answer while it comes: large ones, parts of them, and answers that break off."""

from support.sqlite_app import OPENED

BIG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i, hex(zeroblob(10000)) AS h FROM n"


def test_a_large_result_needs_little_memory(opened, filled, cloud):
    """40 MB come in one request, and pass through some MB; nothing of it stays."""
    printed = opened(
        f"""
def peak(): # of this program alone; getrusage begins with what the one that started it had
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) // 1024 for line in file if line.startswith("VmHWM"))
big = {BIG.format(count=2000)!r}
db.execute(f"CREATE VIRTUAL TABLE temp.x USING d1('{{big}}')")
db.execute("SELECT * FROM x LIMIT 1").fetchall(); rows("SELECT 1")
before, received, asked = peak(), status()["d1_bytes_received"], requests()
print(sum(i + len(h) for i, h in db.execute("SELECT i, h FROM x")))
print(sum(len(row) for row, in db.execute("SELECT row FROM d1_query(?)", (big,))))
grown = peak() - before
print(requests() - asked, (status()["d1_bytes_received"] - received) // 10**6, grown < 12)
print(grown)
"""
    )
    lines = printed.splitlines()
    assert lines[:2] == [str(2000 * 20000 + 2001000), str(sum(len(f'{{"i":{i},"h":""}}') + 20000 for i in range(1, 2001)))]
    assert lines[2] == "3 80 True", lines[3]


def test_a_limit_asks_for_no_more(opened):
    printed = opened(
        f"""
big = {BIG.format(count=500)!r}
db.execute(f"CREATE VIRTUAL TABLE temp.x USING d1('{{big}}')")
def cost(sql, *params):
    before = status()["d1_bytes_received"]
    found = db.execute(sql, params).fetchall()
    return len(found), (status()["d1_bytes_received"] - before) // 20000
print(cost("SELECT * FROM x LIMIT 2"), cost("SELECT * FROM d1_query(?) LIMIT ?", big, 3), cost("SELECT * FROM x LIMIT 0"))
print([len(db.execute(sql).fetchall()) for sql in (
    "SELECT * FROM x WHERE i > 100 LIMIT 3", "SELECT * FROM x LIMIT 3 OFFSET 490", "SELECT * FROM x LIMIT 5 OFFSET 498",
    "SELECT DISTINCT length(h) FROM x LIMIT 4", "SELECT i FROM x UNION ALL SELECT i FROM x LIMIT 600", "SELECT * FROM x LIMIT -1")])
print(db.execute("SELECT i FROM x ORDER BY i DESC LIMIT 1").fetchall(), db.execute("SELECT max(i) FROM x LIMIT 1").fetchall())
print(db.execute("SELECT i FROM x WHERE i % 2 = 0 AND length(h) > 3 LIMIT 2").fetchall())
print(db.execute("SELECT t.id, i FROM t, x WHERE i > 3 LIMIT 2").fetchall())
"""
    )
    assert printed.splitlines() == [
        "(2, 2) (3, 3) (0, 0)",
        "[3, 3, 2, 1, 600, 500]",
        "[(500,)] [(500,)]",
        "[(2,), (4,)]",
        "[(1, 4), (1, 5)]",
    ]


def test_a_scan_can_be_left_and_interrupted(opened):
    """What has not been read is not waited for, and the connection goes on."""
    printed = opened(
        f"""
big = {BIG.format(count=600)!r}
before = status()["d1_bytes_received"]
for _ in range(3):
    cursor = db.execute("SELECT row FROM d1_query(?)", (big,))
    print(json.loads(cursor.fetchone()[0])["i"]); cursor.close()
print((status()["d1_bytes_received"] - before) < 24 * 10**6) # of 36
cursor = db.execute("SELECT row FROM d1_query(?)", (big,))
cursor.fetchone()
db.interrupt()
attempt(cursor.fetchall)
several = [db.execute("SELECT row FROM d1_query(?)", (big,)) for _ in range(3)]
print([json.loads(cursor.fetchone()[0])["i"] for cursor in several for _ in range(2)])
print(rows("SELECT 7 AS a"))
"""
    )
    assert printed.splitlines() == ["1", "1", "1", "True", "interrupted", "[1, 2, 1, 2, 1, 2]", "[{'a': 7}]"]


def test_an_answer_that_breaks_off_is_an_error(filled):
    """Before the first row it is asked for again; after it the rows are of no use, and the application hears of it."""
    filled.relay.cut("_lfq", 1000)
    code = f"""
big = {BIG.format(count=300)!r}
print(len(db.execute("SELECT row FROM d1_query(?)", (big,)).fetchall()), status()["retries"])
print("cut", flush=True); sys.stdin.readline()
cursor = db.execute("SELECT row FROM d1_query(?)", (big,))
cursor.fetchone()
attempt(cursor.fetchall)
print(len(rows(big)))
"""
    process = filled.start(OPENED + code)
    assert [process.stdout.readline().strip() for _ in range(2)] == ["300 1", "cut"]
    filled.relay.cut("_lfq", 3_000_000)
    out, log = process.communicate("go on\n", timeout=60)
    error, after = out.splitlines()
    assert error.startswith("no answer from D1: ") and (after, log) == ("300", "")


def test_an_answer_without_its_end_is_an_error(opened, filled):
    """Rows are not all there are because no more of them came."""
    filled.relay.cut("_lfq", 3_000_000, openly=False)
    code = f"""
cursor = db.execute("SELECT row FROM d1_query(?)", ({BIG.format(count=300)!r},))
cursor.fetchone()
attempt(cursor.fetchall)
"""
    assert opened(code).startswith("HTTP 200 without D1's JSON")


def test_no_network_is_an_error(filled):
    code = """
db.execute("CREATE VIRTUAL TABLE temp.x USING d1('SELECT 1')")
print("open", flush=True); sys.stdin.readline()
for statement in ("SELECT * FROM x", "SELECT * FROM d1_query('SELECT 1')", "SELECT * FROM d1_query('DELETE FROM t')"):
    attempt(db.execute, statement)
"""
    process = filled.start(OPENED + code, LITEFLARE_TIMEOUT="1s")
    assert process.stdout.readline() == "open\n"
    filled.relay.is_down = True
    out, log = process.communicate("go on\n", timeout=60)
    errors = out.splitlines()
    assert len(errors) == 3 and log == "" and all("no answer from D1" in error for error in errors), out
    assert "D1 may have carried out the statement: look before you repeat it" in errors[2]
    filled.relay.is_down = False
    assert filled.rows("SELECT v FROM t") == [["first"]]
