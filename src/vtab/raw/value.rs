//! Values in and out by SQLite's own functions.

use std::ffi::c_void;

use rusqlite::ffi;
use rusqlite::types::ValueRef;
use sqlite_loadable::ext::{self, sqlite3_context, sqlite3_value};

use crate::value::Value;

/// SAFETY (of the caller): `value` is an argument of the call under way.
pub(super) unsafe fn argument(value: *mut sqlite3_value) -> Value {
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
pub(super) unsafe fn set_result(context: *mut sqlite3_context, value: ValueRef<'_>) {
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
