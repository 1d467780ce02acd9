//! Several processes that write to one database: each is alone until another one begins, and then they take turns.
//!
//! A replica at a path of its own stands for a process; `tests/python/extension/test_company.py` has real ones.

mod lease;
mod turns;

use std::time::Duration;

use liteflare::config::{Refresh, Settings};
use rusqlite::Connection;

use crate::support::{DbRef, Folder, Relay, TestCloud, open, settings};

/// A database with the table `t(id INTEGER PRIMARY KEY, v)`, behind a relay that all its processes use.
pub struct Company {
    pub folder: Folder,
    pub database: DbRef,
    pub relay: Relay,
}

impl Company {
    pub fn new(cloud: &TestCloud) -> Company {
        let (folder, database) = (Folder::new(), cloud.create_database());
        let relay = Relay::new(&database.api);
        Company { folder, database, relay }
    }

    /// A process with the usual interval.
    pub fn process(&self, name: &str) -> Connection {
        self.connect(name, &self.database.through(&self.relay))
    }

    /// The same, whose requests do not count.
    pub fn uncounted(&self, name: &str) -> Connection {
        self.connect(name, &self.database)
    }

    fn connect(&self, name: &str, database: &DbRef) -> Connection {
        let refresh = Refresh::Every(Duration::from_secs(1));
        open(&self.folder.attach(name, Settings { refresh, ..settings(database) }))
    }

    /// The process that made the table, a while ago.
    pub fn first(&self) -> Connection {
        let first = self.process("first.db");
        first.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").unwrap();
        std::thread::sleep(Duration::from_millis(1100));
        first
    }

    /// Processes that have written, each of which knows of the others.
    pub fn writers(&self, count: usize) -> Vec<Connection> {
        let first = self.first();
        let others = (1..count).map(|number| self.process(&format!("writer{number}.db")));
        let writers: Vec<Connection> = std::iter::once(first).chain(others).collect();
        for _ in 0..2 {
            for writer in &writers {
                insert(writer, "known").unwrap();
            }
            std::thread::sleep(Duration::from_millis(1100));
        }
        writers
    }

    /// Tickets on D1.
    pub fn ticket_count(&self) -> u64 {
        self.database.rows("SELECT count(*) FROM _lf_lease")[0][0].as_u64().unwrap()
    }
}

pub fn insert(connection: &Connection, value: &str) -> rusqlite::Result<usize> {
    connection.prepare_cached("INSERT INTO t(v) VALUES (?1)")?.execute([value])
}

pub fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}
