-- liteflare's own tables on D1. Each statement may run again and again.

-- The log of commits. Two writers that build on the same state both want the next seq: the key lets one of them win.
CREATE TABLE IF NOT EXISTS _lf_commit(
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  txn TEXT NOT NULL UNIQUE,
  at TEXT NOT NULL,
  source TEXT NOT NULL,
  changes TEXT NOT NULL
);

-- replaying: 1 while a batch repeats what an application's triggers have done already. importing: there until an import has ended, so
-- that nobody takes a part of a database for the whole. The others are fields of SQLite's
-- database header that D1 does not let us set: user_version, application_id, encoding.
CREATE TABLE IF NOT EXISTS _lf_state(key TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- Parts of a transaction that is too large for one request.
CREATE TABLE IF NOT EXISTS _lf_stage(txn TEXT NOT NULL, part INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (txn, part)) WITHOUT ROWID;

INSERT OR IGNORE INTO _lf_state(key, value) VALUES ('replaying', 0);

-- The processes that have the database open: seen, and wrote, when that was last noted. alone: it writes without asking for the lease.
CREATE TABLE IF NOT EXISTS _lf_process(id TEXT PRIMARY KEY, source TEXT NOT NULL, place TEXT NOT NULL, seen REAL NOT NULL, wrote REAL NOT NULL, alone INTEGER NOT NULL) WITHOUT ROWID;

-- Who may write next: the process with the smallest ticket that has not expired. turns: how many commits it will probably make before it gives it back.
CREATE TABLE IF NOT EXISTS _lf_lease(process TEXT PRIMARY KEY, ticket INTEGER NOT NULL, turns INTEGER NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
