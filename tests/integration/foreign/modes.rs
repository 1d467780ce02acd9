//! `mode=ro` and `mode=rw` make nothing that is not there.

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::World;
use crate::support::{DbRef, Folder, clouds, open, settings, values};

const READ: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY;
const WRITE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE;

fn objects(database: &DbRef) -> String {
    database.rows("SELECT name FROM sqlite_schema WHERE name NOT LIKE '\\_cf\\_%' ESCAPE '\\'").to_string()
}

#[test]
fn what_is_not_there_is_not_made() {
    for cloud in clouds() {
        let (database, folder) = (cloud.create_database(), Folder::new());
        let path = folder.attach("app.db", settings(&database));
        for flags in [READ, WRITE] {
            let error = Connection::open_with_flags(&path, flags).unwrap_err();
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen), "{flags:?}: {error}");
            assert_eq!(objects(&database), "[]", "{flags:?}");
            assert!(!path.exists(), "{flags:?}: no marker");
        }
        // Without them it is made.
        open(&path).execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").unwrap();
        assert!(path.exists());
    }
}

#[test]
fn what_is_there_is_opened_and_who_reads_leaves_nothing() {
    for cloud in clouds() {
        let world = World::new(&cloud, "");
        let before = objects(&world.app.database);
        let path = world.fresh();
        let reader = Connection::open_with_flags(&path, READ).unwrap();
        assert_eq!(values(&reader), ["first"]);
        let error = reader.execute("DELETE FROM t", []).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::ReadOnly));
        assert!(!path.exists(), "no marker");
        assert_eq!(objects(&world.app.database), before);
        // A writer beside it leaves one.
        let writer = Connection::open_with_flags(&path, WRITE).unwrap();
        assert!(path.exists());
        writer.execute("INSERT INTO t(v) VALUES ('second')", []).unwrap();
        assert_eq!(values(&reader), ["first", "second"]);
        let other = world.fresh();
        drop(Connection::open_with_flags(&other, WRITE).unwrap());
        assert!(other.exists());
    }
}

/// Somebody else's database, which liteflare has never seen: a writer prepares it, a reader may not.
#[test]
fn a_database_of_others_is_prepared_by_a_writer() {
    for cloud in clouds() {
        let (database, folder) = (cloud.create_database(), Folder::new());
        database.rows("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
        let path = folder.attach("app.db", settings(&database));
        assert!(Connection::open_with_flags(&path, READ).is_err());
        assert_eq!(objects(&database), r#"[["t"]]"#);
        Connection::open_with_flags(&path, WRITE).unwrap().execute("INSERT INTO t(v) VALUES ('mine')", []).unwrap();
        assert_eq!(values(&Connection::open_with_flags(&path, READ).unwrap()), ["mine"]);
    }
}
