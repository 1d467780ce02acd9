//! libc's streams (`FILE*`) over descriptors of ours.

use std::ffi::{CStr, c_int};

use libc::FILE;

use super::descriptors::lf_close;
use super::frame::outside;
use crate::hook::errno::{Errno, Result};

/// A stream over a descriptor, which is closed if there can be none.
pub(crate) fn stream_of(fd: c_int, mode: &CStr) -> Result<*mut FILE> {
    // SAFETY: the mode is a C string; a descriptor that does not allow it is refused.
    let stream = unsafe { libc::fdopen(fd, mode.as_ptr()) };
    if stream.is_null() {
        let errno = Errno::last();
        // SAFETY: closing a number touches no memory.
        outside(|| unsafe { lf_close(fd) });
        return Err(errno);
    }
    Ok(stream)
}

/// `open`'s flags for a mode of `fopen`'s.
pub(crate) fn stream_flags(mode: &CStr) -> Option<c_int> {
    let mode = mode.to_bytes();
    let both = mode.contains(&b'+');
    let access = |alone| if both { libc::O_RDWR } else { alone };
    let mut flags = match mode.first()? {
        b'r' => access(libc::O_RDONLY),
        b'w' => access(libc::O_WRONLY) | libc::O_CREAT | libc::O_TRUNC,
        b'a' => access(libc::O_WRONLY) | libc::O_CREAT | libc::O_APPEND,
        _ => return None,
    };
    if mode.contains(&b'x') {
        flags |= libc::O_EXCL;
    }
    if mode.contains(&b'e') {
        flags |= libc::O_CLOEXEC;
    }
    Some(flags)
}
