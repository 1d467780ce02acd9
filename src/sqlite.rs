//! The SQLite that loaded us, as far as a VFS needs it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};

use rusqlite::ffi;
use sqlite_loadable::ext::sqlite3_api_routines;

/// The entry point's type, as `sqlite3_auto_extension` takes it (there without arguments).
pub type EntryPoint = unsafe extern "C" fn();

/// Routines of one SQLite: the host's, through the table it hands to extensions, or the one built into this library.
#[derive(Clone, Copy)]
pub struct Sqlite {
    vfs_find: unsafe extern "C" fn(*const c_char) -> *mut ffi::sqlite3_vfs,
    vfs_register: unsafe extern "C" fn(*mut ffi::sqlite3_vfs, c_int) -> c_int,
    malloc64: unsafe extern "C" fn(u64) -> *mut c_void,
    auto_extension: unsafe extern "C" fn(Option<EntryPoint>) -> c_int,
}

impl Sqlite {
    /// The SQLite inside this library.
    pub fn bundled() -> Sqlite {
        Sqlite {
            vfs_find: ffi::sqlite3_vfs_find,
            vfs_register: ffi::sqlite3_vfs_register,
            malloc64: ffi::sqlite3_malloc64,
            auto_extension: auto_extension_bundled,
        }
    }

    /// The routines of the SQLite that called our entry point. `None` when it is older than 3.8.7 or built without
    /// loadable extensions.
    ///
    /// # Safety
    /// `api` is null or the table that SQLite passed to an extension's entry point.
    #[allow(clippy::missing_transmute_annotations, reason = "the fields' types say it")]
    pub unsafe fn host(api: *const sqlite3_api_routines) -> Option<Sqlite> {
        // SAFETY: SQLite's table lives as long as the process (it is a static of SQLite's), says the caller.
        let api = unsafe { api.as_ref() }?;
        // SAFETY: both sides describe the same C functions; only the names of the (equal) C structs differ.
        unsafe {
            Some(Sqlite {
                vfs_find: std::mem::transmute::<*const (), _>(api.vfs_find? as *const ()),
                vfs_register: std::mem::transmute::<*const (), _>(api.vfs_register? as *const ()),
                malloc64: std::mem::transmute::<*const (), _>(api.malloc64? as *const ()),
                auto_extension: std::mem::transmute::<*const (), _>(api.auto_extension? as *const ()),
            })
        }
    }

    /// The VFS that is the default now.
    pub fn default_vfs(&self) -> *mut ffi::sqlite3_vfs {
        // SAFETY: a null name asks for the default; the answer stays registered for the life of the process.
        unsafe { (self.vfs_find)(std::ptr::null()) }
    }

    /// Whether a VFS of this name is registered.
    pub fn has_vfs(&self, name: &CStr) -> bool {
        // SAFETY: `name` is a C string for the time of the call.
        unsafe { !(self.vfs_find)(name.as_ptr()).is_null() }
    }

    /// Registers a VFS for the life of the process.
    pub fn register_vfs(&self, vfs: &'static mut ffi::sqlite3_vfs, make_default: bool) -> Result<(), c_int> {
        // SAFETY: the struct is 'static and complete; SQLite keeps the pointer and links it through `pNext`.
        match unsafe { (self.vfs_register)(vfs, c_int::from(make_default)) } {
            ffi::SQLITE_OK => Ok(()),
            code => Err(code),
        }
    }

    /// Has SQLite call `entry` for every connection it opens from now on.
    pub fn auto_extension(&self, entry: EntryPoint) -> Result<(), c_int> {
        // SAFETY: `entry` is an extension's entry point and never unloaded (SQLITE_OK_LOAD_PERMANENTLY).
        match unsafe { (self.auto_extension)(Some(entry)) } {
            ffi::SQLITE_OK => Ok(()),
            code => Err(code),
        }
    }

    /// `text` in memory that this SQLite will free; null when there is none left. Text after a NUL is cut off.
    pub fn string(&self, text: &str) -> *mut c_char {
        let bytes = text.as_bytes().split(|byte| *byte == 0).next().unwrap_or_default();
        // SAFETY: the allocation is checked, and one byte longer than what is copied, for the NUL.
        unsafe {
            let memory = (self.malloc64)(bytes.len() as u64 + 1).cast::<u8>();
            if !memory.is_null() {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory, bytes.len());
                *memory.add(bytes.len()) = 0;
            }
            memory.cast()
        }
    }
}

unsafe extern "C" fn auto_extension_bundled(entry: Option<EntryPoint>) -> c_int {
    type Full = unsafe extern "C" fn(*mut ffi::sqlite3, *mut *mut c_char, *const ffi::sqlite3_api_routines) -> c_int;
    // SAFETY: SQLite calls entry points with three arguments whatever type the function was registered under.
    let entry = entry.map(|entry| unsafe { std::mem::transmute::<EntryPoint, Full>(entry) });
    // SAFETY: passes the pointer on to the library.
    unsafe { ffi::sqlite3_auto_extension(entry) }
}
