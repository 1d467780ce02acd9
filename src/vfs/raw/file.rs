//! SQLite's callbacks for a file that one of our VFSs has opened.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64};

use crate::ffi::guard;
use crate::sqlite::Sqlite;
use crate::vfs::{Code, File, LockLevel, Pragma};

/// Our file. SQLite allocates `szOsFile` bytes and sees the first field only.
#[repr(C)]
pub(super) struct RawFile {
    methods: *const ffi::sqlite3_io_methods,
    sqlite: *const Sqlite,
    /// From `Box::into_raw`; freed in `x_close`.
    file: *mut Box<dyn File>,
}

impl RawFile {
    /// SQLite makes no callback for it, x_close included.
    pub(super) fn leave_unopened(&mut self) {
        self.methods = std::ptr::null();
    }

    /// From here on SQLite may make callbacks for it, and will close it.
    pub(super) fn open(&mut self, sqlite: &'static Sqlite, file: Box<dyn File>) {
        self.sqlite = sqlite;
        self.file = Box::into_raw(Box::new(file));
        self.methods = &METHODS;
    }
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
