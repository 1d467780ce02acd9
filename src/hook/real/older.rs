//! Functions that glibc has since 2.33 (`stat` and its like, which were macros before) and 2.34, made of what older ones have.
//!
//! Our own code, and SQLite's in it, calls `stat` whatever the system, and a program may look `close_range` up to see whether it
//! is there: it finds ours.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::stat64;

use super::symbol::{libc_functions, next};

/// What `__xstat` and its like are told of `struct stat`: `_STAT_VER` of glibc's headers up to 2.32.
const STAT_VERSION: c_int = if cfg!(target_arch = "x86_64") { 1 } else { 0 };

/// What every glibc has, and the functions below are made of.
#[cold]
fn find(name: &CStr, found: &AtomicPtr<c_void>) -> *mut c_void {
    let symbol = next(name).unwrap_or_else(|| std::process::abort());
    found.store(symbol, Ordering::Relaxed);
    symbol
}

libc_functions! {
    find;
    __xstat(c_int, *const c_char, *mut stat64) -> c_int;
    __lxstat(c_int, *const c_char, *mut stat64) -> c_int;
    __fxstat(c_int, c_int, *mut stat64) -> c_int;
    __fxstatat(c_int, c_int, *const c_char, *mut stat64, c_int) -> c_int;
    close(c_int) -> c_int;
}

/// Stands in for the function of this name where libc has none.
pub fn substitute(name: &CStr) -> Option<*mut c_void> {
    Some(match name.to_bytes() {
        b"stat" => stat as *mut c_void,
        b"lstat" => lstat as *mut c_void,
        b"fstat" => fstat as *mut c_void,
        b"fstatat" => fstatat as *mut c_void,
        b"close_range" => close_range as *mut c_void,
        b"closefrom" => closefrom as *mut c_void,
        _ => return None,
    })
}

unsafe extern "C" fn stat(path: *const c_char, out: *mut stat64) -> c_int {
    // SAFETY: the caller promises for `stat` what `__xstat` demands of the same arguments.
    unsafe { __xstat()(STAT_VERSION, path, out) }
}

unsafe extern "C" fn lstat(path: *const c_char, out: *mut stat64) -> c_int {
    // SAFETY: the caller promises for `lstat` what `__lxstat` demands of the same arguments.
    unsafe { __lxstat()(STAT_VERSION, path, out) }
}

unsafe extern "C" fn fstat(fd: c_int, out: *mut stat64) -> c_int {
    // SAFETY: the caller promises for `fstat` what `__fxstat` demands of the same arguments.
    unsafe { __fxstat()(STAT_VERSION, fd, out) }
}

unsafe extern "C" fn fstatat(directory: c_int, path: *const c_char, out: *mut stat64, flags: c_int) -> c_int {
    // SAFETY: the caller promises for `fstatat` what `__fxstatat` demands of the same arguments.
    unsafe { __fxstatat()(STAT_VERSION, directory, path, out, flags) }
}

extern "C" fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    // SAFETY: three numbers; closing descriptors touches no memory.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) as c_int }
}

extern "C" fn closefrom(first: c_int) {
    let first = first.max(0);
    if close_range(first as c_uint, c_uint::MAX, 0) == 0 {
        return;
    }
    // A kernel before 5.9.
    // SAFETY: asks for a number.
    let end = unsafe { libc::sysconf(libc::_SC_OPEN_MAX) }.try_into().unwrap_or(c_int::MAX);
    for fd in first..end {
        // SAFETY: closing descriptors touches no memory.
        unsafe { close()(fd) };
    }
}
