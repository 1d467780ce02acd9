//! One application twice: on a plain SQLite file, and through liteflare on a cloud. Every step is done on both and compared.

use rusqlite::Connection;

use crate::support::{DbRef, Folder, dump, open, settings};

/// The application on both sides.
pub struct World {
    folder: Folder,
    database: DbRef,
    pub cloud: Connection,
    pub plain: Connection,
    copies: u32,
}

impl World {
    pub fn new(database: DbRef) -> World {
        World::with(database, "")
    }

    /// `setup`: pragmas for both sides, before there is any table.
    pub fn with(database: DbRef, setup: &str) -> World {
        let folder = Folder::new();
        let path = folder.attach("app.db", settings(&database));
        let (cloud, plain) = (open(&path), open(&folder.local("plain.db")));
        plain.execute_batch("PRAGMA synchronous = OFF").unwrap();
        for side in [&cloud, &plain] {
            side.execute_batch(setup).unwrap();
        }
        World { folder, database, cloud, plain, copies: 0 }
    }

    /// Runs `sql` on both sides: both must take it, or refuse it with the same words.
    pub fn run(&self, sql: &str) {
        let outcome = |side: &Connection| side.execute_batch(sql).map_err(|error| error.to_string());
        assert_eq!(outcome(&self.cloud), outcome(&self.plain), "{sql}");
        assert_eq!(self.cloud.is_autocommit(), self.plain.is_autocommit(), "{sql}");
    }

    /// Runs `sql` on both sides and compares everything afterwards.
    pub fn step(&mut self, sql: &str) {
        self.run(sql);
        if self.cloud.is_autocommit() {
            self.check(sql);
        }
    }

    /// Compares plain SQLite, the application through liteflare, and a replica made anew from D1: schema, rows, types, sequences.
    pub fn check(&mut self, after: &str) {
        let expected = dump(&self.plain);
        assert_same(&dump(&self.cloud), &expected, &format!("the application, after {after}"));
        self.copies += 1;
        let path = self.folder.attach(&format!("copy{}.db", self.copies), settings(&self.database));
        assert_same(&dump(&open(&path)), &expected, &format!("D1, after {after}"));
        let integrity: String = self.cloud.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(integrity, "ok", "{after}");
    }
}

fn assert_same(found: &[String], expected: &[String], what: &str) {
    for (index, line) in expected.iter().enumerate() {
        assert_eq!(found.get(index), Some(line), "{what}");
    }
    assert_eq!(found.len(), expected.len(), "{what}: {:?}", found.get(expected.len()));
}
