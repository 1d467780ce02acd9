//! An application's database, and a third database that stands for D1: what is done to the first is planned and applied to the second.
//! The stand-in has D1's rules: foreign keys on, its limits, triggers guarded; it is compared typed and whole.

use std::path::PathBuf;

use rusqlite::{Connection, params_from_iter};

use super::pages::{File, changes};
use crate::d1::Statement;
use crate::d1::splitter::is_kept_whole;
use crate::plan::ablation::{OFF, Rule};
use crate::plan::{After, Before, Options, Plan, PlanError, plan};
use crate::schema::guard::strip;
use crate::schema::{Identity, Kind, Schema};
use crate::value::Value;

/// Why a step did not end with two equal databases.
#[derive(Debug)]
pub(super) enum Failure {
    /// The planner refused the transaction.
    Plan(PlanError),
    /// The stand-in refused the batch, also after the retries.
    Refused(#[allow(dead_code, reason = "shown by a failing test")] String),
    /// Both went on, and differ.
    Differs(#[allow(dead_code, reason = "shown by a failing test")] String),
}

pub(super) struct World {
    dir: tempfile::TempDir,
    pragmas: String,
    pub(super) app: Connection,
    pub(super) d1: Connection,
    /// Each parameter is read from a table, as when a batch is too large for one request.
    pub(super) staged: bool,
    /// Tables are rebuilt and triggers recreated without D1 having refused anything.
    pub(super) fallbacks: bool,
    pub(super) replaying: bool,
    pub(super) deferred: bool,
    pub(super) last: Plan,
}

/// A plan's statements, in order.
fn all(plan: &Plan) -> Vec<Statement> {
    [&plan.statements[..], &plan.counters[..]].concat()
}

impl World {
    pub(super) fn new() -> World {
        World::with("")
    }

    /// `pragmas` run before the first table.
    pub(super) fn with(pragmas: &str) -> World {
        let dir = tempfile::tempdir().unwrap();
        let app = open(&dir.path().join("app.db"), pragmas);
        let d1 = Connection::open_in_memory().unwrap();
        limit(&d1);
        d1.execute_batch(
            "PRAGMA foreign_keys=on;
             CREATE TABLE _lf_commit(seq INTEGER PRIMARY KEY,source); INSERT INTO _lf_commit VALUES(1,'');
             CREATE TABLE _lf_stage(part INTEGER PRIMARY KEY,payload);",
        )
        .unwrap();
        World {
            dir,
            pragmas: pragmas.to_owned(),
            app,
            d1,
            staged: false,
            fallbacks: false,
            replaying: true,
            deferred: true,
            last: Plan::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs SQL as one transaction of the application; the application must accept it.
    pub(super) fn commit(&mut self, sql: &str) {
        self.try_commit(sql).unwrap_or_else(|failure| panic!("{sql}\n{failure:#?}\n{:#?}", self.last.statements));
    }

    /// The same, and what came of it. A commit D1 or the planner refuses is undone in the application.
    pub(super) fn try_commit(&mut self, sql: &str) -> Result<(), Failure> {
        self.transact(|app| {
            app.execute_batch("BEGIN").and_then(|()| app.execute_batch(sql)).unwrap_or_else(|e| panic!("{sql}: {e}"));
            if !app.is_autocommit() {
                app.execute_batch("COMMIT").unwrap_or_else(|e| panic!("{sql}: {e}"));
            }
        })
    }

    /// Lets the application do something, then brings D1 up to it and compares.
    pub(super) fn transact(&mut self, act: impl FnOnce(&Connection)) -> Result<(), Failure> {
        std::fs::copy(self.path("app.db"), self.path("before.db")).unwrap();
        act(&self.app);
        let result = self.replay().and_then(|()| self.compare());
        if result.is_err() {
            // The application rolls back.
            drop(std::mem::replace(&mut self.app, Connection::open_in_memory().unwrap()));
            std::fs::copy(self.path("before.db"), self.path("app.db")).unwrap();
            self.app = open(&self.path("app.db"), &self.pragmas);
        }
        result
    }

    fn replay(&mut self) -> Result<(), Failure> {
        let (before, after) = (File::open(&self.path("before.db")), File::open(&self.path("app.db")));
        let changes = changes(&before, &after);
        let attempt = |options: &Options| plan(Before(before.side()), After(after.side()), &changes, options);
        let first = attempt(&Options::default());
        if let Err(PlanError::ForeignKey { .. }) = &first {
            // Refused by us only if D1 would: then nothing is lost but a request.
            OFF.set(Some(Rule::ForeignKeys));
            let body = attempt(&Options { recreate_triggers: true, ..Options::default() }).map(|plan| all(&plan));
            OFF.set(None);
            self.d1.execute_batch("BEGIN").unwrap();
            let tried = self.run(&body.map_err(Failure::Plan)?);
            self.d1.execute_batch("ROLLBACK").unwrap();
            assert!(tried.is_err(), "D1 would have taken what the planner refuses: {first:?}");
        }
        self.last = first.map_err(Failure::Plan)?;
        let again = attempt(&Options::default()).map_err(Failure::Plan)?;
        assert_eq!(self.last.statements, again.statements, "the same transaction gives the same batch");
        let mut options = Options::default();
        if self.fallbacks {
            // What a retry would do has the same result.
            options = Options { rebuild: self.last.altered.clone(), recreate_triggers: true };
            self.last = attempt(&options).map_err(Failure::Plan)?;
        }
        let mut result = self.apply(&all(&self.last));
        if result.is_err() && !self.last.altered.is_empty() {
            options.rebuild = self.last.altered.clone();
            self.last = attempt(&options).map_err(Failure::Plan)?;
            result = self.apply(&all(&self.last));
        }
        if result.is_err() {
            options.recreate_triggers = true;
            self.last = attempt(&options).map_err(Failure::Plan)?;
            result = self.apply(&all(&self.last));
        }
        result.map_err(Failure::Refused)
    }

    fn apply(&self, body: &[Statement]) -> Result<(), String> {
        self.d1.execute_batch("BEGIN").unwrap();
        let result = self.run(body);
        self.d1.execute_batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(|error| {
            let _ = self.d1.execute_batch("ROLLBACK");
            error.to_string()
        })?;
        result
    }

    fn run(&self, body: &[Statement]) -> Result<(), String> {
        let mark = |on: bool| format!("UPDATE _lf_commit SET source='{}'", if on { "#" } else { "" });
        if self.deferred {
            self.d1.execute_batch("PRAGMA defer_foreign_keys=on").unwrap();
        }
        self.d1.execute_batch(&mark(self.replaying)).unwrap();
        for statement in body {
            self.run_one(statement).map_err(|error| format!("{error}: {}", statement.sql))?;
        }
        self.d1.execute_batch(&mark(false)).unwrap();
        if self.deferred {
            self.d1.execute_batch("PRAGMA defer_foreign_keys=off").unwrap();
        }
        Ok(())
    }

    fn run_one(&self, statement: &Statement) -> rusqlite::Result<()> {
        assert!(is_kept_whole(&statement.sql.text()), "D1's REST API would cut {}", statement.sql);
        if !self.staged {
            self.d1.prepare(&statement.sql.text())?.execute(params_from_iter(&statement.params)).map(|_| ())?;
            return Ok(());
        }
        self.d1.execute("DELETE FROM _lf_stage", [])?;
        for (i, payload) in statement.params.iter().enumerate() {
            self.d1.execute("INSERT INTO _lf_stage VALUES(?1,?2)", (i64::try_from(i).unwrap() + 1, payload))?;
        }
        let sql = statement.sql.reading_from(|n| format!("(SELECT payload FROM _lf_stage WHERE part={n})"));
        assert!(is_kept_whole(&sql), "D1's REST API would cut {sql}");
        self.d1.execute(&sql, []).map(|_| ())
    }

    /// Schema, rows with their rowids, and counters of both, typed.
    pub(super) fn compare(&self) -> Result<(), Failure> {
        let (app, d1) = (dump(&self.app), dump(&self.d1));
        if app == d1 {
            return Ok(());
        }
        let missing: Vec<&String> = app.iter().filter(|line| !d1.contains(line)).take(8).collect();
        let surplus: Vec<&String> = d1.iter().filter(|line| !app.contains(line)).take(8).collect();
        Err(Failure::Differs(format!("D1 lacks {missing:#?}\nand has {surplus:#?}")))
    }

    /// The bytes the last batch sends.
    pub(super) fn sent(&self) -> usize {
        self.last.statements.iter().map(|s| s.sql.text().len() + s.params.iter().map(String::len).sum::<usize>()).sum()
    }
}

fn open(path: &std::path::Path, pragmas: &str) -> Connection {
    let app = Connection::open(path).unwrap();
    app.execute_batch("PRAGMA foreign_keys=on; PRAGMA synchronous=off;").unwrap();
    app.execute_batch(pragmas).unwrap();
    app
}

/// Everything that must be equal, as lines.
fn dump(connection: &Connection) -> Vec<String> {
    let schema = Schema::read(connection).unwrap();
    let mut lines = Vec::new();
    for object in schema.objects.values().filter(|object| !object.name.starts_with("_lf_")) {
        lines.push(format!("{:?} {} on {}: {}", object.kind, object.name, object.table, strip(&object.sql)));
        let Some(table) = schema.table(&object.name).filter(|_| object.kind == Kind::Table) else { continue };
        let rowid = match table.identity {
            Identity::Rowid(name) => format!("{name},"),
            _ => String::new(),
        };
        for row in rows(connection, &format!("SELECT {rowid}* FROM {}", table.quoted())) {
            let cells: Vec<String> = row.iter().map(short).collect();
            lines.push(format!("{}: {}", table.name, cells.join(" ")));
        }
    }
    let has_sequence = "SELECT 1 FROM sqlite_schema WHERE name='sqlite_sequence'";
    if !rows(connection, has_sequence).is_empty() {
        let counters = rows(connection, "SELECT name,seq FROM sqlite_sequence ORDER BY 1,2");
        lines.extend(counters.into_iter().map(|row| format!("sequence: {row:?}")));
    }
    lines
}

/// A value with its type; of a long one its length and a hash.
fn short(value: &Value) -> String {
    match value {
        Value::Text(bytes) | Value::Blob(bytes) if bytes.len() > 99 => {
            use std::hash::{DefaultHasher, Hash, Hasher};
            let mut hasher = DefaultHasher::new();
            value.hash(&mut hasher);
            format!("{} bytes #{:x}", bytes.len(), hasher.finish())
        }
        Value::Text(bytes) => {
            format!("{:?}", String::from_utf8_lossy(bytes))
                + if std::str::from_utf8(bytes).is_err() { " broken" } else { "" }
        }
        other => format!("{other:?}"),
    }
}

/// All rows of a query.
pub(super) fn rows(connection: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = connection.prepare(sql).unwrap();
    let count = statement.column_count();
    let found = statement.query_map([], |row| (0..count).map(|i| Ok(Value::from(row.get_ref(i)?))).collect());
    found.unwrap().collect::<Result<_, _>>().unwrap()
}

/// D1's limits, so that a batch which ignores them fails here too.
#[allow(unsafe_code)]
fn limit(connection: &Connection) {
    use rusqlite::ffi;
    let limits = [
        (ffi::SQLITE_LIMIT_LENGTH, 2_000_000),
        (ffi::SQLITE_LIMIT_SQL_LENGTH, 100_000),
        (ffi::SQLITE_LIMIT_COLUMN, 100),
        (ffi::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (ffi::SQLITE_LIMIT_COMPOUND_SELECT, 5),
        (ffi::SQLITE_LIMIT_VDBE_OP, 25_000),
        (ffi::SQLITE_LIMIT_FUNCTION_ARG, 32),
        (ffi::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
        (ffi::SQLITE_LIMIT_VARIABLE_NUMBER, 100),
        (ffi::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    ];
    for (id, value) in limits {
        // SAFETY: the handle is the open connection's own, and a limit only takes two integers.
        unsafe { ffi::sqlite3_limit(connection.handle(), id, value) };
    }
}
