//! Opening and asking for a database's path, for the functions of the other files.

use std::ffi::c_int;
use std::os::fd::IntoRawFd;
use std::sync::Arc;

use libc::FILE;

use super::arguments::Text;
use super::frame::keeping_errno;
use super::hook;
use super::streams::{stream_flags, stream_of};
use crate::hook::database::View;
use crate::hook::errno::Result;
use crate::hook::table::Handle;

/// What a database's path looks like; `None` for every other path.
pub(crate) fn view(directory: c_int, path: Text, flags: c_int) -> Option<Result<View>> {
    let hook = hook()?;
    let path = path.get().filter(|path| hook.databases.may_be(path))?;
    keeping_errno(|| hook.view(directory, path, flags & libc::AT_SYMLINK_NOFOLLOW == 0))
}

/// Opens a database for reading. `None`: libc's function has to.
pub(crate) fn open(directory: c_int, path: Text, flags: c_int) -> Option<Result<c_int>> {
    // Whoever writes, or wants only the name, gets the marker file.
    const NOT_READING: c_int = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_DIRECTORY | libc::O_PATH;
    if flags & NOT_READING != libc::O_RDONLY {
        return None;
    }
    let nofollow = if flags & libc::O_NOFOLLOW == 0 { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    let view = view(directory, path, nofollow)?;
    Some(keeping_errno(|| opened(view?, flags)))
}

fn opened(view: View, flags: c_int) -> Result<c_int> {
    let fd = view.open(flags)?.into_raw_fd();
    if let Some(hook) = hook() {
        hook.table.insert(fd, Handle::Database(Arc::new(view)));
    }
    Ok(fd)
}

/// `open` for streams.
pub(crate) fn open_stream(path: Text, mode: Text) -> Option<Result<*mut FILE>> {
    let mode = mode.get()?;
    let flags = stream_flags(mode).filter(|flags| flags & libc::O_ACCMODE == libc::O_RDONLY)?;
    let view = view(libc::AT_FDCWD, path, 0)?;
    Some(keeping_errno(|| stream_of(opened(view?, flags)?, mode)))
}
