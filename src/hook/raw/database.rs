//! Opening and asking for a database's path, for the functions of the other files.

use std::ffi::c_int;
use std::sync::Arc;

use libc::FILE;

use super::arguments::Text;
use super::frame::keeping_errno;
use super::streams::{stream_flags, stream_of};
use crate::hook::database::Face;
use crate::hook::errno::Result;
use crate::hook::hook;
use crate::hook::table::Handle;

/// What a database's path looks like; `None` for every other path.
pub fn face(directory: c_int, path: Text, flags: c_int) -> Option<Result<Face>> {
    let hook = hook()?;
    let path = path.get().filter(|path| hook.databases.may_be(path))?;
    keeping_errno(|| hook.face(directory, path, flags & libc::AT_SYMLINK_NOFOLLOW == 0))
}

/// Opens a database for reading. `None`: libc's function has to.
pub fn open(directory: c_int, path: Text, flags: c_int) -> Option<Result<c_int>> {
    // Whoever writes, or wants only the name, gets the marker file.
    const NOT_READING: c_int = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_DIRECTORY | libc::O_PATH;
    if flags & NOT_READING != libc::O_RDONLY {
        return None;
    }
    let nofollow = if flags & libc::O_NOFOLLOW == 0 { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let face = face(directory, path, nofollow)?;
    Some(keeping_errno(|| opened(face?, flags)))
}

fn opened(face: Face, flags: c_int) -> Result<c_int> {
    let fd = face.open(flags)?;
    if let Some(hook) = hook() {
        hook.table.insert(fd, Handle::Database(Arc::new(face)));
    }
    Ok(fd)
}

/// `open` for streams.
pub fn open_stream(path: Text, mode: Text) -> Option<Result<*mut FILE>> {
    let mode = mode.get()?;
    let flags = stream_flags(mode).filter(|flags| flags & libc::O_ACCMODE == libc::O_RDONLY)?;
    let face = face(libc::AT_FDCWD, path, 0)?;
    Some(keeping_errno(|| stream_of(opened(face?, flags)?, mode)))
}
