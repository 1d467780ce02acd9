//! A conflict at the gate ends the transaction, as SQLite ends one that cannot go on.

use crate::support::{App, Fault, clouds, dump, values};
use rusqlite::{Connection, ErrorCode, ffi};

/// A code of SQLite's, with the words that go with it.
fn failure(done: rusqlite::Result<()>) -> (i32, String) {
    match done {
        Err(rusqlite::Error::SqliteFailure(error, message)) => {
            assert_eq!(error.code, ErrorCode::DatabaseBusy);
            (error.extended_code, message.unwrap_or_default())
        }
        other => panic!("{other:?}"),
    }
}

fn conflict() -> (i32, String) {
    (ffi::SQLITE_BUSY | (2 << 8), "database is locked".to_owned())
}

fn rival(app: &App, value: &str) {
    let rival = app.other("rival.db");
    rival.execute("INSERT INTO t(v) VALUES (?1)", [value]).unwrap();
}

#[test]
fn a_conflict_ends_the_transaction_and_the_connection_goes_on() {
    for cloud in clouds() {
        for end in ["COMMIT", "END", "RELEASE a"] {
            let app = App::new(&cloud);
            let sibling = app.sibling();
            rival(&app, "rival");
            let begin = if end.starts_with("RELEASE") { "SAVEPOINT a" } else { "BEGIN" };
            app.connection.execute_batch(begin).unwrap();
            app.insert("stale").unwrap();
            assert_eq!(failure(app.connection.execute_batch(end)), conflict(), "{end}");
            if end.starts_with("RELEASE") {
                // SQLite keeps an outermost savepoint open whatever its RELEASE met; what it held is undone.
                app.connection.execute_batch("ROLLBACK").unwrap();
            }
            assert!(app.connection.is_autocommit(), "{end} ended it");
            // Another connection of the process can write, and so can this one.
            sibling.execute("INSERT INTO t(v) VALUES ('sibling')", []).unwrap();
            app.insert("again").unwrap();
            app.holds(&["first", "rival", "sibling", "again"]);
        }
    }
}

/// An open cursor keeps its image, and a write beside it fails at once, as in WAL mode; with the cursor gone it succeeds.
#[test]
fn a_cursor_outlives_the_conflict_and_sees_what_it_saw() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        app.insert("second").unwrap();
        rival(&app, "rival");
        let mut statement = app.connection.prepare("SELECT v FROM t ORDER BY id").unwrap();
        let mut rows = statement.query([]).unwrap();
        assert_eq!(rows.next().unwrap().unwrap().get::<_, String>(0).unwrap(), "first");
        app.connection.execute_batch("BEGIN").unwrap();
        app.insert("stale").unwrap();
        assert_eq!(failure(app.connection.execute_batch("COMMIT")), conflict());
        assert!(app.connection.is_autocommit());
        assert_eq!(rows.next().unwrap().unwrap().get::<_, String>(0).unwrap(), "second");
        assert!(rows.next().unwrap().is_none());
        drop(rows);
        drop(statement);
        app.insert("again").unwrap();
        app.holds(&["first", "second", "rival", "again"]);
    }
}

#[test]
fn a_reader_of_the_old_image_gets_one_failure_and_goes_on() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let reader = app.sibling();
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(values(&reader), ["first"]);
        rival(&app, "rival");
        assert_eq!(app.insert("stale").unwrap_err(), "database is locked");
        assert_eq!(values(&reader), ["first"], "its image is pinned");
        assert_eq!(failure(reader.execute("DELETE FROM t", []).map(drop)), conflict(), "as in WAL mode");
        reader.execute_batch("ROLLBACK").unwrap();
        reader.execute("INSERT INTO t(v) VALUES ('reader')", []).unwrap();
        app.holds(&["first", "rival", "reader"]);
    }
}

/// The conflict is what happened; that the copy could not be brought forward then, the next transaction finds out.
#[test]
fn a_refresh_that_fails_inside_commit_does_not_change_the_conflict() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.timeout = std::time::Duration::from_secs(2));
        rival(&app, "rival");
        app.relay.matching("_lf_commit WHERE seq>", 1000, Fault::Status(503));
        app.connection.execute_batch("BEGIN").unwrap();
        app.insert("stale").unwrap();
        assert_eq!(failure(app.connection.execute_batch("COMMIT")), conflict());
        assert!(app.connection.is_autocommit());
        app.relay.heal();
        assert_eq!(app.insert("still stale").unwrap_err(), "database is locked");
        app.insert("again").unwrap();
        app.holds(&["first", "rival", "again"]);
    }
}

/// Schema, rows and pages are those of the image that the conflict brought.
#[test]
fn everything_a_connection_has_prepared_goes_on_after_a_conflict() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let find = |connection: &Connection| {
            let mut statement = connection.prepare_cached("SELECT id FROM t WHERE v = ?1").unwrap();
            statement.query_map(["rival"], |row| row.get::<_, i64>(0)).unwrap().count()
        };
        app.connection.execute_batch("CREATE INDEX i ON t(v)").unwrap();
        assert_eq!(find(&app.connection), 0);
        rival(&app, "rival");
        app.connection.execute_batch("BEGIN").unwrap();
        app.connection.execute("UPDATE t SET v = 'stale'", []).unwrap();
        assert_eq!(find(&app.connection), 0);
        assert_eq!(failure(app.connection.execute_batch("COMMIT")), conflict());
        assert_eq!(find(&app.connection), 1);
        assert_eq!(dump(&app.connection), dump(&app.other("fresh.db")));
    }
}
