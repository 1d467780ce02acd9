//! An application: its files, some of which are served from a test cloud's database, its connections, and all it can see of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use liteflare::config::{Access, Refresh, Secret, Settings};
use liteflare::serve::router;
use liteflare::sqlite::Sqlite;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::db::DbRef;

/// The settings for a database of a test cloud. Commits wait 5 s for D1 at most.
pub fn settings(database: &DbRef) -> Settings {
    Settings {
        account: database.account.clone(),
        database: database.database.clone(),
        api: Access::new(&database.api, Secret::new(&database.token)),
        refresh: Refresh::Never,
        timeout: Duration::from_secs(5),
    }
}

/// A folder for database files.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Folder {
        liteflare::log::start();
        router::install(Sqlite::bundled()).expect("the VFS is registered");
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A path that is served from the database with these settings.
    pub fn attach(&self, name: &str, settings: Settings) -> PathBuf {
        let path = self.path(name);
        router::attach(&path, settings);
        path
    }

    /// The path of that name.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    pub fn local(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

pub fn open(path: &Path) -> Connection {
    let connection = Connection::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    connection.execute_batch("PRAGMA foreign_keys = ON").unwrap();
    connection
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
