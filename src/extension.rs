//! The loadable extension: what SQLite calls when it loads this library, and for every connection it opens afterwards.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rusqlite::ffi;
use sqlite_loadable::ext::{faux_sqlite_extension_init2, sqlite3, sqlite3_api_routines};

use crate::ffi::guard;
use crate::serve::router;
use crate::sqlite::{EntryPoint, Sqlite};
use crate::vtab;

/// SQLITE_OK_LOAD_PERMANENTLY: the library stays loaded after the connection that loaded it is closed.
const OK_LOAD_PERMANENTLY: c_int = 256;

/// The entry point; SQLite derives its name from `libliteflare.so`. Registers the router as the default VFS (the first time) and
/// liteflare's SQL functions with the connection, on which it runs no SQL.
///
/// # Safety
/// Called by SQLite, with a connection, a place for an error message and its routine table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sqlite3_liteflare_init(
    db: *mut sqlite3,
    message: *mut *mut c_char,
    api: *mut sqlite3_api_routines,
) -> c_int {
    guard(ffi::SQLITE_ERROR, || {
        // SAFETY: the arguments are SQLite's, as its manual has them for entry points.
        unsafe {
            let Some(sqlite) = Sqlite::host(api) else { return ffi::SQLITE_ERROR };
            let result = install(sqlite).and_then(|()| {
                faux_sqlite_extension_init2(api);
                vtab::register(db, api, main_path(db, api)).map_err(|error| error.result_error_message())
            });
            match result {
                Ok(()) => OK_LOAD_PERMANENTLY,
                Err(text) => {
                    if let Some(message) = message.as_mut() {
                        *message = sqlite.string(&text);
                    }
                    ffi::SQLITE_ERROR
                }
            }
        }
    })
}

fn install(sqlite: Sqlite) -> Result<(), String> {
    crate::log::start();
    let failed = |what: &str, code: c_int| format!("liteflare: SQLite does not take our {what} (code {code})");
    router::install(sqlite).map_err(|code| failed("VFS", code))?;
    // SAFETY: SQLite calls entry points with three arguments, whatever type they are registered under.
    let entry = unsafe { std::mem::transmute::<*const (), EntryPoint>(sqlite3_liteflare_init as *const ()) };
    sqlite.auto_extension(entry).map_err(|code| failed("extension", code))
}

/// The file of the connection's main database; empty for a temporary one.
///
/// SAFETY (of the caller): `db` is an open connection and `api` SQLite's routine table.
unsafe fn main_path(db: *mut sqlite3, api: *const sqlite3_api_routines) -> PathBuf {
    // SAFETY: as above; the name lives as long as the connection, and is copied.
    unsafe {
        let Some(db_filename) = (*api).db_filename else { return PathBuf::new() };
        let name = db_filename(db, c"main".as_ptr());
        if name.is_null() { PathBuf::new() } else { PathBuf::from(OsStr::from_bytes(CStr::from_ptr(name).to_bytes())) }
    }
}
