//! Databases that another version of liteflare has made.

use liteflare::d1::Statement;
use rusqlite::Connection;

use super::World;
use crate::support::{Answer, App, DbRef, Fault, Folder, Relay, TestCloud, clouds, dump, open, settings};

/// What liteflare 0.1.0 leaves on D1: its tables, a trigger with its guard, some rows and their commits.
const FORMAT_1: [&str; 11] = [
    "CREATE TABLE _lf_commit(\n  seq INTEGER PRIMARY KEY CHECK (seq > 0),\n  txn TEXT NOT NULL UNIQUE,\n  at TEXT NOT NULL,\n  source TEXT NOT NULL,\n  changes TEXT NOT NULL\n)",
    "CREATE TABLE _lf_state(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "CREATE TABLE _lf_stage(txn TEXT NOT NULL, part INTEGER NOT NULL, payload TEXT NOT NULL, PRIMARY KEY (txn, part)) WITHOUT ROWID",
    "INSERT OR IGNORE INTO _lf_state(key, value) VALUES ('replaying', 0), ('user_version', 7)",
    "CREATE TABLE t(id INTEGER PRIMARY KEY, v)",
    "CREATE TABLE log(x)",
    "CREATE TRIGGER plain AFTER INSERT ON t /*lf<*/WHEN (SELECT value FROM _lf_state WHERE key='replaying')=0 /*>lf*/BEGIN INSERT INTO log VALUES (NEW.v); END",
    "CREATE TRIGGER own AFTER UPDATE ON t WHEN/*lf<*/ (SELECT value FROM _lf_state WHERE key='replaying')=0 AND (/*>lf*/ NEW.v <> 'no' /*lf<*/)/*>lf*/BEGIN INSERT INTO log VALUES (NEW.v); END",
    "INSERT INTO t(v) VALUES ('first')",
    "INSERT INTO _lf_commit VALUES (1, 'one', '2026-01-01', 'host/1', '{\"all\":true}')",
    "INSERT INTO _lf_commit VALUES (2, 'two', '2026-01-01', 'host/1', '{\"rowids\":{\"t\":[[1,1]],\"log\":[[1,1]]},\"keys\":{}}')",
];

/// The fence of 0.1.0, for a commit on the newest one; and what it runs at each start.
const COMMIT: &str = "INSERT INTO _lf_commit(seq, txn, at, source, changes)
    SELECT CASE WHEN newest=CAST(?1 AS INTEGER) AND id=?2 THEN newest + 1 ELSE newest END, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?4, ?5
    FROM (SELECT coalesce(max(seq), 0) AS newest, coalesce(txn, '') AS id FROM _lf_commit)";
const START: &str = "INSERT OR IGNORE INTO _lf_state(key, value) VALUES ('replaying', 0)";

/// On a cloud that takes texts apart as D1's REST API does, without the trigger that has a condition: 0.1.0 could not create one there.
fn of_format_1(cloud: &TestCloud) -> DbRef {
    let database = cloud.create_database();
    let all = FORMAT_1.map(Statement::new);
    if let Err(refusal) = database.batch(&all) {
        assert!(refusal.message.contains("incomplete input"), "{refusal:?}");
        let uncut: Vec<Statement> =
            FORMAT_1.into_iter().filter(|text| !text.contains("TRIGGER own")).map(Statement::new).collect();
        database.batch(&uncut).unwrap();
    }
    database
}

fn everything(database: &DbRef) -> String {
    ["SELECT type, name, sql FROM sqlite_schema", "SELECT * FROM _lf_commit", "SELECT * FROM _lf_state"]
        .map(|sql| database.rows(sql).to_string())
        .concat()
}

fn is_up_to_date(database: &DbRef, connection: &Connection) {
    assert_eq!(database.rows("SELECT value FROM _lf_state WHERE key = 'format'").to_string(), "[[2]]");
    assert_eq!(database.rows("SELECT count(*) FROM _lf_state WHERE key = 'replaying'").to_string(), "[[0]]");
    let old =
        "SELECT count(*) FROM sqlite_schema WHERE sql LIKE '%replaying''%' AND name NOT LIKE '\\_lf\\_%' ESCAPE '\\'";
    assert_eq!(database.rows(old).to_string(), "[[0]]");
    // What was done past liteflare is noted, with the application's triggers, and liteflare's own writes fire none.
    database.batch(&[Statement::new("INSERT INTO t(v) VALUES ('theirs')")]).unwrap();
    let insert = "INSERT INTO t(v) VALUES ('mine')";
    let done = connection.execute(insert, []).or_else(|_| connection.execute(insert, []));
    assert_eq!(done.unwrap(), 1);
    assert_eq!(database.rows("SELECT x FROM log").to_string(), r#"[["first"],["theirs"],["mine"]]"#);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 7);
    let mut triggers =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY name").unwrap();
    let texts: Vec<String> = triggers.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let own = "CREATE TRIGGER own AFTER UPDATE ON t WHEN NEW.v <> 'no' BEGIN INSERT INTO log VALUES (NEW.v); END";
    let plain = "CREATE TRIGGER plain AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.v); END";
    assert!(texts == [own, plain] || texts == [plain], "{texts:?}");
}

#[test]
fn a_database_of_the_first_version_is_brought_up_to_date() {
    for cloud in clouds() {
        let (database, folder) = (of_format_1(&cloud), Folder::new());
        let connection = open(&folder.attach("app.db", settings(&database)));
        is_up_to_date(&database, &connection);
        assert_eq!(dump(&connection), dump(&open(&folder.attach("again.db", settings(&database)))));
    }
}

#[test]
fn several_processes_bring_it_up_to_date_at_once() {
    for cloud in clouds() {
        let (database, folder) = (of_format_1(&cloud), Folder::new());
        let paths: Vec<_> = (0..4).map(|n| folder.attach(&format!("app{n}.db"), settings(&database))).collect();
        std::thread::scope(|scope| {
            for path in &paths {
                scope.spawn(move || drop(open(path)));
            }
        });
        is_up_to_date(&database, &open(&paths[0]));
    }
}

/// Each request on the way is lost, or its answer is; the next start goes on.
#[test]
fn an_interruption_leaves_nothing_that_the_next_start_does_not_mend() {
    for cloud in clouds() {
        let done = Fault::DoneButSays(Answer { status: 403, body: "{}" });
        for fault in [Fault::Status(403), done, Fault::DropAnswer, Fault::Twice] {
            for request in ["part=-1 AND", "_lf_log", "hex(schema)<>"] {
                let (database, folder) = (of_format_1(&cloud), Folder::new());
                let relay = Relay::new(&database.api);
                let path = folder.attach("app.db", settings(&database.through(&relay)));
                relay.matching(request, 1, fault);
                drop(Connection::open(&path).and_then(|db| db.execute_batch("SELECT * FROM t")));
                relay.heal();
                is_up_to_date(&database, &open(&path));
            }
        }
    }
}

#[test]
fn an_older_liteflare_is_refused_with_a_sentence() {
    for cloud in clouds() {
        let (database, folder) = (of_format_1(&cloud), Folder::new());
        drop(open(&folder.attach("app.db", settings(&database))));
        let before = everything(&database);
        let newest = database.rows("SELECT CAST(max(seq) AS TEXT), txn FROM _lf_commit");
        let position = [0, 1].map(|index| newest[0][index].as_str().unwrap().to_owned());
        let params = position.into_iter().chain(["x", "host/1", "{}"].map(str::to_owned));
        let commit = [Statement::with(COMMIT, params), Statement::new("UPDATE t SET v = 'old'")];
        for refused in [database.batch(&commit), database.batch(&[Statement::new(START)])] {
            let message = refused.unwrap_err().message;
            assert!(message.contains("in the care of a newer liteflare: update this one"), "{message}");
        }
        assert_eq!(everything(&database), before);
    }
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    for cloud in clouds() {
        let world = World::new(&cloud, "");
        world.edit(&["UPDATE _lf_state SET value = 3 WHERE key = 'format'"]);
        let before = everything(&world.app.database);
        let path = world.fresh();
        let error = Connection::open(&path).unwrap_err().to_string();
        assert!(error.contains("unable to open database file"), "{error}");
        assert!(!path.exists(), "no marker");
        assert_eq!(everything(&world.app.database), before);
    }
}

/// What 0.1.0's log had is not read by anybody again; who was behind reads all.
#[test]
fn a_fresh_database_has_the_number() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        assert_eq!(app.database.rows("SELECT value FROM _lf_state WHERE key = 'format'").to_string(), "[[2]]");
        let tables = app.database.rows(
            "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sqlite\\_autoindex\\_\\_lf\\_commit%' ESCAPE '\\'",
        );
        assert_eq!(tables.to_string(), "[[0]]", "the log has no index to write");
    }
}
