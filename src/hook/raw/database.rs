//! Opening and asking for a database's path, for the functions of the other files.

use std::ffi::{CStr, c_char, c_int};
use std::sync::Arc;

use libc::FILE;

use super::open::{stream_flags, stream_of};
use super::{pointing, returning};
use crate::hook::database::Face;
use crate::hook::errno::{Errno, Result};
use crate::hook::hook;
use crate::hook::table::Handle;

/// What a database's path looks like; `None` for every other path.
///
/// SAFETY (of the callers): `path` is null or a C string for the time of the call.
pub unsafe fn face(directory: c_int, path: *const c_char, flags: c_int) -> Option<Result<Face>> {
    let hook = hook()?;
    if path.is_null() {
        return None;
    }
    // SAFETY: as above.
    let path = unsafe { CStr::from_ptr(path) };
    if !hook.databases.may_be(path) {
        return None;
    }
    // `None` is also the answer when libc's function is to be called, which then finds `errno` as the caller left it.
    let before = Errno::last();
    let face = crate::ffi::guard(Some(Err(Errno(libc::EIO))), || {
        hook.face(directory, path, flags & libc::AT_SYMLINK_NOFOLLOW == 0)
    });
    super::set_errno(before);
    face
}

/// Opens a database for reading. `None`: libc's function has to.
///
/// SAFETY (of the callers): as `face`.
pub unsafe fn open(directory: c_int, path: *const c_char, flags: c_int) -> Option<c_int> {
    // Who writes, or only wants a name, meets the marker.
    const NOT_READING: c_int = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_DIRECTORY | libc::O_PATH;
    if flags & NOT_READING != libc::O_RDONLY {
        return None;
    }
    let nofollow = if flags & libc::O_NOFOLLOW == 0 { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: as above.
    let face = unsafe { face(directory, path, nofollow) }?;
    Some(returning(|| opened(face?, flags)))
}

fn opened(face: Face, flags: c_int) -> Result<c_int> {
    let fd = face.open(flags)?;
    if let Some(hook) = hook() {
        hook.table.insert(fd, Handle::Database(Arc::new(face)));
    }
    Ok(fd)
}

/// `open` for streams.
///
/// SAFETY (of the callers): both are null or C strings.
pub unsafe fn open_stream(path: *const c_char, mode: *const c_char) -> Option<*mut FILE> {
    if mode.is_null() {
        return None;
    }
    // SAFETY: as above.
    unsafe {
        let flags = stream_flags(CStr::from_ptr(mode).to_bytes())?;
        let face = if flags & libc::O_ACCMODE == libc::O_RDONLY { face(libc::AT_FDCWD, path, 0) } else { None }?;
        Some(pointing(|| stream_of(opened(face?, flags)?, mode)))
    }
}
