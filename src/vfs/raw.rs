//! The C side of the VFS: SQLite's callbacks, turned into calls of the traits in `vfs`. Those for open files are in `file`.
//!
//! Each callback makes the same moves: pointers become references, numbers are checked, one safe method is called, its
//! result becomes a code. What a VFS does not serve itself goes to the VFS below it, with that VFS's own methods, so that
//! other files cost nothing.
#![allow(unsafe_code)]

mod file;

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_vfs};

use super::{Code, Vfs};
use crate::ffi::guard;
use crate::runtime::as_our_work;
use crate::sqlite::Sqlite;
use file::RawFile;

/// A registered VFS: what SQLite passes to every callback, in `pAppData`.
struct Registered {
    vfs: &'static dyn Vfs,
    /// The VFS that was the default before.
    below: *mut sqlite3_vfs,
    sqlite: Sqlite,
}

/// Registers `vfs` under `name`, on top of the present default. Does nothing when the name is taken (a second load of the library).
pub fn register(sqlite: Sqlite, name: &CStr, vfs: &'static dyn Vfs, make_default: bool) -> Result<(), Code> {
    if sqlite.has_vfs(name) {
        return Ok(());
    }
    let below = sqlite.default_vfs();
    // SAFETY: a registered VFS lives as long as the process.
    let Some(template) = (unsafe { below.as_ref() }) else { return Err(ffi::SQLITE_MISUSE) };
    let registered = Box::leak(Box::new(Registered { vfs, below, sqlite }));
    let ours = sqlite3_vfs {
        iVersion: template.iVersion.min(2),
        szOsFile: template.szOsFile.max(size_of::<RawFile>() as c_int),
        mxPathname: template.mxPathname,
        pNext: std::ptr::null_mut(),
        zName: CString::from(name).into_raw(), // kept for the life of the process, like the VFS
        pAppData: std::ptr::from_mut(registered).cast(),
        xOpen: Some(x_open),
        xDelete: Some(x_delete),
        xAccess: Some(x_access),
        xFullPathname: Some(x_full_pathname),
        xDlOpen: Some(x_dl_open),
        xDlError: Some(x_dl_error),
        xDlSym: Some(x_dl_sym),
        xDlClose: Some(x_dl_close),
        xRandomness: Some(x_randomness),
        xSleep: Some(x_sleep),
        xCurrentTime: Some(x_current_time),
        xGetLastError: Some(x_get_last_error),
        xCurrentTimeInt64: Some(x_current_time_int64),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    };
    sqlite.register_vfs(Box::leak(Box::new(ours)), make_default)
}

/// SAFETY (of the callers): SQLite hands each callback the VFS it belongs to, whose `pAppData` `register` has set and leaked.
unsafe fn registered<'a>(vfs: *mut sqlite3_vfs) -> &'a Registered {
    // SAFETY: as above; what is leaked stays for the life of the process, and is only read.
    unsafe { &*(*vfs).pAppData.cast() }
}

unsafe extern "C" fn x_open(
    vfs: *mut sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    guard(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: see `registered`; `name` is null (a temporary file) or a C string for the time of the call.
        let (this, path) = unsafe { (registered(vfs), (!name.is_null()).then(|| CStr::from_ptr(name))) };
        let ours = path.filter(|_| flags & ffi::SQLITE_OPEN_MAIN_DB != 0).and_then(|path| this.vfs.open(path, flags));
        let Some(opened) = ours else {
            // A file without a name is one of SQLite's own making: what it has no room for in memory while it sorts.
            if path.is_some() && !this.vfs.has_others() {
                return ffi::SQLITE_CANTOPEN;
            }
            // SAFETY: the arguments are SQLite's own, and the file has room for what the VFS below needs (`szOsFile`).
            return unsafe {
                match (*this.below).xOpen {
                    Some(open) => open(this.below, name, file, flags, out_flags),
                    None => ffi::SQLITE_CANTOPEN,
                }
            };
        };
        // SAFETY: SQLite allocated `szOsFile` bytes for the file, and clears them; without `pMethods` x_close is not called.
        let raw = unsafe { &mut *file.cast::<RawFile>() };
        raw.leave_unopened();
        match opened {
            Err(code) => code,
            Ok(file) => {
                raw.open(&this.sqlite, file);
                // MEMORY keeps the rollback journal in the heap: a transaction needs no local file.
                let opened_as = (flags & !ffi::SQLITE_OPEN_READONLY) | ffi::SQLITE_OPEN_MEMORY;
                // SAFETY: `out_flags` is null or points to an int of SQLite's.
                if let Some(out) = unsafe { out_flags.as_mut() } {
                    *out = opened_as | (flags & ffi::SQLITE_OPEN_READONLY);
                }
                ffi::SQLITE_OK
            }
        }
    })
}

unsafe extern "C" fn x_access(vfs: *mut sqlite3_vfs, name: *const c_char, flags: c_int, out: *mut c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_ACCESS, || {
        // SAFETY: see `registered`; SQLite passes a C string and an int to fill.
        unsafe {
            let this = registered(vfs);
            match this.vfs.exists(CStr::from_ptr(name)) {
                Some(exists) => {
                    *out = c_int::from(exists);
                    ffi::SQLITE_OK
                }
                None if !this.vfs.has_others() => {
                    *out = 0;
                    ffi::SQLITE_OK
                }
                // A question about a database's path before it is opened must not make the path hook open it.
                None => as_our_work(|| {
                    (*this.below).xAccess.map_or(ffi::SQLITE_IOERR, |access| access(this.below, name, flags, out))
                }),
            }
        }
    })
}

unsafe extern "C" fn x_full_pathname(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    len: c_int,
    out: *mut c_char,
) -> c_int {
    guard(ffi::SQLITE_CANTOPEN, || {
        // SAFETY: see `registered`; SQLite passes a C string and room for `len` bytes.
        unsafe {
            let this = registered(vfs);
            let bytes = CStr::from_ptr(name).to_bytes_with_nul();
            if !this.vfs.is_full_path(CStr::from_ptr(name)) {
                if !this.vfs.has_others() {
                    return ffi::SQLITE_CANTOPEN;
                }
                return as_our_work(|| {
                    (*this.below).xFullPathname.map_or(ffi::SQLITE_CANTOPEN, |f| f(this.below, name, len, out))
                });
            }
            if bytes.len() > usize::try_from(len).unwrap_or(0) {
                return ffi::SQLITE_CANTOPEN;
            }
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), out.cast(), bytes.len());
            ffi::SQLITE_OK
        }
    })
}

unsafe extern "C" fn x_delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_DELETE, || {
        // SAFETY: see `registered`; the arguments are SQLite's own.
        unsafe {
            let this = registered(vfs);
            match (*this.below).xDelete {
                Some(delete) if this.vfs.has_others() => delete(this.below, name, sync_dir),
                _ => ffi::SQLITE_IOERR_DELETE,
            }
        }
    })
}

unsafe extern "C" fn x_dl_open(vfs: *mut sqlite3_vfs, name: *const c_char) -> *mut c_void {
    guard(std::ptr::null_mut(), || {
        // SAFETY: see `registered`; the arguments are SQLite's own.
        unsafe {
            let this = registered(vfs);
            match (*this.below).xDlOpen {
                Some(open) if this.vfs.has_others() => open(this.below, name),
                _ => std::ptr::null_mut(),
            }
        }
    })
}

/// Callbacks that only pass a call on to the VFS below: `name(arguments) -> result, or this when there is no such method`.
macro_rules! pass_on {
    ($($name:ident = $method:ident($($arg:ident: $type:ty),*) -> $result:ty, $missing:expr;)*) => {$(
        unsafe extern "C" fn $name(vfs: *mut sqlite3_vfs, $($arg: $type),*) -> $result {
            // SAFETY: see `registered`; the arguments are SQLite's own.
            unsafe {
                let below = registered(vfs).below;
                match (*below).$method {
                    Some(method) => method(below, $($arg),*),
                    None => $missing,
                }
            }
        }
    )*};
}

type Symbol = Option<unsafe extern "C" fn(*mut sqlite3_vfs, *mut c_void, *const c_char)>;

pass_on! {
    x_dl_error = xDlError(len: c_int, message: *mut c_char) -> (), ();
    x_dl_sym = xDlSym(handle: *mut c_void, name: *const c_char) -> Symbol, None;
    x_dl_close = xDlClose(handle: *mut c_void) -> (), ();
    x_randomness = xRandomness(len: c_int, out: *mut c_char) -> c_int, 0;
    x_sleep = xSleep(microseconds: c_int) -> c_int, 0;
    x_current_time = xCurrentTime(out: *mut f64) -> c_int, ffi::SQLITE_ERROR;
    x_get_last_error = xGetLastError(len: c_int, out: *mut c_char) -> c_int, 0;
    x_current_time_int64 = xCurrentTimeInt64(out: *mut sqlite3_int64) -> c_int, ffi::SQLITE_ERROR;
}
