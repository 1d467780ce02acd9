//! The C side of the VFS: SQLite's callbacks, turned into calls of the traits in `vfs`.
//!
//! Each callback makes the same moves: pointers become references, numbers are checked, one safe method is called, its
//! result becomes a code. What a VFS does not serve itself goes to the VFS below it, with that VFS's own methods, so that
//! other files cost nothing.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_vfs};

use super::{Code, File, LockLevel, Pragma, Vfs};
use crate::ffi::guard;
use crate::runtime::as_our_work;
use crate::sqlite::Sqlite;

/// A registered VFS: what SQLite passes to every callback, in `pAppData`.
struct Registered {
    vfs: &'static dyn Vfs,
    /// The VFS that was the default before.
    below: *mut sqlite3_vfs,
    sqlite: Sqlite,
}

/// Our file. SQLite allocates `szOsFile` bytes and sees the first field only.
#[repr(C)]
struct RawFile {
    methods: *const ffi::sqlite3_io_methods,
    sqlite: *const Sqlite,
    /// From `Box::into_raw`; freed in `x_close`.
    file: *mut Box<dyn File>,
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

/// SAFETY (of the callers): `x_open` has filled the file in and `x_close` has not seen it; the connection's mutex makes the
/// callback its only user.
unsafe fn opened<'a>(file: *mut sqlite3_file) -> &'a mut dyn File {
    // SAFETY: as above; `x_open` sets `pMethods`, without which SQLite makes no callback, only after it has made the box.
    unsafe { &mut **(*file.cast::<RawFile>()).file }
}

fn code(result: Result<(), Code>) -> c_int {
    result.err().unwrap_or(ffi::SQLITE_OK)
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
        raw.methods = std::ptr::null();
        match opened {
            Err(code) => code,
            Ok(file) => {
                raw.sqlite = &this.sqlite;
                raw.file = Box::into_raw(Box::new(file));
                raw.methods = &METHODS;
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

/// Version 1: no shared memory (the replica needs no WAL) and no memory mapping.
static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(x_close),
    xRead: Some(x_read),
    xWrite: Some(x_write),
    xTruncate: Some(x_truncate),
    xSync: Some(x_sync),
    xFileSize: Some(x_file_size),
    xLock: Some(x_lock),
    xUnlock: Some(x_unlock),
    xCheckReservedLock: Some(x_check_reserved_lock),
    xFileControl: Some(x_file_control),
    xSectorSize: Some(x_sector_size),
    xDeviceCharacteristics: Some(x_device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn x_close(file: *mut sqlite3_file) -> c_int {
    guard(ffi::SQLITE_IOERR_CLOSE, || {
        // SAFETY: `x_open` made the box; SQLite calls x_close once and does not use the file afterwards.
        unsafe {
            let raw = &mut *file.cast::<RawFile>();
            drop(Box::from_raw(raw.file));
            raw.file = std::ptr::null_mut();
            raw.methods = std::ptr::null();
        }
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn x_read(file: *mut sqlite3_file, out: *mut c_void, len: c_int, offset: sqlite3_int64) -> c_int {
    guard(ffi::SQLITE_IOERR_READ, || {
        let (Ok(len), Ok(offset)) = (usize::try_from(len), u64::try_from(offset)) else {
            return ffi::SQLITE_IOERR_READ;
        };
        // SAFETY: see `opened`; SQLite passes room for `len` bytes, which are written before they are read.
        let (file, buffer) = unsafe {
            std::ptr::write_bytes(out.cast::<u8>(), 0, len);
            (opened(file), std::slice::from_raw_parts_mut(out.cast::<u8>(), len))
        };
        match file.read(offset, buffer) {
            Ok(true) => ffi::SQLITE_OK,
            Ok(false) => ffi::SQLITE_IOERR_SHORT_READ, // the rest is zeros, as the manual demands
            Err(code) => code,
        }
    })
}

unsafe extern "C" fn x_write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    len: c_int,
    offset: sqlite3_int64,
) -> c_int {
    guard(ffi::SQLITE_IOERR_WRITE, || {
        let (Ok(len), Ok(offset)) = (usize::try_from(len), u64::try_from(offset)) else {
            return ffi::SQLITE_IOERR_WRITE;
        };
        // SAFETY: see `opened`; SQLite passes `len` bytes.
        let (file, bytes) = unsafe { (opened(file), std::slice::from_raw_parts(bytes.cast::<u8>(), len)) };
        code(file.write(offset, bytes))
    })
}

unsafe extern "C" fn x_truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    guard(ffi::SQLITE_IOERR_TRUNCATE, || {
        // SAFETY: see `opened`.
        code(unsafe { opened(file) }.truncate(u64::try_from(size).unwrap_or(0)))
    })
}

/// Nothing to do: the commit gate is `SQLITE_FCNTL_SYNC`, which SQLite sends before, and with `synchronous=OFF` instead of, xSync.
unsafe extern "C" fn x_sync(_file: *mut sqlite3_file, _flags: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn x_file_size(file: *mut sqlite3_file, out: *mut sqlite3_int64) -> c_int {
    guard(ffi::SQLITE_IOERR_FSTAT, || {
        // SAFETY: see `opened`; SQLite passes an integer to fill.
        match unsafe { opened(file) }.size() {
            Ok(size) => {
                // SAFETY: as above.
                unsafe { *out = size as sqlite3_int64 };
                ffi::SQLITE_OK
            }
            Err(code) => code,
        }
    })
}

unsafe extern "C" fn x_lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: see `opened`.
    guard(ffi::SQLITE_IOERR_LOCK, || code(unsafe { opened(file) }.lock(LockLevel::of(level))))
}

unsafe extern "C" fn x_unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_UNLOCK, || {
        // SAFETY: see `opened`.
        unsafe { opened(file) }.unlock(LockLevel::of(level));
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn x_check_reserved_lock(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    guard(ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, || {
        // SAFETY: see `opened`; SQLite passes an int to fill.
        unsafe { *out = c_int::from(opened(file).is_reserved()) };
        ffi::SQLITE_OK
    })
}

unsafe extern "C" fn x_file_control(file: *mut sqlite3_file, op: c_int, arg: *mut c_void) -> c_int {
    guard(ffi::SQLITE_IOERR, || {
        // SAFETY: see `opened`; what `arg` points to is fixed by `op` (`sqlite3.h`, "Standard File Control Opcodes").
        unsafe {
            match op {
                ffi::SQLITE_FCNTL_SYNC => code(opened(file).end_of_transaction()),
                ffi::SQLITE_FCNTL_PRAGMA => pragma(file, arg.cast()),
                ffi::SQLITE_FCNTL_VFSNAME => {
                    *arg.cast() = (*(*file.cast::<RawFile>()).sqlite).string("liteflare");
                    ffi::SQLITE_OK
                }
                ffi::SQLITE_FCNTL_HAS_MOVED => {
                    *arg.cast::<c_int>() = 0;
                    ffi::SQLITE_OK
                }
                _ => ffi::SQLITE_NOTFOUND,
            }
        }
    })
}

/// SAFETY (of the caller): `args` is the array of SQLITE_FCNTL_PRAGMA: a result to fill, the name, the value or null.
unsafe fn pragma(file: *mut sqlite3_file, args: *mut *mut c_char) -> c_int {
    // SAFETY: as above, and see `opened`.
    unsafe {
        let text = |at: usize| {
            let text = *args.add(at);
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        };
        let (name, value) = (text(1).unwrap_or_default().to_ascii_lowercase(), text(2));
        let sqlite = &*(*file.cast::<RawFile>()).sqlite;
        match opened(file).pragma(&name, value.as_deref()) {
            Pragma::PassOn => ffi::SQLITE_NOTFOUND,
            Pragma::Answer(answer) => {
                *args = sqlite.string(&answer);
                ffi::SQLITE_OK
            }
            Pragma::Refuse(message) => {
                *args = sqlite.string(&message);
                ffi::SQLITE_ERROR
            }
        }
    }
}

/// The least there is: pages are never torn here, so journaling neighbours together would be waste.
unsafe extern "C" fn x_sector_size(_file: *mut sqlite3_file) -> c_int {
    512
}

unsafe extern "C" fn x_device_characteristics(_file: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE | ffi::SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN
}
