//! A replica that is read anew under connections that have prepared statements, cached pages and open read transactions: each statement
//! shows, and does, what it would on one SQLite file.

use std::path::Path;

use liteflare::config::{Refresh, Settings};
use liteflare::d1::Statement as D1Statement;
use rusqlite::types::Value;
use rusqlite::{Connection, Statement};

use crate::support::{AMPLE, App, DbRef, TestCloud, clouds, dump, open, settings};

/// Two tables of one shape, so that one is easily taken for the other, and indexes whose place in the file depends on who built it.
const SETUP: &str = "
    CREATE TABLE a(id INTEGER PRIMARY KEY, v TEXT, w INTEGER, x);
    CREATE INDEX a_v ON a(v);
    CREATE INDEX a_w ON a(w);
    CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT, w INTEGER, x);
    CREATE INDEX b_v ON b(v);
    CREATE VIEW both AS SELECT id, v FROM a UNION ALL SELECT id, v FROM b;
    WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 800)
        INSERT INTO a SELECT i, 'a' || i, i % 7, NULL FROM n;
    INSERT INTO b SELECT id, 'b' || id, w, 'x' FROM a WHERE id <= 300;";

/// Prepared before the change and run after it.
const READS: [&str; 7] = [
    "SELECT * FROM a WHERE id BETWEEN 2 AND 4",
    "SELECT id, w FROM a WHERE v = 'a3'",
    "SELECT count(*), sum(id), min(v) FROM a WHERE w = 3",
    "SELECT * FROM b WHERE v = 'b3'",
    "SELECT count(*), max(v) FROM b",
    "SELECT count(*), max(v) FROM both",
    "SELECT name, sql FROM sqlite_schema ORDER BY name",
];
const WRITES: [&str; 4] = [
    "UPDATE a SET w = w + 100 WHERE v = 'a3'",
    "INSERT INTO a(v, w) VALUES ('new', 1)",
    "UPDATE b SET x = 'changed' WHERE v = 'b3'",
    "DELETE FROM b WHERE id = 5",
];

/// What another process does.
const CHANGES: [(&str, &str); 11] = [
    (
        "more rows than the log names",
        "WITH n(i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 13000) INSERT INTO a SELECT i, 'a' || i, i % 7, NULL FROM n",
    ),
    ("a column dropped", "DROP INDEX a_w; ALTER TABLE a DROP COLUMN w"),
    ("a column before the others' values dropped", "ALTER TABLE b DROP COLUMN w"),
    ("a column added", "ALTER TABLE a ADD COLUMN y DEFAULT 5; UPDATE a SET y = id WHERE id < 4"),
    (
        "a table dropped and made anew",
        "DROP VIEW both; DROP TABLE a; CREATE TABLE a(v TEXT, id INTEGER PRIMARY KEY, w); CREATE INDEX a_v ON a(w); INSERT INTO a VALUES ('a3', 3, 3)",
    ),
    (
        "names swapped",
        "DROP VIEW both; ALTER TABLE a RENAME TO c; ALTER TABLE b RENAME TO a; ALTER TABLE c RENAME TO b",
    ),
    (
        "an index on another column",
        "DROP INDEX a_v; DROP INDEX a_w; CREATE INDEX a_v ON a(w); CREATE INDEX a_w ON a(v)",
    ),
    ("an index more", "CREATE INDEX b_x ON b(x)"),
    ("two indexes more", "CREATE INDEX b_x ON b(x); CREATE INDEX a_vw ON a(v, w)"),
    ("everything dropped", "DROP VIEW both; DROP TABLE a; DROP TABLE b"),
    (
        "everything dropped, and something else made",
        "DROP VIEW both; DROP TABLE a; DROP TABLE b; CREATE TABLE b(id INTEGER PRIMARY KEY, v TEXT, w INTEGER, x); INSERT INTO b VALUES (3, 'b3', 1, 2)",
    ),
];

fn named(name: &str) -> &'static str {
    CHANGES.iter().find(|(other, _)| *other == name).unwrap().1
}

/// What a statement shows: its rows or SQLite's words.
fn run(statement: &mut Statement<'_>) -> Result<Vec<Vec<Value>>, String> {
    let text = |error: rusqlite::Error| error.to_string();
    let mut rows = statement.query([]).map_err(text)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(text)? {
        let count = row.as_ref().column_count();
        found.push((0..count).map(|index| row.get(index).unwrap()).collect());
    }
    Ok(found)
}

/// An application's connections, and another process's.
struct World<'c> {
    /// Has prepared statements and is idle.
    idle: Vec<Statement<'c>>,
    /// Has prepared statements and an open read transaction.
    reading: Vec<Statement<'c>>,
    reader: &'c Connection,
    other: &'c Connection,
}

/// What all statements showed, step by step.
type Seen = Vec<(String, Result<Vec<Vec<Value>>, String>)>;

impl<'c> World<'c> {
    fn new(idle: &'c Connection, reader: &'c Connection, other: &'c Connection) -> World<'c> {
        let prepare = |connection: &'c Connection| {
            READS.iter().chain(&WRITES).map(|sql| connection.prepare(sql).unwrap()).collect::<Vec<_>>()
        };
        World { idle: prepare(idle), reading: prepare(reader), reader, other }
    }

    fn go_through(&mut self, change: &str, after_change: impl FnOnce()) -> Seen {
        let mut seen = Seen::new();
        let mut look = |who: &str, statements: &mut [Statement<'c>]| {
            for (statement, sql) in statements.iter_mut().zip(READS.iter().chain(&WRITES)) {
                seen.push((format!("{who}: {sql}"), run(statement)));
            }
        };
        let reads = READS.len();
        look("idle before", &mut self.idle[..reads]);
        self.reader.execute_batch("BEGIN").unwrap();
        look("reader before", &mut self.reading[..reads]);
        self.other.execute_batch(&format!("BEGIN; {change}; COMMIT")).unwrap();
        after_change();
        look("reader after", &mut self.reading[..reads]);
        look("idle after", &mut self.idle[..reads]);
        self.reader.execute_batch("COMMIT").unwrap();
        look("reader after its transaction", &mut self.reading[..reads]);
        look("writes", &mut self.idle[reads..]);
        look("reader after the writes", &mut self.reading[..reads]);
        look("reader writes", &mut self.reading[reads..]);
        seen
    }
}

/// The same on one file, in WAL mode, where readers keep their state.
fn on_a_file(path: &Path, since: &[&str], change: &str) -> (Seen, Vec<String>) {
    let open = || open(path);
    let (idle, reader, other) = (open(), open(), open());
    idle.pragma_update(None, "journal_mode", "wal").unwrap();
    idle.execute_batch(SETUP).unwrap();
    since.iter().for_each(|sql| idle.execute_batch(sql).unwrap());
    let seen = World::new(&idle, &reader, &other).go_through(change, || ());
    (seen, dump(&open()))
}

/// The application has made its tables and connects anew (so that its replica is D1's, built as another process builds it),
/// does `since`, and another process changes things.
fn compare(cloud: &TestCloud, since: &[&str], change: &str, after_change: impl FnOnce(&DbRef)) {
    let app = App::with(cloud, |settings| settings.timeout = AMPLE);
    app.connection.execute_batch("DROP TABLE t").unwrap();
    app.connection.execute_batch(SETUP).unwrap();
    let always = Settings { refresh: Refresh::Always, timeout: AMPLE, ..settings(&app.database) };
    let path = app.folder.attach("again.db", always);
    let (idle, reader) = (open(&path), open(&path));
    since.iter().for_each(|sql| idle.execute_batch(sql).unwrap());
    let other = app.other("other.db");
    let seen = World::new(&idle, &reader, &other).go_through(change, || after_change(&app.database));
    let (expected, whole) = on_a_file(&app.folder.local("plain.db"), since, change);
    for (seen, expected) in seen.iter().zip(&expected) {
        assert_eq!(seen, expected, "{change}");
    }
    assert_eq!(dump(&idle), whole, "{change}: the replica");
    assert_eq!(dump(&app.other("fresh.db")), whole, "{change}: D1");
    let check: String = idle.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok", "{change}");
}

#[test]
fn statements_prepared_before_a_change_show_what_they_show_on_one_file() {
    for cloud in clouds() {
        for (_, change) in CHANGES {
            compare(&cloud, &[], change, |_| ());
        }
    }
}

/// VACUUM gives the tables other places, and the schema another number, in one process only.
#[test]
fn the_same_after_a_vacuum() {
    for cloud in clouds() {
        // Twice: with two objects more, the new schema's number would be the same.
        for change in ["more rows than the log names", "names swapped", "two indexes more"].map(named) {
            compare(&cloud, &["VACUUM", "DELETE FROM a WHERE id > 700", "VACUUM"], change, |_| ());
        }
    }
}

/// What the other process did has left the log again.
#[test]
fn the_same_when_the_log_does_not_reach_back() {
    for cloud in clouds() {
        for change in
            ["UPDATE a SET w = w + 1; UPDATE b SET v = v || '!'", named("a column dropped"), named("names swapped")]
        {
            let forget = |database: &DbRef| {
                let newest = "DELETE FROM _lf_commit WHERE seq < (SELECT max(seq) FROM _lf_commit)";
                database.one(&D1Statement::new(newest)).unwrap();
            };
            compare(&cloud, &[], change, forget);
        }
    }
}

/// Each time the replica is read anew its schema gets a number that nobody has seen, however often, and whatever the application adds.
#[test]
fn no_schema_number_comes_twice() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.refresh = Refresh::Always);
        let other = app.other("other.db");
        let number = || app.connection.pragma_query_value(None, "schema_version", |row| row.get::<_, i64>(0)).unwrap();
        let mut numbers = vec![number()];
        for round in 0..4 {
            other.execute_batch("SELECT * FROM t").unwrap();
            let made = other.execute_batch(&format!("CREATE TABLE o{round}(x)"));
            // The other process is behind, and learns so.
            made.or_else(|_| other.execute_batch(&format!("CREATE TABLE o{round}(x)"))).unwrap();
            numbers.push(number());
            app.connection.execute_batch(&format!("CREATE TABLE m{round}(x)")).unwrap();
            numbers.push(number());
            app.connection.execute_batch("VACUUM").unwrap();
            numbers.push(number());
        }
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
