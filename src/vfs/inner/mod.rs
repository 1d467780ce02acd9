//! Connections of the SQLite inside this library. What they read was written by others: schema texts and values from D1, pages of an
//! application or of a root folder. So a connection can do what its task needs and nothing else: it opens no other database, calls
//! nothing that reaches out of it, fires no trigger, and is stopped when it takes too long or wants too much memory.
//!
//! No other file opens one, `dev` excepted, which plays D1; `tests/integration/house.rs` holds that.

mod deadline;
mod permission;

use std::ffi::CStr;
use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Reads the schema and the rows of an image.
    Read,
    /// Compiles an application's query on an image, to learn its columns.
    Describe,
    /// Makes objects, and writes rows into an image.
    Build,
    /// Runs schema statements on a copy without rows.
    Rehearse,
    /// Reads a database made of what D1 holds, and runs SQLite's own checks on it.
    Examine,
    /// The same for a local database, whose values may be larger than any on D1: they are refused by name.
    Import,
}

/// No value of D1's comes near it, in any encoding: it holds 2 MB (2.2 MB on workerd), twice that in UTF-16. What expressions make of
/// values shall not either.
const VALUE_BYTES: i32 = 16_000_000;
/// The largest value of a local database that is read, only to be refused.
const LOCAL_VALUE_BYTES: i32 = 256_000_000;
/// What all connections of this SQLite together may have in memory. Pages of images do not count, they are not its own. In use is a
/// cache of 2 MB a connection, and the values of one row.
const HEAP_BYTES: u32 = 512 << 20;
/// A pattern may be as long as on D1.
const PATTERN_BYTES: i32 = 50;

/// A connection to a database of its own in memory, which is empty.
pub(crate) fn empty(task: Task) -> rusqlite::Result<Connection> {
    super::scratch::register();
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_in_memory_with_flags_and_vfs(flags, super::scratch::NAME)?;
    confine(connection, task, || 0)
}

/// A connection to a file on the disk that this program has made: a copy of a local database, or an export.
pub(crate) fn file(path: &Path, flags: OpenFlags, task: Task) -> rusqlite::Result<Connection> {
    let bytes = path.metadata().map_or(0, |found| found.len());
    confine(Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?, task, move || bytes)
}

/// A connection to a scratch file. `size` tells how large it is at the moment.
pub(super) fn scratch(
    name: &str,
    vfs: &CStr,
    task: Task,
    size: impl Fn() -> u64 + Send + 'static,
) -> rusqlite::Result<Connection> {
    let access = if task == Task::Build { OpenFlags::SQLITE_OPEN_READ_WRITE } else { OpenFlags::SQLITE_OPEN_READ_ONLY };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    confine(Connection::open_with_flags_and_vfs(name, flags, vfs)?, task, size)
}

fn confine(
    mut connection: Connection,
    task: Task,
    size: impl Fn() -> u64 + Send + 'static,
) -> rusqlite::Result<Connection> {
    connection.execute_batch(&format!("PRAGMA hard_heap_limit = {HEAP_BYTES}; {}", settings(task)))?;
    let switches = [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        // ALTER TABLE compiles the views that the table is in.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, matches!(task, Task::Describe | Task::Rehearse)),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
    ];
    for (switch, is_on) in switches {
        connection.set_db_config(switch, is_on)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?; // VACUUM INTO needs one too
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    match task {
        Task::Build | Task::Examine => {
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES)?;
            connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES)?;
        }
        Task::Describe | Task::Rehearse => {
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES)?;
        }
        Task::Import => {
            connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LOCAL_VALUE_BYTES)?;
        }
        // An application's own values, in its own process: those too large for D1 are refused by name.
        Task::Read => {}
    }
    if task == Task::Build {
        // The SQLite inside this library is built without mathematical functions; keys are decoded with this one (R8).
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
        connection.create_scalar_function("pow", 2, flags, |c| Ok(c.get::<f64>(0)?.powf(c.get(1)?)))?;
    }
    connection.set_prepared_statement_cache_capacity(256);
    deadline::install(&mut connection, size)?;
    connection.authorizer(Some(permission::of(task)))?; // last: from here on nothing else is possible
    Ok(connection)
}

fn settings(task: Task) -> &'static str {
    match task {
        Task::Build => {
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; \
             PRAGMA ignore_check_constraints = ON"
        }
        Task::Rehearse => "PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY",
        Task::Examine | Task::Import => "PRAGMA query_only = ON; PRAGMA cell_size_check = ON",
        Task::Read | Task::Describe => "",
    }
}

/// An error of these connections in words for whoever has to change the object that it came from.
pub(crate) fn told(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => "it takes too long to compute".to_owned(),
        Some(ErrorCode::OutOfMemory) => "it takes too much memory to compute".to_owned(),
        Some(ErrorCode::TooBig) => "it makes a value larger than any that D1 can hold".to_owned(),
        _ => error.to_string(),
    }
}

/// Whether an expression of the schema could not be computed within the bounds that are set here.
pub(crate) fn is_out_of_bounds(error: &rusqlite::Error) -> bool {
    use ErrorCode::{OperationInterrupted, OutOfMemory, TooBig};
    matches!(error.sqlite_error_code(), Some(OperationInterrupted | OutOfMemory | TooBig))
}

#[cfg(test)]
mod tests;
