//! Every kind of statement, by name.

use super::world::World;
use crate::support::clouds;

/// Runs the steps on every cloud, comparing after each.
fn steps(steps: &[&str]) {
    for cloud in clouds() {
        println!("{:?}", cloud.kind);
        let mut world = World::new(cloud.create_database());
        for step in steps {
            world.step(step);
        }
    }
}

#[test]
fn values_of_every_type_survive_exactly() {
    steps(&[
        "CREATE TABLE v(id INTEGER PRIMARY KEY, x)",
        "INSERT INTO v(x) VALUES (9223372036854775807), (-9223372036854775808), (9007199254740993), (0), (NULL)",
        "INSERT INTO v(x) VALUES (1.0), (0.1 + 0.2), (1e300), (5e-324), (1.7976931348623157e308), (-1e15), (123456.789e3)",
        "INSERT INTO v(x) VALUES (9e999), (-9e999), (2.2250738585072014e-308), (4.35), (9007199254740993.0), (1e22)",
        "INSERT INTO v(x) VALUES (''), (x''), ('a' || char(0) || 'b'), (char(0)), ('ä€😀' || char(65533)), (char(1, 31, 127))",
        "INSERT INTO v(x) VALUES (CAST(x'ff00fe' AS TEXT)), (CAST(x'eda080' AS TEXT)), (x'00ff'), ('1'), ('1.0'), (x'31')",
        "INSERT INTO v(x) VALUES ('\"quoted\" \\ and '' too' || char(10, 13, 9))",
        "UPDATE v SET x = x || 'tail' WHERE typeof(x) = 'text'",
        "UPDATE v SET x = -x WHERE typeof(x) = 'real'",
    ]);
}

#[test]
fn values_up_to_two_megabytes_survive() {
    steps(&[
        "CREATE TABLE v(id INTEGER PRIMARY KEY, x, y)",
        "INSERT INTO v(x) VALUES (zeroblob(0)), (zeroblob(1000000)), (CAST(zeroblob(899999) AS TEXT))",
        "INSERT INTO v(x) SELECT group_concat(printf('%08d', value), '') FROM (WITH s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s WHERE value < 240000) SELECT value FROM s)",
        "INSERT INTO v(x, y) SELECT CAST(x AS BLOB), 'next to it' FROM v WHERE id = 4",
        "UPDATE v SET x = x || 'ä' WHERE id = 4",
    ]);
}

#[test]
fn transactions_savepoints_and_failures_inside_them() {
    steps(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, n NOT NULL DEFAULT 0)",
        "BEGIN; INSERT INTO t(u) VALUES ('a'), ('b'); SAVEPOINT s; INSERT INTO t(u) VALUES ('c'); ROLLBACK TO s; RELEASE s; COMMIT",
        "BEGIN; INSERT INTO t(u) VALUES ('d'); ROLLBACK",
        "BEGIN",
        "INSERT INTO t(u) VALUES ('e')",
        "INSERT INTO t(u) VALUES ('f'), ('a')",
        "INSERT OR IGNORE INTO t(u) VALUES ('g'), ('a')",
        "COMMIT",
        "INSERT INTO t(u, n) VALUES ('h', NULL)",
        "SAVEPOINT outer; INSERT INTO t(u) VALUES ('i'); RELEASE outer",
        "BEGIN; INSERT OR ROLLBACK INTO t(u) VALUES ('a'); COMMIT",
        "ROLLBACK",
        "BEGIN IMMEDIATE; DELETE FROM t WHERE u = 'a'; INSERT INTO t(u) VALUES ('a'); COMMIT",
        "BEGIN EXCLUSIVE; UPDATE t SET n = n + 1; COMMIT",
        "BEGIN; COMMIT",
    ]);
}

#[test]
fn replace_upsert_and_swapped_unique_values() {
    steps(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, n)",
        "INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
        "REPLACE INTO t VALUES (4, 'a', 10)",
        "INSERT INTO t VALUES (9, 'b', 5) ON CONFLICT(u) DO UPDATE SET n = n + excluded.n, id = 20",
        "BEGIN; UPDATE t SET u = 'tmp' WHERE u = 'b'; UPDATE t SET u = 'b' WHERE u = 'c'; UPDATE t SET u = 'c' WHERE u = 'tmp'; COMMIT",
        "UPDATE t SET id = id + 100",
        "UPDATE OR REPLACE t SET u = 'c' WHERE u = 'b'",
        "CREATE UNIQUE INDEX partial ON t(n) WHERE n > 0",
        "BEGIN; UPDATE t SET n = -n; UPDATE t SET n = -n; COMMIT",
        "DELETE FROM t",
    ]);
}

#[test]
fn foreign_keys_cascades_and_self_references() {
    steps(&[
        "CREATE TABLE p(id INTEGER PRIMARY KEY, u TEXT UNIQUE)",
        "CREATE TABLE c(id INTEGER PRIMARY KEY, pu TEXT REFERENCES p(u) ON DELETE CASCADE ON UPDATE CASCADE)",
        "CREATE TABLE g(id INTEGER PRIMARY KEY, cid NOT NULL REFERENCES c ON DELETE CASCADE, pid REFERENCES p ON DELETE SET NULL)",
        "CREATE TABLE tree(id INTEGER PRIMARY KEY, parent REFERENCES tree ON DELETE CASCADE)",
        "INSERT INTO p VALUES (1, 'a'), (2, 'b'); INSERT INTO c VALUES (1, 'a'), (2, 'b'), (3, 'a')",
        "INSERT INTO g VALUES (1, 1, 1), (2, 2, 1), (3, 3, 2)",
        "INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 4)",
        "UPDATE p SET u = 'z' WHERE id = 1",
        "BEGIN; PRAGMA defer_foreign_keys = on; DELETE FROM p WHERE id = 2; INSERT INTO p VALUES (2, 'b'); COMMIT",
        "REPLACE INTO p VALUES (1, 'z')",
        "DELETE FROM tree WHERE id = 1",
        "DELETE FROM p",
        "PRAGMA foreign_keys = off; INSERT INTO c VALUES (50, 'nobody'); INSERT INTO g VALUES (9, 77, 78); PRAGMA foreign_keys = on",
        "INSERT INTO p VALUES (5, 'five'); INSERT INTO c VALUES (5, 'five'); INSERT INTO g VALUES (5, 5, 5)",
        "PRAGMA foreign_keys = off; BEGIN; CREATE TABLE p2(id INTEGER PRIMARY KEY, u TEXT UNIQUE, extra); INSERT INTO p2 SELECT *, 1 FROM p; DROP TABLE p; ALTER TABLE p2 RENAME TO p; COMMIT; PRAGMA foreign_keys = on",
    ]);
}

#[test]
fn tables_of_every_kind() {
    steps(&[
        "CREATE TABLE keyless(a, b); CREATE TABLE text_key(k TEXT PRIMARY KEY, v)",
        "INSERT INTO keyless VALUES (1, 1), (1, 1), (2, NULL); INSERT INTO text_key VALUES (NULL, 1), (NULL, 2), ('k', 3)",
        "DELETE FROM keyless WHERE rowid = 2; UPDATE text_key SET v = v + 1",
        "CREATE TABLE wr(k TEXT COLLATE NOCASE, l REAL, v, PRIMARY KEY(l DESC, k)) WITHOUT ROWID",
        "INSERT INTO wr VALUES ('a', 1, x'00'), ('B', 1, 'two'), ('b', 0.1, NULL)",
        "UPDATE wr SET k = upper(k); UPDATE wr SET v = 5 WHERE l = 0.1; DELETE FROM wr WHERE k = 'b' AND l = 1",
        "CREATE TABLE blobs(k BLOB PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO blobs VALUES (x'00', 1), (x'', 2), (x'ff', 3)",
        "REPLACE INTO blobs VALUES (x'00', 9)",
        "CREATE TABLE auto(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO auto(v) VALUES (1), (2), (3)",
        "DELETE FROM auto; INSERT INTO auto(v) VALUES (4)",
        "UPDATE sqlite_sequence SET seq = 100 WHERE name = 'auto'",
        "CREATE TABLE gen(a INTEGER, b AS (a * 2) VIRTUAL UNIQUE, c TEXT AS (a || 'x') STORED)",
        "INSERT INTO gen(a) VALUES (1), (2); UPDATE gen SET a = a + 1 WHERE a = 2",
        "CREATE TABLE st(i INTEGER, t TEXT, a ANY, r REAL, b BLOB) STRICT; INSERT INTO st VALUES (1, 'x', 1.0, 2, x'00'), (NULL, NULL, '1', 0.5, NULL)",
        "INSERT INTO st(i) VALUES ('no integer')",
        "CREATE TABLE \"od\"\"d na?1me\"(\"select\", \"a?1\" DEFAULT 'it''s'); INSERT INTO \"od\"\"d na?1me\"(\"select\") VALUES (1.5)",
        "CREATE TABLE defaults(a DEFAULT CURRENT_TIMESTAMP, b DEFAULT (abs(-5)), c CHECK (c > 0)); INSERT INTO defaults(a, c) VALUES ('now', 1)",
        "CREATE TABLE shadowed(rowid, _rowid_); INSERT INTO shadowed VALUES (10, 20)",
    ]);
}

#[test]
fn schema_changes_with_rows_under_them() {
    steps(&[
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT DEFAULT 'x', c); INSERT INTO t(c) VALUES (1), (2), (3)",
        "ALTER TABLE t ADD COLUMN d INTEGER NOT NULL DEFAULT 7",
        "ALTER TABLE t RENAME COLUMN c TO \"see\"",
        "ALTER TABLE t DROP COLUMN b",
        "ALTER TABLE t RENAME TO renamed",
        "BEGIN; ALTER TABLE renamed ADD COLUMN e; UPDATE renamed SET e = a * 1.5; INSERT INTO renamed(see) VALUES ('new'); COMMIT",
        "CREATE INDEX i ON renamed(see) WHERE e IS NOT NULL; CREATE VIEW v AS SELECT * FROM renamed -- a comment",
        "CREATE TABLE log(x); CREATE TRIGGER tr AFTER UPDATE ON renamed BEGIN INSERT INTO log VALUES (NEW.a); END",
        "UPDATE renamed SET d = d + 1",
        "BEGIN; ALTER TABLE renamed RENAME TO old; CREATE TABLE renamed(a INTEGER PRIMARY KEY, d); INSERT INTO renamed SELECT a, d FROM old; DROP TABLE old; COMMIT",
        "DROP VIEW v",
        "BEGIN; CREATE TABLE x(p); CREATE TABLE y(q); INSERT INTO x VALUES (1); COMMIT",
        "BEGIN; ALTER TABLE x RENAME TO z; ALTER TABLE y RENAME TO x; ALTER TABLE z RENAME TO y; COMMIT",
        "CREATE TABLE copy AS SELECT * FROM renamed",
        "DROP TABLE renamed; DROP TABLE log",
        "BEGIN; CREATE TABLE gone(x); DROP TABLE gone; COMMIT",
    ]);
}

#[test]
fn triggers_do_their_work_once() {
    steps(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n, updated_at DEFAULT 0); CREATE TABLE audit(what, n)",
        "CREATE TRIGGER ins AFTER INSERT ON t BEGIN INSERT INTO audit VALUES ('ins', NEW.n); END",
        "CREATE TRIGGER upd AFTER UPDATE ON t WHEN NEW.n <> OLD.n BEGIN UPDATE t SET updated_at = updated_at + 1 WHERE id = NEW.id; INSERT INTO audit VALUES ('upd', NEW.n); END",
        "CREATE TRIGGER del BEFORE DELETE ON t BEGIN INSERT INTO audit SELECT 'del', OLD.n; END",
        "INSERT INTO t(n) VALUES (1), (2)",
        "UPDATE t SET n = n * 10",
        "DELETE FROM t WHERE id = 1",
        "CREATE VIEW v AS SELECT id, n FROM t; CREATE TRIGGER iv INSTEAD OF INSERT ON v BEGIN INSERT INTO t(n) VALUES (NEW.n); END",
        "INSERT INTO v(n) VALUES (77)",
        "DROP TRIGGER upd; UPDATE t SET n = 5",
        "BEGIN; DROP TRIGGER ins; CREATE TRIGGER ins AFTER INSERT ON t BEGIN SELECT RAISE(ABORT, 'no more'); END; COMMIT",
        "INSERT INTO t(n) VALUES (8)",
    ]);
}

#[test]
fn pragmas_vacuum_and_header_fields() {
    steps(&[
        "PRAGMA user_version = 5",
        "CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 2), (3, 4), (5, 6)",
        "PRAGMA user_version = -7; PRAGMA application_id = 1234567",
        "DELETE FROM t WHERE a = 3; VACUUM",
        "PRAGMA synchronous = OFF; INSERT INTO t VALUES (7, 8); PRAGMA synchronous = FULL",
        "ANALYZE; REINDEX; PRAGMA optimize",
        "PRAGMA cache_size = 3; BEGIN; WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 2000) INSERT INTO t SELECT i, hex(randomblob(0)) || printf('%0200d', i) FROM s; ROLLBACK",
        "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint",
    ]);
}

#[test]
fn in_lists_and_bulk_statements() {
    let list: Vec<String> = (1..=1000).map(|n| n.to_string()).collect();
    let delete = format!("DELETE FROM t WHERE n IN ({})", list.join(","));
    steps(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, n, body)",
        "WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 3000) INSERT INTO t SELECT i, i, printf('%0100d', i) FROM s",
        &delete,
        "UPDATE t SET body = body || n",
        "WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 9) INSERT INTO t(n, body) SELECT i, printf('%0900000d', i) FROM s",
    ]);
}

#[test]
fn databases_of_other_encodings_and_page_sizes() {
    for cloud in clouds() {
        for setup in [
            "PRAGMA encoding = 'UTF-16le'",
            "PRAGMA page_size = 512; PRAGMA auto_vacuum = 1",
            "PRAGMA page_size = 65536",
        ] {
            let mut world = World::with(cloud.create_database(), setup);
            world.step("CREATE TABLE t(a PRIMARY KEY, b) WITHOUT ROWID; CREATE TABLE u(x)");
            world.step(
                "INSERT INTO t VALUES ('ä€😀', 1), ('b', 'c'); INSERT INTO u VALUES (printf('%09000d', 1)), ('ü')",
            );
            world.step("DELETE FROM t WHERE a = 'b'; UPDATE t SET b = 'neu'; DELETE FROM u WHERE rowid = 1");
        }
    }
}
