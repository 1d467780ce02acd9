//! Opening by path.

use std::ffi::{CStr, CString, c_char, c_int};

use libc::{FILE, mode_t};

use super::{database, pointing, returning, route};
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::Place;
use crate::hook::{Hook, hook, real};

fn open(hook: &Hook, place: &Place, flags: c_int) -> Result<c_int> {
    let (fd, handle) = hook.store()?.open(place, flags)?;
    hook.table.insert(fd, handle);
    Ok(fd)
}

interpose! {
    fn lf_open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => database::open(libc::AT_FDCWD, path, flags).unwrap_or_else(|| real::open()(path, flags, mode)),
                Some((hook, place)) => returning(|| open(hook, &place, flags)),
            }
        }
    }
    fn lf_open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => database::open(libc::AT_FDCWD, path, flags).unwrap_or_else(|| real::open64()(path, flags, mode)),
                Some((hook, place)) => returning(|| open(hook, &place, flags)),
            }
        }
    }
    fn lf_open_2(path: *const c_char, flags: c_int) -> c_int {
        unsafe { lf_open(path, flags, 0) }
    }
    fn lf_open64_2(path: *const c_char, flags: c_int) -> c_int {
        unsafe { lf_open64(path, flags, 0) }
    }
    fn lf_openat(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        unsafe {
            match route(directory, path) {
                None => database::open(directory, path, flags)
                    .unwrap_or_else(|| real::openat()(directory, path, flags, mode)),
                Some((hook, place)) => returning(|| open(hook, &place, flags)),
            }
        }
    }
    fn lf_openat64(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        unsafe {
            match route(directory, path) {
                None => database::open(directory, path, flags)
                    .unwrap_or_else(|| real::openat64()(directory, path, flags, mode)),
                Some((hook, place)) => returning(|| open(hook, &place, flags)),
            }
        }
    }
    fn lf_openat_2(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
        unsafe { lf_openat(directory, path, flags, 0) }
    }
    fn lf_openat64_2(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
        unsafe { lf_openat64(directory, path, flags, 0) }
    }
    fn lf_creat(path: *const c_char, mode: mode_t) -> c_int {
        unsafe { lf_open64(path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode) }
    }
    fn lf_fopen(path: *const c_char, mode: *const c_char) -> *mut FILE {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => database::open_stream(path, mode).unwrap_or_else(|| real::fopen()(path, mode)),
                Some((hook, place)) => open_stream(hook, &place, mode),
            }
        }
    }
    fn lf_fopen64(path: *const c_char, mode: *const c_char) -> *mut FILE {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => database::open_stream(path, mode).unwrap_or_else(|| real::fopen64()(path, mode)),
                Some((hook, place)) => open_stream(hook, &place, mode),
            }
        }
    }
    fn lf_freopen(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => {
                    leave(path, stream);
                    real::freopen()(path, mode, stream)
                }
                Some((hook, place)) => reopen_stream(hook, &place, mode, stream),
            }
        }
    }
    fn lf_freopen64(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => {
                    leave(path, stream);
                    real::freopen64()(path, mode, stream)
                }
                Some((hook, place)) => reopen_stream(hook, &place, mode, stream),
            }
        }
    }
}

/// A stream is about to be given another file; without a path it keeps the one it has.
///
/// SAFETY (of the callers): `stream` is an open stream, or null.
unsafe fn leave(path: *const c_char, stream: *mut FILE) {
    if path.is_null() || stream.is_null() || hook().is_none() {
        return;
    }
    // SAFETY: as above.
    unsafe {
        let fd = libc::fileno(stream);
        if fd >= 0 {
            libc::fflush(stream); // `freopen` ignores errors of the file it closes
            super::descriptors::let_go(fd);
        }
    }
}

/// SAFETY (of the callers): `mode` is a C string, `stream` an open stream.
unsafe fn reopen_stream(hook: &Hook, place: &Place, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
    pointing(|| {
        // SAFETY: as above.
        let mode = unsafe { CStr::from_ptr(mode) }.to_bytes();
        let flags = stream_flags(mode).ok_or(Errno(libc::EINVAL))?;
        let (fd, handle) = hook.store()?.open(place, flags | libc::O_CLOEXEC)?;
        // The file is there now: "x" has been obeyed. libc opens it by the descriptor's name and gives it the stream's.
        let mode = CString::new(mode.iter().copied().filter(|letter| *letter != b'x').collect::<Vec<u8>>());
        let path = CString::new(format!("/proc/self/fd/{fd}"));
        let (Ok(mode), Ok(path)) = (mode, path) else { return Err(Errno(libc::EINVAL)) };
        // SAFETY: as above, and two C strings.
        let stream = unsafe {
            leave(path.as_ptr(), stream);
            let stream = real::freopen64()(path.as_ptr(), mode.as_ptr(), stream);
            if !stream.is_null() {
                hook.table.insert(libc::fileno(stream), handle);
            }
            stream
        };
        let errno = Errno::last();
        super::close_descriptor(fd);
        if stream.is_null() { Err(errno) } else { Ok(stream) }
    })
}

/// SAFETY (of the callers): `mode` is a C string.
unsafe fn open_stream(hook: &Hook, place: &Place, mode: *const c_char) -> *mut FILE {
    pointing(|| {
        // SAFETY: as above.
        let flags = stream_flags(unsafe { CStr::from_ptr(mode) }.to_bytes()).ok_or(Errno(libc::EINVAL))?;
        let fd = open(hook, place, flags)?;
        // SAFETY: as above.
        unsafe { stream_of(fd, mode) }
    })
}

/// A stream over a descriptor, which is closed if there can be none.
///
/// SAFETY (of the callers): `mode` is a C string, and the descriptor theirs.
pub unsafe fn stream_of(fd: c_int, mode: *const c_char) -> Result<*mut FILE> {
    // SAFETY: the descriptor is open and `mode` one that it allows.
    let stream = unsafe { libc::fdopen(fd, mode) };
    if stream.is_null() {
        let errno = Errno::last();
        // SAFETY: the caller's descriptor.
        unsafe { super::descriptors::lf_close(fd) };
        return Err(errno);
    }
    Ok(stream)
}

/// `open`'s flags for a mode of `fopen`'s.
pub fn stream_flags(mode: &[u8]) -> Option<c_int> {
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
