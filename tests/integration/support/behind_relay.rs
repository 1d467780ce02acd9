//! An application behind a network that fails on command, and other replicas of its database on one that works.

use std::path::PathBuf;
use std::time::Duration;

use liteflare::config::Settings;
use rusqlite::Connection;

use super::app::{Folder, dump, open, settings};
use super::cloud::TestCloud;
use super::db::DbRef;
use super::relay::Relay;

/// The time for tests of large commits, which are not about a deadline: a busy machine is no network that fails.
pub const AMPLE: Duration = Duration::from_secs(120);

/// An application with the table `t(id INTEGER PRIMARY KEY, v)`, which holds "first".
pub struct App {
    pub folder: Folder,
    pub database: DbRef,
    pub relay: Relay,
    /// Its deadline, and that of replicas beside it.
    pub timeout: Duration,
    pub connection: Connection,
}

impl App {
    pub fn new(cloud: &TestCloud) -> App {
        App::with(cloud, |_| {})
    }

    pub fn with(cloud: &TestCloud, change: impl FnOnce(&mut Settings)) -> App {
        let (folder, database) = (Folder::new(), cloud.create_database());
        let relay = Relay::new(&database.api);
        let mut settings = settings(&database.through(&relay));
        change(&mut settings);
        let timeout = settings.timeout;
        let path = folder.attach("app.db", settings);
        let connection = open(&path);
        connection
            .execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t(v) VALUES ('first')")
            .unwrap();
        App { folder, database, relay, timeout, connection }
    }

    pub fn insert(&self, value: &str) -> Result<(), String> {
        let done = self.connection.execute("INSERT INTO t(v) VALUES (?1)", [value]);
        done.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Another connection of the same process to the same replica.
    pub fn sibling(&self) -> Connection {
        open(&self.folder.path("app.db"))
    }

    /// Another process's replica of the same database, on a network that works.
    pub fn other(&self, name: &str) -> Connection {
        open(&self.other_path(name))
    }

    pub fn other_path(&self, name: &str) -> PathBuf {
        self.folder.attach(name, Settings { timeout: self.timeout, ..settings(&self.database) })
    }

    pub fn values(&self) -> Vec<String> {
        values(&self.connection)
    }

    /// The application and D1 hold exactly these values.
    pub fn holds(&self, expected: &[&str]) {
        assert_eq!(self.values(), expected, "the application");
        let fresh = self.other(&format!("fresh{}.db", self.relay.requests()));
        assert_eq!(dump(&self.connection), dump(&fresh), "a new replica");
        let answer = self.database.rows("SELECT v FROM t ORDER BY id");
        let on_d1: Vec<&str> = answer.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap()).collect();
        assert_eq!(on_d1, expected, "D1");
    }
}

/// What `t` holds.
pub fn values(connection: &Connection) -> Vec<String> {
    let mut statement = connection.prepare_cached("SELECT v FROM t ORDER BY id").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}
