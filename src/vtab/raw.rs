//! Virtual tables and functions as SQLite calls them, through `sqlite-loadable`; `interface` has the safe side.
//!
//! Version 0.0.6-alpha.6 of that crate is unsound in places and silent in others. What is done about it:
//! - a panic would cross the C ABI and end the process: every call runs in `guard`;
//! - it uses an error's message as a C format string, and loses one that holds a NUL: see [`message`];
//! - its `result_text` frees a text that holds a NUL with the wrong length, and its `value_blob` makes a slice of a null pointer:
//!   `value` calls SQLite's own functions;
//! - its `xDestroy` frees nothing: the table is dropped here, and only an empty [`RawTable`] of some 60 bytes leaks per DROP TABLE;
//! - its functions leak what they capture, once per connection: `function` registers ours;
//! - it lacks `sqlite3_vtab_config`, which keeps a table out of triggers and views: SQLite's routine table has it.
//!
//! Every error it reports has the code SQLITE_ERROR.
#![allow(unsafe_code)]

mod function;
mod value;

use std::collections::HashMap;
use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::ffi;
use rusqlite::types::ValueRef;
use sqlite_loadable::ext::{
    sqlite3, sqlite3_api_routines, sqlite3_context, sqlite3_value, sqlite3_vtab, sqlite3_vtab_cursor,
};
use sqlite_loadable::table::{BestIndexError, IndexInfo, VTab, VTabArguments, VTabCursor};
use sqlite_loadable::{Error, Result};

pub(crate) use function::define_function;

use super::error::QueryError;
use super::interface::{TableCursor, VirtualTable};
use crate::ffi::guard;
use value::{argument, set_result};

type VtabConfig = unsafe extern "C" fn(*mut sqlite3, c_int, ...) -> c_int;

/// One connection of the application: what its tables share.
pub(crate) struct HostConnection {
    /// The file of its main database.
    pub(crate) path: PathBuf,
    /// The columns of its `d1` tables, by their SQL text: SQLite may connect to a table again and again.
    pub(crate) columns: Mutex<HashMap<String, Vec<String>>>,
    vtab_config: Option<VtabConfig>,
}

impl HostConnection {
    /// For the connection whose main database is the file `path`.
    ///
    /// # Safety
    /// `api` is the routine table of the SQLite that the connection belongs to.
    pub(crate) unsafe fn new(api: *const sqlite3_api_routines, path: PathBuf) -> Arc<HostConnection> {
        // SAFETY: the table lives as long as SQLite, says the caller.
        let vtab_config = unsafe { api.as_ref() }.and_then(|api| api.vtab_config);
        Arc::new(HostConnection { path, columns: Mutex::default(), vtab_config })
    }
}

/// A table as SQLite sees it: SQLite writes to the first field and does not know of the others.
#[repr(C)]
pub(crate) struct RawTable<T> {
    base: sqlite3_vtab,
    /// `None` once destroyed. Never contended: SQLite's mutex lets in one thread at a time.
    table: Mutex<Option<T>>,
}

/// A cursor as SQLite sees it.
#[repr(C)]
pub(crate) struct RawCursor<C> {
    base: sqlite3_vtab_cursor,
    cursor: C,
    /// The current row's, from 1.
    rowid: i64,
}

/// An error for `sqlite-loadable`, which makes a C string of the text and passes that to `sqlite3_mprintf` as a format.
fn message(error: &QueryError) -> Error {
    text(&error.to_string())
}

fn text(text: &str) -> Error {
    Error::new_message(text.replace('%', "%%").replace('\0', "\u{fffd}"))
}

fn guarded<T>(body: impl FnOnce() -> std::result::Result<T, QueryError>) -> Result<T> {
    guard(None, || Some(body().map_err(|error| message(&error))))
        .unwrap_or_else(|| Err(text("liteflare: a defect was caught; the log says more")))
}

impl<T: VirtualTable> RawTable<T> {
    fn make(
        db: *mut sqlite3,
        connection: Option<&Arc<HostConnection>>,
        arguments: &VTabArguments,
        is_new: bool,
    ) -> Result<(String, Self)> {
        guarded(|| {
            let connection =
                connection.ok_or_else(|| QueryError::Sql { who: "liteflare", problem: "not registered".into() })?;
            if T::DIRECT_ONLY
                && let Some(config) = connection.vtab_config
            {
                // SAFETY: SQLite's own function, called while it connects this table on `db`, as its manual demands; this option
                // has no further argument. A SQLite older than 3.31 says SQLITE_MISUSE, and has no such protection.
                unsafe { config(db, ffi::SQLITE_VTAB_DIRECTONLY) };
            }
            let (schema, table) = T::connect(connection, arguments, is_new)?;
            // SAFETY: a struct of pointers and numbers, for which zero is a value; SQLite fills it in.
            let base = unsafe { std::mem::zeroed() };
            Ok((schema, RawTable { base, table: Mutex::new(Some(table)) }))
        })
    }
}

impl<T: VirtualTable> VTab<'_> for RawTable<T> {
    type Aux = Arc<HostConnection>;
    type Cursor = RawCursor<T::Cursor>;

    fn create(
        db: *mut sqlite3,
        connection: Option<&Arc<HostConnection>>,
        arguments: VTabArguments,
    ) -> Result<(String, Self)> {
        Self::make(db, connection, &arguments, true)
    }

    fn connect(
        db: *mut sqlite3,
        connection: Option<&Arc<HostConnection>>,
        arguments: VTabArguments,
    ) -> Result<(String, Self)> {
        Self::make(db, connection, &arguments, false)
    }

    fn best_index(&self, info: IndexInfo) -> std::result::Result<(), BestIndexError> {
        guard(Err(BestIndexError::Error), || match self.table.lock().as_ref() {
            Some(table) => table.plan(info),
            None => Err(BestIndexError::Error),
        })
    }

    fn open(&mut self) -> Result<Self::Cursor> {
        guarded(|| {
            let cursor = self.table.get_mut().as_ref().map(VirtualTable::open);
            let cursor =
                cursor.ok_or_else(|| QueryError::Sql { who: "liteflare", problem: "the table was dropped".into() })?;
            // SAFETY: a struct of pointers and numbers, for which zero is a value; SQLite fills it in.
            Ok(RawCursor { base: unsafe { std::mem::zeroed() }, cursor, rowid: 0 })
        })
    }

    fn destroy(&self) -> Result<()> {
        guarded(|| {
            self.table.lock().take();
            Ok(())
        })
    }
}

impl<C: TableCursor> VTabCursor for RawCursor<C> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, arguments: &[*mut sqlite3_value]) -> Result<()> {
        guarded(|| {
            self.rowid = 1;
            // SAFETY: SQLite's own arguments, for the time of this call.
            let arguments = arguments.iter().map(|value| unsafe { argument(*value) }).collect();
            self.cursor.start(plan, arguments)
        })
    }

    fn next(&mut self) -> Result<()> {
        guarded(|| {
            self.rowid += 1;
            self.cursor.advance()
        })
    }

    fn eof(&self) -> bool {
        guard(true, || self.cursor.is_done())
    }

    fn column(&self, context: *mut sqlite3_context, column: c_int) -> Result<()> {
        guarded(|| {
            let value = usize::try_from(column).map_or(ValueRef::Null, |column| self.cursor.value(column));
            // SAFETY: SQLite's context for the cell it asks for.
            unsafe { set_result(context, value) };
            Ok(())
        })
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.rowid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let caught = guarded::<()>(|| panic!("a defect, made by a test"));
        assert_eq!(caught.unwrap_err().result_error_message(), "liteflare: a defect was caught; the log says more");
    }

    #[test]
    fn a_message_is_no_format_and_no_nul_ends_it() {
        let error = QueryError::Params("100 %s\0%n".into());
        assert_eq!(message(&error).result_error_message(), "d1_query: params_json 100 %%s\u{fffd}%%n");
    }
}
