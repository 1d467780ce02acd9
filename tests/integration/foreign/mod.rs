//! What is done to D1 past liteflare, by the dashboard, `wrangler` or a Worker: it is seen, and never overwritten; and what becomes of
//! databases that an older or a newer liteflare has made.

mod format;
mod modes;
mod rows;
mod schema;
mod surprises;

use std::path::PathBuf;
use std::time::Duration;

use liteflare::config::{Refresh, Settings};
use liteflare::d1::Statement;
use rusqlite::Connection;

use crate::support::{App, TestCloud, dump, open, settings};

/// An application's connections in one process, another process's, and somebody with a dashboard.
struct World {
    app: App,
    /// Has an open read transaction.
    reader: Connection,
    /// Another process, which asks D1 at each read.
    other: Connection,
}

impl World {
    fn new(cloud: &TestCloud, setup: &str) -> World {
        let app = App::new(cloud);
        app.connection.execute_batch(setup).unwrap();
        let always = Settings { refresh: Refresh::Always, timeout: Duration::from_secs(30), ..settings(&app.database) };
        let (reader, other) = (app.sibling(), open(&app.folder.attach("other.db", always)));
        reader.execute_batch("BEGIN; SELECT * FROM t").unwrap();
        World { app, reader, other }
    }

    /// What somebody does on D1, as one batch.
    fn edit(&self, sql: &[&str]) {
        let done = self.app.database.batch(&sql.iter().map(|sql| Statement::new(*sql)).collect::<Vec<_>>());
        done.unwrap_or_else(|error| panic!("{sql:?}: {error:?}"));
    }

    /// The same, in a way that leaves no trace in the log.
    fn edit_silently(&self, sql: &str) {
        let mark = |source: &str| {
            format!("UPDATE _lf_commit SET source='{source}' WHERE seq=(SELECT max(seq) FROM _lf_commit)")
        };
        self.edit(&[&mark("#0"), sql, &mark("me")]);
    }

    fn fresh(&self) -> PathBuf {
        self.app.other_path(&format!("fresh{}.db", uuid::Uuid::new_v4().simple()))
    }

    /// All replicas hold what D1 holds, and can write.
    fn is_one(&self, what: &str) {
        self.reader.execute_batch("ROLLBACK; BEGIN; SELECT * FROM sqlite_schema").unwrap();
        let on_d1 = dump(&open(&self.fresh()));
        assert_eq!(dump(&self.other), on_d1, "{what}: another process");
        self.app.connection.execute("INSERT INTO t(v) VALUES ('sync')", []).unwrap_or_default();
        self.app.connection.execute("DELETE FROM t WHERE v = 'sync'", []).unwrap_or_default();
        self.app.connection.execute("DELETE FROM t WHERE v = 'sync'", []).unwrap();
        assert_eq!(dump(&self.app.connection), dump(&open(&self.fresh())), "{what}: the application");
    }

    fn one<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.app.connection.query_row(sql, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    fn on_d1(&self, sql: &str) -> String {
        self.app.database.rows(sql).to_string()
    }
}

/// A transaction of the application fails once, as one does that met a rival, and then happens.
fn fails_once(connection: &Connection, sql: &str) -> usize {
    let error = connection.execute(sql, []).unwrap_err().to_string();
    assert_eq!(error, "database is locked", "{sql}");
    connection.execute(sql, []).unwrap_or_else(|error| panic!("{sql}, the second time: {error}"))
}
