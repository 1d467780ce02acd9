//! A batch is one transaction: what holds it together, and how foreign keys behave inside.

use serde_json::json;

use super::{Cloud, batch, compare, on_every_cloud, one};
use liteflare::d1::Statement;

fn statements(sql: &[&str]) -> Vec<Statement> {
    sql.iter().map(|sql| Statement::new(*sql)).collect()
}

#[test]
fn a_batch_happens_whole_or_not_at_all() {
    on_every_cloud(|cloud, database| {
        database.rows("CREATE TABLE t (a INTEGER PRIMARY KEY)");
        for failing in
            ["INSERT INTO t VALUES (1)", "SELEC", "INSERT INTO nope VALUES (1)", "SELECT 1; -- c", "SELECT ?1"]
        {
            database.batch(&statements(&["INSERT INTO t VALUES (1)", failing])).unwrap_err();
            assert_eq!(database.rows("SELECT count(*) FROM t"), json!([[0]]), "{cloud:?}: {failing}");
        }
        database.one(&Statement::new("INSERT INTO t VALUES (9); INSERT INTO nope VALUES (1)")).unwrap_err();
        assert_eq!(database.rows("SELECT count(*) FROM t"), json!([[0]]), "{cloud:?}: several statements in one text");
    });
}

#[test]
fn schema_changes_roll_back_with_the_batch() {
    compare([
        batch(&["CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", "CREATE INDEX i ON t(a)", "SELECT * FROM nope"]),
        one("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'"),
        batch(&["CREATE TABLE t (a)", "ALTER TABLE t ADD COLUMN b DEFAULT 7", "INSERT INTO t(a) VALUES (1)"]),
        batch(&["ALTER TABLE t RENAME COLUMN b TO c", "ALTER TABLE t RENAME TO u", "ALTER TABLE u DROP COLUMN c"]),
        one("SELECT sql FROM sqlite_master WHERE name = 'u'"),
    ]);
}

#[test]
fn a_text_of_several_statements_gives_the_last_ones_rows() {
    compare([
        one("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2); SELECT a FROM t"),
        one("SELECT 1; SELECT 2 AS b"),
        one("SELECT 1;"),
        one("SELECT 1; \t\r\n "),
        one("-- comment\nSELECT 1"),
        one("SELECT 1 -- comment"),
        one("SELECT 1; -- comment"),
        one("SELECT 1;;"),
        one(";"),
        one(" "),
        one(""),
        one("-- only"),
        one("/* only */"),
        batch(&["", "SELECT 1 AS a", "SELECT 2 AS b"]),
        batch(&["", " "]),
        one("CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END; INSERT INTO t VALUES (3)"),
    ]);
}

#[test]
fn parameters_must_fit() {
    compare([
        super::with("SELECT ?1 AS a, typeof(?1) AS b", &["1"]),
        super::with("SELECT ?2 || ?1 AS a", &["1", "2"]),
        super::with("SELECT ? || :x || @y || $z AS a", &["1", "2", "3", "4"]),
        super::with("SELECT 1; SELECT ?1 AS a", &["x"]),
        super::with("SELECT ?1; SELECT ?1", &["x"]),
        super::with("SELECT 1", &["x"]),
        super::with("SELECT ?1", &[]),
        super::with("SELECT ?1", &["x", "y"]),
        super::with("SELECT length(?1) AS n, hex(?1) AS h", &["ä\0b"]),
    ]);
}

#[test]
fn constraints_are_refused_in_the_same_words() {
    compare([
        one(
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE, c REFERENCES t(a), d CHECK (d > 1), e NOT NULL DEFAULT 1)",
        ),
        one("INSERT INTO t VALUES (1, 2, NULL, 2, 1)"),
        one("INSERT INTO t VALUES (1, 3, NULL, 2, 1)"),
        one("INSERT INTO t VALUES (2, 2, NULL, 2, 1)"),
        one("INSERT INTO t VALUES (3, 3, 77, 2, 1)"),
        one("INSERT INTO t VALUES (4, 4, NULL, 1, 1)"),
        one("INSERT INTO t VALUES (5, 5, NULL, 2, NULL)"),
        one("INSERT INTO t VALUES ('x', 5, NULL, 2, 1)"),
        one("INSERT OR IGNORE INTO t VALUES (1, 3, NULL, 2, 1)"),
        one("INSERT INTO t VALUES (1, 9, NULL, 2, 1) ON CONFLICT (a) DO UPDATE SET b = excluded.b"),
        one("CREATE TABLE s (a INT) STRICT"),
        one("INSERT INTO s VALUES ('x')"),
        one("CREATE TABLE w (a TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID"),
        one("INSERT INTO w VALUES ('a'), ('a')"),
        one("CREATE TABLE r (a)"),
        one("CREATE TRIGGER rt BEFORE INSERT ON r BEGIN SELECT RAISE(ABORT, 'boom ' || new.a); END"),
        one("INSERT INTO r VALUES (1)"),
        one("CREATE TABLE g (a, b AS (a * 2) UNIQUE)"),
        one("INSERT INTO g VALUES (1), (1)"),
        one("CREATE TABLE k (a INTEGER PRIMARY KEY AUTOINCREMENT)"),
        one("INSERT INTO sqlite_sequence VALUES ('k', 7)"),
        one("INSERT INTO k DEFAULT VALUES"),
        one("INSERT INTO k(rowid) VALUES (20)"),
        one("SELECT * FROM k"),
        one("SELECT json('{')"),
        one("SELECT abs(-9223372036854775808)"),
    ]);
}

#[test]
fn foreign_keys_are_always_on() {
    compare([
        batch(&["CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE c (pid REFERENCES p(id) ON DELETE CASCADE)"]),
        batch(&["INSERT INTO p VALUES (1)", "INSERT INTO c VALUES (1)"]),
        batch(&["PRAGMA foreign_keys = OFF", "INSERT INTO c VALUES (9)"]),
        batch(&["PRAGMA foreign_keys = OFF", "DELETE FROM p", "SELECT count(*) AS n FROM c"]),
        one("PRAGMA foreign_keys"),
        one("CREATE TABLE m (x REFERENCES nope(id))"),
        one("INSERT INTO m VALUES (NULL)"),
    ]);
}

#[test]
fn deferred_foreign_keys_are_checked_at_the_end_unless_switched_off_again() {
    compare([
        batch(&[
            "CREATE TABLE p (id INTEGER PRIMARY KEY)",
            "CREATE TABLE c (id INTEGER PRIMARY KEY, pid REFERENCES p(id))",
        ]),
        batch(&["INSERT INTO c VALUES (1, 5)", "INSERT INTO p VALUES (5)"]),
        batch(&["PRAGMA defer_foreign_keys = on", "INSERT INTO c VALUES (1, 5)", "INSERT INTO p VALUES (5)"]),
        // A violation that is still there at the end: nothing is kept.
        batch(&["PRAGMA defer_foreign_keys = on", "INSERT INTO c VALUES (2, 6)"]),
        one("SELECT * FROM c"),
        // `off` forgets the violations counted so far.
        batch(&["PRAGMA defer_foreign_keys = on", "INSERT INTO c VALUES (3, 7)", "PRAGMA defer_foreign_keys = off"]),
        one("SELECT * FROM c"),
        one("PRAGMA foreign_key_check"),
        // It ends with the transaction.
        one("PRAGMA defer_foreign_keys"),
        batch(&["INSERT INTO c VALUES (4, 8)", "SELECT 1"]),
        // RESTRICT waits as well; CASCADE does not.
        batch(&["CREATE TABLE q (id INTEGER PRIMARY KEY)", "CREATE TABLE d (qid REFERENCES q(id) ON DELETE RESTRICT)"]),
        batch(&["INSERT INTO q VALUES (1)", "INSERT INTO d VALUES (1)"]),
        batch(&["DELETE FROM q", "INSERT INTO q VALUES (1)"]),
        batch(&["PRAGMA defer_foreign_keys = on", "DELETE FROM q", "INSERT INTO q VALUES (1)"]),
        one("SELECT * FROM d"),
        batch(&["CREATE TABLE z (id PRIMARY KEY, r REFERENCES q(id) DEFERRABLE INITIALLY DEFERRED)", "SELECT 1"]),
        batch(&["INSERT INTO z VALUES (1, 99)", "SELECT 1"]),
        batch(&["PRAGMA defer_foreign_keys = on", "INSERT INTO z VALUES (2, 99)", "PRAGMA defer_foreign_keys = off"]),
        one("SELECT * FROM z"),
    ]);
}

/// A key declared DEFERRABLE is counted apart unless `on` came before. SQLite 3.54 forgets that count as well; D1 does not, so a
/// batch that wants dangling references must begin with `on`.
#[test]
fn switching_deferral_off_forgets_only_what_switching_it_on_had_deferred() {
    on_every_cloud(|cloud, database| {
        database.rows("CREATE TABLE p (id INTEGER PRIMARY KEY)");
        database.rows("CREATE TABLE c (r REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)");
        let late = database.batch(&statements(&["INSERT INTO c VALUES (1)", "PRAGMA defer_foreign_keys = off"]));
        assert_eq!(late.is_err(), cloud == Cloud::Workerd);
    });
}

#[test]
fn pragmas_outlive_their_batch() {
    compare([
        one("PRAGMA case_sensitive_like = on"),
        one("SELECT 'a' LIKE 'A'"),
        one("PRAGMA case_sensitive_like = off"),
        one("SELECT 'a' LIKE 'A'"),
        batch(&["PRAGMA recursive_triggers = on", "PRAGMA legacy_alter_table = on"]),
        one("PRAGMA recursive_triggers"),
        one("PRAGMA legacy_alter_table"),
    ]);
}

#[test]
fn large_batches_pass() {
    on_every_cloud(|_, database| {
        let mut batch = statements(&["CREATE TABLE t (a INTEGER PRIMARY KEY, b)"]);
        batch.extend((0..2000).map(|i| Statement::with(format!("INSERT INTO t VALUES ({i}, ?1)"), ["x".repeat(100)])));
        assert_eq!(database.batch(&batch).unwrap().len(), 2001);
        assert_eq!(database.rows("SELECT count(*), sum(length(b)) FROM t"), json!([[2000, 200_000]]));
    });
}

#[test]
fn what_the_gateway_cannot_tell_in_a_batch() {
    on_every_cloud(|cloud, database| {
        let results = database.batch(&statements(&["SELECT 1 AS a, 2 AS a", "SELECT 1 AS b WHERE 0"])).unwrap();
        let [twins, empty] = results.as_slice() else { panic!("{results:?}") };
        let (seen_twins, seen_empty) = match cloud {
            Cloud::Embedded => {
                (json!({"columns": ["a", "a"], "rows": [[1, 2]]}), json!({"columns": ["b"], "rows": []}))
            }
            Cloud::Workerd => (json!({"columns": ["a"], "rows": [[2]]}), json!({"columns": [], "rows": []})),
        };
        assert_eq!((&twins["results"], &empty["results"]), (&seen_twins, &seen_empty), "{cloud:?}");
    });
}
