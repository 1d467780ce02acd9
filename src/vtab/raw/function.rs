//! SQL functions without arguments.

use std::ffi::{CStr, c_int, c_void};
use std::sync::Arc;

use rusqlite::ffi;
use sqlite_loadable::Result;
use sqlite_loadable::ext::{self, sqlite3, sqlite3_context, sqlite3_value};

use super::value::set_result;
use super::{HostConnection, text};
use crate::ffi::guard;
use crate::value::Value;

/// A function without arguments: its value, or the text of an error.
pub(crate) type Function = fn(&HostConnection) -> std::result::Result<Value, String>;

/// Registers a function with a connection. Its data is freed with the connection.
pub(crate) fn define_function(
    db: *mut sqlite3,
    name: &'static CStr,
    connection: Arc<HostConnection>,
    function: Function,
) -> Result<()> {
    let data = Box::into_raw(Box::new((connection, function)));
    // SAFETY: `db` is the connection that is being opened; SQLite frees the data, with `x_destroy`, also when this fails.
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
            Some(x_destroy),
        )
    };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(text(&format!("{} (code {code})", name.to_string_lossy()))) }
}

unsafe extern "C" fn x_function(context: *mut sqlite3_context, _: c_int, _: *mut *mut sqlite3_value) {
    let result = guard(Err("a defect in liteflare was caught; the log says more".to_owned()), || {
        // SAFETY: the data of `define_function`, which lives as long as the function.
        let (connection, function) =
            unsafe { &*ext::sqlite3ext_user_data(context).cast::<(Arc<HostConnection>, Function)>() };
        function(connection)
    });
    // SAFETY: SQLite's context for this call; it copies the text.
    unsafe {
        match result {
            Ok(value) => set_result(context, value.as_ref()),
            Err(text) => {
                let length = i32::try_from(text.len()).unwrap_or(0);
                ext::sqlite3ext_result_error(context, text.as_ptr().cast(), length);
            }
        }
    }
}

unsafe extern "C" fn x_destroy(data: *mut c_void) {
    // SAFETY: from `Box::into_raw` in `define_function`; SQLite calls this once.
    guard((), || drop(unsafe { Box::from_raw(data.cast::<(Arc<HostConnection>, Function)>()) }));
}
