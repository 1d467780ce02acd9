//! One D1 database: a SQLite file, one connection, one batch at a time.
//! A batch is a transaction; when `run` returns its results they are on disk, and when it refuses nothing has happened.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::hooks::{AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::{Batch, Connection, StatementStatus};
use serde::Serialize;
use serde_json::value::RawValue;

use super::envelope::ApiError;
use super::json::{Format, RowWriter};
use super::{authorizer, error_text, math, raw, split};
use crate::d1::{Statement, limits, splitter};

/// SQLite's default page size.
const PAGE_BYTES: i64 = 4096;

pub(super) struct DevDatabase {
    /// Held for a whole batch: one query at a time, as on D1.
    connection: Mutex<Connection>,
    /// Set while a statement of our own runs, which the authorizer lets pass.
    trusted: Arc<AtomicBool>,
    requests: AtomicU64,
}

/// The result of one statement, as the API returns it.
#[derive(Debug, Serialize)]
pub(super) struct QueryResult {
    success: bool,
    results: Box<RawValue>,
    meta: QueryMeta,
}

#[derive(Debug, Serialize)]
struct QueryMeta {
    served_by: &'static str,
    /// In milliseconds.
    duration: f64,
    changes: u64,
    last_row_id: i64,
    changed_db: bool,
    size_after: i64,
    rows_read: u64,
    rows_written: u64,
}

impl DevDatabase {
    pub(super) fn open(path: &Path) -> Result<DevDatabase, ApiError> {
        let mut connection = Connection::open(path).map_err(sql_error)?;
        configure(&connection).map_err(sql_error)?;
        let trusted = Arc::new(AtomicBool::new(false));
        let ours = Arc::clone(&trusted);
        let hook = move |context: AuthContext<'_>| {
            if ours.load(Ordering::Relaxed) { Authorization::Allow } else { authorizer::decide(&context) }
        };
        connection.authorizer(Some(hook)).map_err(sql_error)?;
        Ok(DevDatabase { connection: Mutex::new(connection), trusted, requests: AtomicU64::new(0) })
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Runs the statements in one transaction.
    pub(super) fn run(&self, statements: &[Statement], format: Format) -> Result<Vec<QueryResult>, ApiError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let connection = self.connection.lock();
        self.run_own(&connection, "BEGIN")?;
        let done = self.run_all(&connection, statements, format).and_then(|results| {
            self.run_own(&connection, "COMMIT")?; // fails on a violated deferred foreign key
            Ok(results)
        });
        // ON CONFLICT ROLLBACK may have ended the transaction already.
        if done.is_err() && !connection.is_autocommit() {
            self.run_own(&connection, "ROLLBACK")?;
        }
        done
    }

    fn run_own(&self, connection: &Connection, sql: &str) -> Result<(), ApiError> {
        self.trusting(|| connection.execute_batch(sql)).map_err(sql_error)
    }

    fn trusting<T>(&self, work: impl FnOnce() -> T) -> T {
        self.trusted.store(true, Ordering::Relaxed);
        let done = work();
        self.trusted.store(false, Ordering::Relaxed);
        done
    }

    fn run_all(
        &self,
        connection: &Connection,
        batch: &[Statement],
        format: Format,
    ) -> Result<Vec<QueryResult>, ApiError> {
        let mut statements = batch.iter().filter(|statement| !statement.sql.text().trim().is_empty()).peekable();
        if statements.peek().is_none() {
            return Err(ApiError::sql("No SQL statements detected."));
        }
        statements.map(|statement| self.run_one(connection, statement, format)).collect()
    }

    fn run_one(&self, connection: &Connection, statement: &Statement, format: Format) -> Result<QueryResult, ApiError> {
        let (started, before) = (Instant::now(), self.counters(connection)?);
        let ran = run_text(connection, statement, format)?;
        let after = self.counters(connection)?;
        let changes = after.total_changes - before.total_changes;
        let meta = QueryMeta {
            served_by: "liteflare-dev",
            duration: started.elapsed().as_secs_f64() * 1000.0,
            changes,
            last_row_id: after.last_row_id,
            changed_db: after != before,
            size_after: after.size,
            rows_read: ran.read,
            rows_written: changes, // D1 counts index entries too, which SQLite does not report
        };
        Ok(QueryResult { success: true, results: ran.results, meta })
    }

    fn counters(&self, connection: &Connection) -> Result<Counters, ApiError> {
        let pages = || connection.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get::<_, i64>(0));
        let size = self.trusting(pages).map_err(sql_error)? * PAGE_BYTES;
        Ok(Counters { total_changes: connection.total_changes(), last_row_id: connection.last_insert_rowid(), size })
    }
}

/// What `meta` compares from before and after a statement.
#[derive(PartialEq)]
struct Counters {
    total_changes: u64,
    last_row_id: i64,
    size: i64,
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // FULL: in WAL mode, NORMAL would lose acknowledged commits in a power failure.
    connection.execute_batch(
        "PRAGMA page_size=4096;
         PRAGMA journal_mode=WAL;
         PRAGMA synchronous=FULL;
         PRAGMA foreign_keys=ON;
         CREATE TABLE IF NOT EXISTS _cf_METADATA (key INTEGER PRIMARY KEY, value BLOB);",
    )?;
    math::register(connection)?;
    raw::print_reals_as_d1_does(connection);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let limits = [
        (Limit::SQLITE_LIMIT_LENGTH, limits::VALUE_BYTES),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, limits::SQL_BYTES),
        (Limit::SQLITE_LIMIT_COLUMN, limits::COLUMNS),
        (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, limits::PARAMS),
        (Limit::SQLITE_LIMIT_EXPR_DEPTH, 100),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 5),
        (Limit::SQLITE_LIMIT_VDBE_OP, 25_000),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 127),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 50),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
    ];
    for (limit, value) in limits {
        connection.set_limit(limit, i32::try_from(value).unwrap_or(i32::MAX))?;
    }
    Ok(())
}

struct StatementOutput {
    results: Box<RawValue>,
    read: u64,
}

const MANY_WITH_PARAMETERS: &str =
    "When executing multiple SQL statements in a single call, only the last statement can have parameters.";

/// Runs a text of one or more statements, as the REST API takes it apart. As on D1, the last one takes the parameters and returns the
/// results.
fn run_text(connection: &Connection, statement: &Statement, format: Format) -> Result<StatementOutput, ApiError> {
    let sql = statement.sql.text();
    let mut last: Option<(StatementOutput, usize)> = None;
    for piece in splitter::pieces(&sql) {
        let mut batch = Batch::new(connection, &piece);
        while let Some(mut prepared) = batch.next().map_err(sql_error)? {
            let wanted = prepared.parameter_count();
            if last.as_ref().is_some_and(|(_, bound)| *bound > 0) {
                return Err(ApiError::sql(MANY_WITH_PARAMETERS));
            }
            if wanted > 0 {
                bind(&mut prepared, &statement.params)?;
            }
            last = Some((collect(&mut prepared, format)?, wanted));
        }
    }
    match last {
        _ if split::has_empty_statement(&sql) => Err(ApiError::sql("SQL code did not contain a statement.")),
        None => Err(ApiError::sql("SQL code did not contain a statement.")),
        Some((ran, bound)) if bound == statement.params.len() => Ok(ran),
        Some(_) => Err(wrong_parameters()),
    }
}

fn bind(prepared: &mut rusqlite::Statement<'_>, params: &[String]) -> Result<(), ApiError> {
    if prepared.parameter_count() != params.len() {
        return Err(wrong_parameters());
    }
    for (i, param) in params.iter().enumerate() {
        prepared.raw_bind_parameter(i + 1, param).map_err(sql_error)?;
    }
    Ok(())
}

fn collect(prepared: &mut rusqlite::Statement<'_>, format: Format) -> Result<StatementOutput, ApiError> {
    let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let width = columns.len();
    let mut collected = RowWriter::new(format, columns);
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next().map_err(sql_error)? {
        let values: Vec<_> = (0..width).map(|i| row.get_ref(i)).collect::<rusqlite::Result<_>>().map_err(sql_error)?;
        collected.push(&values);
    }
    drop(rows);
    let scanned = prepared.get_status(StatementStatus::FullscanStep);
    let read = u64::try_from(scanned).unwrap_or(0).max(collected.count() as u64);
    Ok(StatementOutput { results: collected.finish()?, read })
}

fn wrong_parameters() -> ApiError {
    ApiError::sql("Wrong number of parameter bindings for SQL query.")
}

fn sql_error(error: rusqlite::Error) -> ApiError {
    ApiError::sql(error_text::describe(&error))
}
