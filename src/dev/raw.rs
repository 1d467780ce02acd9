//! The only part of SQLite's API that `dev` needs and rusqlite lacks.
#![allow(unsafe_code)]

use std::ffi::c_int;

use rusqlite::{Connection, ffi};

/// Significant digits of a REAL turned into text. SQLite 3.53 raised them from 15, which D1's 3.47 still has, to 17.
const FP_DIGITS: c_int = 15;

/// Makes `CAST(x AS TEXT)` lose the same digits as on D1.
pub(super) fn print_reals_as_d1_does(connection: &Connection) {
    // SAFETY: the handle is open for as long as the borrow lasts, and this setting takes an int and a pointer that may be null.
    // It fails only if SQLite does not know the setting; then reals print with more digits.
    unsafe {
        ffi::sqlite3_db_config(
            connection.handle(),
            ffi::SQLITE_DBCONFIG_FP_DIGITS,
            FP_DIGITS,
            std::ptr::null_mut::<c_int>(),
        );
    }
}
