-- liteflare's own tables on D1. Each statement may run again and again.

-- format: the number of this format (docs/D1.md). schema: what was in `_lf_present` when liteflare last looked after it. importing: there
-- until an import has ended, so that nobody takes a part of a database for the whole. The others are fields of SQLite's
-- database header that D1 does not let us set: user_version, application_id, encoding.
CREATE TABLE IF NOT EXISTS _lf_state(key TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- Fails (NOT NULL) where a newer liteflare has been: nothing of this is for us to change.
INSERT INTO _lf_state(key, value) SELECT NULL, 0 FROM _lf_state WHERE key='format' AND value>2;

-- The log of commits. Two writers that build on the same state both want the next seq: the key lets one of them win. While a batch is
-- being applied, the source of its row begins with #; what has no source of that kind was written past liteflare.
CREATE TABLE IF NOT EXISTS _lf_commit(
  seq INTEGER PRIMARY KEY CHECK (seq > 0),
  txn TEXT NOT NULL,
  at TEXT NOT NULL,
  source TEXT NOT NULL CONSTRAINT "this database is in the care of a newer liteflare: update this one" CHECK (instr(source, '/')=0),
  changes TEXT NOT NULL
);

-- Parts of a transaction that is too large for one request.
CREATE TABLE IF NOT EXISTS _lf_stage(txn TEXT NOT NULL, part INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (txn, part)) WITHOUT ROWID;

-- The application's schema as D1 has it, with the names of the triggers that note what is written past liteflare.
CREATE VIEW IF NOT EXISTS _lf_present AS SELECT coalesce(group_concat(text, char(10)), '') AS schema FROM (SELECT type||' '||name||' '||tbl_name||' '||iif(substr(name,1,8)='_lf_cdc_', '', sql) AS text FROM sqlite_schema WHERE sql IS NOT NULL AND substr(name,1,4)<>'_cf_' AND substr(name,1,7)<>'sqlite_' AND (substr(name,1,4)<>'_lf_' OR substr(name,1,8)='_lf_cdc_') ORDER BY rowid);

INSERT OR IGNORE INTO _lf_state(key, value) VALUES ('schema', '');

-- 0.1.0 wrote no number, but this key. It would write it at every start, and is kept out.
INSERT OR IGNORE INTO _lf_state(key, value) SELECT 'format', 2 WHERE NOT EXISTS (SELECT 1 FROM _lf_state WHERE key='replaying');
CREATE TRIGGER IF NOT EXISTS _lf_format BEFORE INSERT ON _lf_state WHEN NEW.key='replaying' BEGIN SELECT RAISE(ABORT, 'this database is in the care of a newer liteflare: update this one'); END;

-- The processes that have the database open: seen, and wrote, when that was last noted. alone: it writes without asking for the lease.
CREATE TABLE IF NOT EXISTS _lf_process(id TEXT PRIMARY KEY, source TEXT NOT NULL, place TEXT NOT NULL, seen REAL NOT NULL, wrote REAL NOT NULL, alone INTEGER NOT NULL) WITHOUT ROWID;

-- Who may write next: the process with the smallest ticket that has not expired. turns: how many commits it will probably make before it gives it back.
CREATE TABLE IF NOT EXISTS _lf_lease(process TEXT PRIMARY KEY, ticket INTEGER NOT NULL, turns INTEGER NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
