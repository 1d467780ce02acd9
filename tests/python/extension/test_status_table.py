"""`liteflare_status`, and what loading the extension costs."""

import json

import pytest

from support.sqlite_app import OPENED

NAMES = [
    "d1_requests",
    "d1_bytes_sent",
    "d1_bytes_received",
    "commits",
    "conflicts",
    "retries",
    "refreshes",
    "rows_written",
    "seq",
    "replica_bytes",
    "r2_put",
    "r2_get",
    "r2_head",
    "r2_list",
    "r2_copy",
    "r2_delete",
    "r2_cache_hits",
    "last_error",
]


def test_status_counts_exactly(filled, cloud, python):
    begun, answered = len(filled.relay.requests), len(filled.relay.answers)
    path = filled.path.parent.parent / "outputs/images"
    path.mkdir(parents=True)
    done = filled.run(
        OPENED
        + f"""
first = status()
db.execute("INSERT INTO t(v) VALUES ('a')"); db.commit()
db.execute("UPDATE t SET v = 'b'"); db.commit()
db.execute("SELECT * FROM t").fetchall()
rows("DELETE FROM t WHERE id = 2")
db.execute("INSERT INTO t(v) VALUES ('c')"); attempt(db.commit); db.rollback()
file = os.path.join({str(path)!r}, "one.png")
with open(file, "wb") as out: out.write(b"picture")
for _ in range(2):
    with open(file, "rb") as read: read.read()
os.remove(file)
print(json.dumps([first, status()]))
print(status()["replica_bytes"] == db.execute("PRAGMA page_count").fetchone()[0] * 4096)
attempt(db.execute, "UPDATE liteflare_status SET value = 0")
""",
        python=python,
        **cloud.bucket(),
    )
    assert done.returncode == 0 and done.stderr.count("\n") == 1, done.stderr
    busy, values, *rest = done.stdout.splitlines()
    assert (busy, rest) == ("database is locked", ["True", "table liteflare_status may not be modified"])
    first, last = json.loads(values)
    assert list(first) == list(last) == NAMES
    sent = filled.relay.requests[begun:]
    assert last["d1_requests"] == len(sent) and last["d1_bytes_sent"] == sum(request.size for request in sent)
    assert last["d1_bytes_received"] == sum(filled.relay.answers[answered:])
    counts = {name: last[name] - first[name] for name in NAMES[3:9]}
    assert counts.pop("rows_written") >= 4
    # The seq went on by two commits of ours and the deletion that this replica learned of when it was in its way: the row that went, which a
    # trigger on D1 has noted, and the statement.
    assert counts == {"commits": 2, "conflicts": 1, "retries": 0, "refreshes": 1, "seq": 4}
    assert {name: last[name] for name in NAMES[10:17]} == R2
    assert first["last_error"] is None and "another writer committed first" in last["last_error"]
    assert done.stderr.split(" WARN ")[1].strip() == last["last_error"]


# A new file is one put; the name is new, so one head; what was written is known when it is read; one delete.
R2 = {"r2_put": 1, "r2_get": 0, "r2_head": 0, "r2_list": 0, "r2_copy": 0, "r2_delete": 1, "r2_cache_hits": 2}


@pytest.mark.any_cloud
def test_the_last_error_shows_no_secret(filled):
    """D1's words may repeat what it was sent."""
    code = """
db.execute("CREATE TABLE secret(a CHECK (a <> 'x'))"); db.commit()
name = os.environ["CLOUDFLARE_API_TOKEN"]
attempt(db.executescript, f'BEGIN; CREATE TABLE "{name}"(a REFERENCES nowhere); INSERT INTO "{name}" VALUES (1); COMMIT')
print(status()["last_error"])
"""
    error, last = filled.run(OPENED + code).stdout.splitlines()
    assert error == "disk I/O error" and "***" in last and filled.token not in last


def test_loading_runs_no_statement(opened):
    """A connection that has read nothing holds no lock and has seen no request for its sake."""
    printed = opened(
        """
before = requests()
other = sqlite3.connect(PATH)
statements = []
other.set_trace_callback(statements.append)
print(requests() - before, other.total_changes, other.in_transaction, statements)
print(other.execute("SELECT liteflare_version() <> '', liteflare_sync() >= 1").fetchone())
"""
    )
    assert printed.splitlines() == ["0 0 False []", "(1, 1)"]
