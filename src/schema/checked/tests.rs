use super::*;
use crate::vfs::inner::{Task, empty};

fn create(connection: &Connection, kind: &str, name: &str, table: &str, sql: &str) -> Result<(), SchemaError> {
    CheckedText::new(kind, name, table, sql)?.create(connection)
}

#[test]
fn what_sqlite_keeps_of_legitimate_objects_is_taken_and_gives_the_same_rows() {
    let plain = Connection::open_in_memory().unwrap();
    plain
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS p(id INTEGER PRIMARY KEY AUTOINCREMENT, u TEXT UNIQUE COLLATE NOCASE, n REAL DEFAULT (1.5+1));
             CREATE TABLE main.w(k TEXT, l INT CHECK (l > 0 AND k <> ';'), g AS (k || ';') STORED, PRIMARY KEY (k DESC, l), UNIQUE (l, k)) WITHOUT ROWID;
             CREATE TABLE s(a INT, b ANY, FOREIGN KEY (a) REFERENCES p ON DELETE CASCADE) STRICT;
             CREATE TABLE \"odd \"\"name; DROP\"(\"a b\", [select], `c;`) /* ; */;
             CREATE TABLE [as](x);
             CREATE UNIQUE INDEX IF NOT EXISTS main.s_e ON s(lower(b)) WHERE b IS NOT NULL;
             CREATE INDEX \"i;\" ON p(n);
             CREATE VIEW v(a, b) AS SELECT ';', id FROM p;
             CREATE VIEW v2 AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 3) SELECT * FROM n;
             CREATE TRIGGER main.t1 AFTER INSERT ON p WHEN CASE WHEN NEW.id THEN 1 ELSE 0 END
               BEGIN SELECT CASE WHEN 1 THEN ';END' END; UPDATE p SET n=1; END;
             CREATE TRIGGER \"t;\" INSTEAD OF INSERT ON v BEGIN INSERT INTO p(u) VALUES ('; END'); /* ; END */ END;
             ALTER TABLE s RENAME TO strict; ALTER TABLE p RENAME COLUMN n TO \"n;\";",
        )
        .unwrap();
    let all = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY rowid";
    let rows = |connection: &Connection| -> Vec<(String, String, String, Option<String>)> {
        let mut statement = connection.prepare(all).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    let copy = empty(Task::Rehearse).unwrap();
    let wanted = rows(&plain);
    for (kind, name, table, sql) in &wanted {
        if let Some(sql) = sql.as_ref().filter(|_| !name.starts_with("sqlite_")) {
            create(&copy, kind, name, table, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
    let sorted = |mut rows: Vec<_>| {
        rows.sort();
        rows
    };
    assert_eq!(sorted(rows(&copy)), sorted(wanted));
}

#[test]
fn whatever_is_not_one_create_of_the_announced_object_is_refused_and_does_nothing() {
    let texts = [
        ("table", "a", "a", "CREATE TABLE a(x); DROP TABLE t"),
        ("table", "a", "a", "CREATE TABLE a(x);"),
        ("table", "a", "a", "CREATE TABLE a(x)\0; DROP TABLE t"),
        ("table", "a", "a", "CREATE TABLE a AS SELECT * FROM t"),
        ("table", "a", "a", "CREATE TABLE a/**/AS WITH n(i) AS (SELECT 1) SELECT i FROM n"),
        ("table", "a", "a", "CREATE TEMP TABLE a(x)"),
        ("table", "a", "a", "CREATE TEMPORARY TABLE a(x)"),
        ("table", "a", "a", "CREATE TABLE temp.a(x)"),
        ("table", "a", "a", "CREATE TABLE IF NOT EXISTS t(x)"),
        ("table", "a", "a", "CREATE VIRTUAL TABLE a USING fts5(x)"),
        ("table", "a", "a", "CREATE TABLE b(x)"),
        ("table", "a", "b", "CREATE TABLE a(x)"),
        ("table", "a", "a", "CREATE VIEW a AS SELECT 1"),
        ("table", "a", "a", "DROP TABLE t"),
        ("table", "a", "a", "ATTACH 'x' AS y"),
        ("table", "a", "a", "VACUUM INTO 'x'"),
        ("table", "a", "a", "PRAGMA writable_schema=ON"),
        ("table", "a", "a", "EXPLAIN CREATE TABLE a(x)"),
        ("table", "a", "a", ""),
        ("table", "a", "a", "-- CREATE TABLE a(x)"),
        ("table", "a", "a", "CREATE TABLE a(x"),
        ("table", "json_each", "json_each", "CREATE TABLE json_each(x)"),
        ("view", "Pragma_Table_List", "Pragma_Table_List", "CREATE VIEW Pragma_Table_List AS SELECT 1"),
        ("index", "a", "t", "CREATE INDEX a ON t(x); DROP TABLE t"),
        ("index", "a", "other", "CREATE INDEX a ON t(x)"),
        ("index", "a", "t", "CREATE TABLE a(x)"),
        ("view", "a", "a", "CREATE TEMP VIEW a AS SELECT 1"),
        ("view", "a", "a", "CREATE VIEW a AS SELECT 1; DELETE FROM t"),
        ("trigger", "a", "t", "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END; DELETE FROM t; END"),
        ("trigger", "a", "t", "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END; DELETE FROM t"),
        ("trigger", "a", "t", "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END;"),
        ("trigger", "a", "t", "CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END"),
        ("trigger", "b", "t", "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END"),
        ("trigger", "a", "u", "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; END"),
        ("TABLE; DROP TABLE t", "a", "a", "CREATE TABLE a(x)"),
        ("", "a", "a", "CREATE TABLE a(x)"),
    ];
    for (kind, name, table, sql) in texts {
        let db = empty(Task::Rehearse).unwrap();
        db.execute("CREATE TABLE t(x)", []).unwrap();
        db.execute("INSERT INTO t VALUES (1)", []).unwrap();
        let error = create(&db, kind, name, table, sql).expect_err(sql).to_string();
        assert!(error.starts_with(&format!("{kind} {name}: ")), "it names the object: {error}");
        assert_eq!(db.query_row("SELECT count(*) FROM t", [], |row| row.get(0)), Ok(1), "{sql}");
    }
}
