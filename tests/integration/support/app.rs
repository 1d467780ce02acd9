//! One application twice: on a plain SQLite file, and through liteflare on a cloud. Every step is done on both and compared.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use liteflare::config::{Refresh, Secret, Settings};
use liteflare::sqlite::Sqlite;
use liteflare::vfs::router;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use crate::support::DbRef;

/// The settings for a database of a test cloud. Commits wait 5 s for D1 at most.
pub fn settings(database: &DbRef) -> Settings {
    Settings {
        account: database.account.clone(),
        token: Secret::new(database.token.clone()),
        database: database.database.clone(),
        api: database.api.clone(),
        refresh: Refresh::Never,
        timeout: Duration::from_secs(5),
    }
}

/// A folder for database files.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Folder {
        liteflare::extension::start_log();
        router::install(Sqlite::bundled()).expect("the VFS is registered");
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A path that is served from the database with these settings.
    pub fn attach(&self, name: &str, settings: Settings) -> PathBuf {
        let path = self.0.path().canonicalize().unwrap().join(name);
        router::attach(&path, settings);
        path
    }

    pub fn local(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// The application on both sides.
pub struct World {
    pub folder: Arc<Folder>,
    pub database: DbRef,
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
        let folder = Arc::new(Folder::new());
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

pub fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    connection
}

fn assert_same(found: &[String], expected: &[String], what: &str) {
    for (index, line) in expected.iter().enumerate() {
        assert_eq!(found.get(index), Some(line), "{what}");
    }
    assert_eq!(found.len(), expected.len(), "{what}: {:?}", found.get(expected.len()));
}

/// Everything an application can see of a database, a line an item: objects in their order, rows with rowids and types.
pub fn dump(connection: &Connection) -> Vec<String> {
    let mut lines = Vec::new();
    let mut objects = connection
        .prepare(
            "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name",
        )
        .unwrap();
    let objects = objects
        .query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, String>(3)?]))
        .unwrap()
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    for [kind, name, table, sql] in &objects {
        lines.push(format!("{kind} {name} on {table}: {sql}"));
    }
    for [_, name, ..] in objects.iter().filter(|[kind, ..]| kind == "table") {
        lines.extend(rows(connection, name));
    }
    for pragma in ["user_version", "application_id", "encoding"] {
        let value: Value = connection.pragma_query_value(None, pragma, |row| row.get(0)).unwrap();
        lines.push(format!("{pragma} {value:?}"));
    }
    if connection.prepare("SELECT 1 FROM sqlite_sequence").is_ok() {
        let mut sequences = connection.prepare("SELECT name, seq FROM sqlite_sequence ORDER BY name").unwrap();
        let found = sequences
            .query_map([], |row| Ok(format!("sequence {:?}", (row.get::<_, String>(0)?, row.get::<_, i64>(1)?))));
        lines.extend(found.unwrap().map(Result::unwrap));
    }
    lines
}

fn rows(connection: &Connection, table: &str) -> Vec<String> {
    let name = format!("\"{}\"", table.replace('"', "\"\""));
    let with_rowid = connection.prepare(&format!("SELECT rowid, * FROM {name} ORDER BY rowid"));
    let mut statement = with_rowid.unwrap_or_else(|_| connection.prepare(&format!("SELECT * FROM {name}")).unwrap());
    let count = statement.column_count();
    let mut rows = statement.query([]).unwrap();
    let mut lines = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells: Vec<String> = (0..count)
            .map(|index| match row.get_ref(index).unwrap() {
                rusqlite::types::ValueRef::Text(bytes) => format!("text {}", bytes.escape_ascii()),
                rusqlite::types::ValueRef::Real(real) => format!("real {:?} {:x}", real, real.to_bits()),
                other => format!("{other:?}"),
            })
            .collect();
        lines.push(format!("{table}: {}", cells.join(" | ")));
    }
    lines
}
