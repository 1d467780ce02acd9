//! Virtual tables between SQLite, as `sqlite-loadable` passes its calls on, and the two safe traits below.
//!
//! That crate (0.0.6-alpha.6) is unsound or silent in places, and all of them are mended here:
//! - a panic would cross the C ABI and end the process: every call runs in `guard`;
//! - error messages are used as a C format string, and lost when they hold a NUL: see [`message`];
//! - its `result_text` frees a text with a NUL in it by a wrong length, and its `value_blob` makes a slice of a null pointer: values
//!   go in and out by SQLite's own functions;
//! - `xDestroy` frees nothing: the table is dropped here, only its empty shell of some 60 bytes stays behind for each DROP TABLE;
//! - its functions leak what they capture, for each connection: [`define_function`] is ours;
//! - it has no `sqlite3_vtab_config`, which keeps a table from triggers and views: taken from SQLite's routine table.
//!
//! All of its errors have the code SQLITE_ERROR.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, c_int, c_void};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::ffi;
use rusqlite::types::ValueRef;
use sqlite_loadable::ext::{
    self, sqlite3, sqlite3_api_routines, sqlite3_context, sqlite3_value, sqlite3_vtab, sqlite3_vtab_cursor,
};
use sqlite_loadable::table::{BestIndexError, IndexInfo, VTab, VTabArguments, VTabCursor};
use sqlite_loadable::{Error, Result};

use super::error::QueryError;
use crate::ffi::guard;
use crate::value::Value;

type VtabConfig = unsafe extern "C" fn(*mut sqlite3, c_int, ...) -> c_int;

/// What the tables of one connection share.
pub struct Host {
    /// The file of its main database.
    pub path: PathBuf,
    /// The columns of its `d1` tables, by their SQL text: SQLite may connect to a table again and again.
    pub columns: Mutex<HashMap<String, Vec<String>>>,
    vtab_config: Option<VtabConfig>,
}

impl Host {
    /// For the connection whose main database is the file `path`.
    ///
    /// # Safety
    /// `api` is the routine table of the SQLite that the connection belongs to.
    pub unsafe fn new(api: *const sqlite3_api_routines, path: PathBuf) -> Arc<Host> {
        // SAFETY: the table lives as long as SQLite, says the caller.
        let vtab_config = unsafe { api.as_ref() }.and_then(|api| api.vtab_config);
        Arc::new(Host { path, columns: Mutex::default(), vtab_config })
    }
}

/// A virtual table.
pub trait Table: Sized + 'static {
    /// One pass over it.
    type Rows: Rows;
    /// Whether triggers and views must not use it: a foreign database could have it do what its owner wants.
    const DIRECT_ONLY: bool;

    /// The table, and the CREATE TABLE that says what its columns are. `is_new`: not one that SQLite connects to again.
    fn connect(
        host: &Arc<Host>,
        arguments: &VTabArguments,
        is_new: bool,
    ) -> std::result::Result<(String, Self), QueryError>;

    /// Says which terms of a WHERE it takes over.
    fn plan(&self, info: IndexInfo) -> std::result::Result<(), BestIndexError>;

    /// A pass that has not begun.
    fn rows(&self) -> Self::Rows;
}

/// One pass over a virtual table.
pub trait Rows: 'static {
    /// Goes to the first row. `plan` and `arguments` are what [`Table::plan`] chose.
    fn start(&mut self, plan: c_int, arguments: Vec<Value>) -> std::result::Result<(), QueryError>;

    /// Goes to the next row.
    fn advance(&mut self) -> std::result::Result<(), QueryError>;

    /// Whether there is no row any more.
    fn is_done(&self) -> bool;

    /// A cell of this row.
    fn value(&self, column: usize) -> ValueRef<'_>;
}

/// A table as SQLite sees it: it writes into the first field and knows nothing of the rest.
#[repr(C)]
pub struct TableShell<T> {
    base: sqlite3_vtab,
    /// `None` once it was destroyed. Never contended: SQLite's mutex lets one thread in.
    table: Mutex<Option<T>>,
}

/// One pass, as SQLite sees it.
#[repr(C)]
pub struct RowsShell<R> {
    base: sqlite3_vtab_cursor,
    rows: R,
    /// Of this row.
    rowid: i64,
}

/// An error for `sqlite-loadable`, which hands the text to `sqlite3_mprintf` as a format, after making a C string of it.
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

impl<T: Table> TableShell<T> {
    fn make(
        db: *mut sqlite3,
        host: Option<&Arc<Host>>,
        arguments: &VTabArguments,
        is_new: bool,
    ) -> Result<(String, Self)> {
        guarded(|| {
            let host = host.ok_or_else(|| QueryError::Sql { who: "liteflare", problem: "not registered".into() })?;
            if T::DIRECT_ONLY
                && let Some(config) = host.vtab_config
            {
                // SAFETY: SQLite's own function, called while it connects this table on `db`, as its manual demands; this option
                // has no further argument. A SQLite older than 3.31 says SQLITE_MISUSE, and has no such protection.
                unsafe { config(db, ffi::SQLITE_VTAB_DIRECTONLY) };
            }
            let (schema, table) = T::connect(host, arguments, is_new)?;
            // SAFETY: a struct of pointers and numbers, for which zero is a value; SQLite fills it in.
            let base = unsafe { std::mem::zeroed() };
            Ok((schema, TableShell { base, table: Mutex::new(Some(table)) }))
        })
    }
}

impl<T: Table> VTab<'_> for TableShell<T> {
    type Aux = Arc<Host>;
    type Cursor = RowsShell<T::Rows>;

    fn create(db: *mut sqlite3, host: Option<&Arc<Host>>, arguments: VTabArguments) -> Result<(String, Self)> {
        Self::make(db, host, &arguments, true)
    }

    fn connect(db: *mut sqlite3, host: Option<&Arc<Host>>, arguments: VTabArguments) -> Result<(String, Self)> {
        Self::make(db, host, &arguments, false)
    }

    fn best_index(&self, info: IndexInfo) -> std::result::Result<(), BestIndexError> {
        guard(Err(BestIndexError::Error), || match self.table.lock().as_ref() {
            Some(table) => table.plan(info),
            None => Err(BestIndexError::Error),
        })
    }

    fn open(&mut self) -> Result<Self::Cursor> {
        guarded(|| {
            let rows = self.table.get_mut().as_ref().map(Table::rows);
            let rows =
                rows.ok_or_else(|| QueryError::Sql { who: "liteflare", problem: "the table was dropped".into() })?;
            // SAFETY: as above.
            Ok(RowsShell { base: unsafe { std::mem::zeroed() }, rows, rowid: 0 })
        })
    }

    fn destroy(&self) -> Result<()> {
        guarded(|| {
            self.table.lock().take();
            Ok(())
        })
    }
}

impl<R: Rows> VTabCursor for RowsShell<R> {
    fn filter(&mut self, plan: c_int, _: Option<&str>, arguments: &[*mut sqlite3_value]) -> Result<()> {
        guarded(|| {
            self.rowid = 1;
            // SAFETY: SQLite's own arguments, for the time of this call.
            let arguments = arguments.iter().map(|value| unsafe { taken(*value) }).collect();
            self.rows.start(plan, arguments)
        })
    }

    fn next(&mut self) -> Result<()> {
        guarded(|| {
            self.rowid += 1;
            self.rows.advance()
        })
    }

    fn eof(&self) -> bool {
        guard(true, || self.rows.is_done())
    }

    fn column(&self, context: *mut sqlite3_context, column: c_int) -> Result<()> {
        guarded(|| {
            let value = usize::try_from(column).map_or(ValueRef::Null, |column| self.rows.value(column));
            // SAFETY: SQLite's context for the cell it asks for.
            unsafe { give(context, value) };
            Ok(())
        })
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.rowid)
    }
}

/// A function without arguments: its value, or the text of an error.
pub type Function = fn(&Host) -> std::result::Result<Value, String>;

/// Adds a function to a connection; what it needs is freed with the connection.
pub fn define_function(db: *mut sqlite3, name: &'static CStr, host: Arc<Host>, function: Function) -> Result<()> {
    let data = Box::into_raw(Box::new((host, function)));
    // SAFETY: `db` is the connection that is being opened; SQLite frees the data, with `forget_function`, also when this fails.
    let code = unsafe {
        ext::sqlite3ext_create_function_v2(
            db,
            name.as_ptr(),
            0,
            ffi::SQLITE_UTF8,
            data.cast(),
            Some(x_function),
            None,
            None,
            Some(forget_function),
        )
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(text(&format!("{} (code {code})", name.to_string_lossy()))) }
}

unsafe extern "C" fn x_function(context: *mut sqlite3_context, _: c_int, _: *mut *mut sqlite3_value) {
    let result = guard(Err("a defect in liteflare was caught; the log says more".to_owned()), || {
        // SAFETY: the data of `define_function`, which lives as long as the function.
        let (host, function) = unsafe { &*ext::sqlite3ext_user_data(context).cast::<(Arc<Host>, Function)>() };
        function(host)
    });
    // SAFETY: SQLite's context for this call; it copies the text.
    unsafe {
        match result {
            Ok(value) => give(context, value.as_ref()),
            Err(text) => {
                let length = i32::try_from(text.len()).unwrap_or(0);
                ext::sqlite3ext_result_error(context, text.as_ptr().cast(), length);
            }
        }
    }
}

unsafe extern "C" fn forget_function(data: *mut c_void) {
    // SAFETY: from `Box::into_raw` in `define_function`; SQLite calls this once.
    guard((), || drop(unsafe { Box::from_raw(data.cast::<(Arc<Host>, Function)>()) }));
}

/// SAFETY (of the caller): `value` is an argument of the call under way.
unsafe fn taken(value: *mut sqlite3_value) -> Value {
    // SAFETY: as above. The bytes belong to SQLite until the next call on the same value, and are copied before that. The length is
    // asked after the pointer, as the manual recommends.
    unsafe {
        let bytes = |pointer: *const c_void| {
            let length = usize::try_from(ext::sqlite3ext_value_bytes(value)).unwrap_or(0);
            if pointer.is_null() || length == 0 {
                return Vec::new();
            }
            std::slice::from_raw_parts(pointer.cast::<u8>(), length).to_vec()
        };
        match ext::sqlite3ext_value_type(value) {
            ffi::SQLITE_INTEGER => Value::Integer(ext::sqlite3ext_value_int64(value)),
            ffi::SQLITE_FLOAT => Value::Real(ext::sqlite3ext_value_double(value)),
            ffi::SQLITE_TEXT => Value::Text(bytes(ext::sqlite3ext_value_text(value).cast())),
            ffi::SQLITE_BLOB => Value::Blob(bytes(ext::sqlite3ext_value_blob(value))),
            _ => Value::Null,
        }
    }
}

/// SAFETY (of the caller): `context` is the one of the call under way.
unsafe fn give(context: *mut sqlite3_context, value: ValueRef<'_>) {
    // SAFETY: as above; SQLite copies text and blobs (SQLITE_TRANSIENT) before the call returns. A value from D1 has at most some
    // megabytes, which an i32 counts.
    unsafe {
        match value {
            ValueRef::Null => ext::sqlite3ext_result_null(context),
            ValueRef::Integer(integer) => ext::sqlite3ext_result_int64(context, integer),
            ValueRef::Real(real) => ext::sqlite3ext_result_double(context, real),
            ValueRef::Text(bytes) => {
                let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
                ext::sqlite3ext_result_text(context, bytes.as_ptr().cast(), length, ffi::SQLITE_TRANSIENT());
            }
            ValueRef::Blob(bytes) => {
                let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
                ext::sqlite3ext_result_blob(context, bytes.as_ptr().cast(), length);
            }
        }
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
