//! Opening by path.

use std::ffi::{CStr, c_char, c_int};

use libc::{FILE, mode_t};

use super::{pointing, returning, route};
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::Place;
use crate::hook::{Hook, real};

fn open(hook: &Hook, place: &Place, flags: c_int) -> Result<c_int> {
    let (fd, handle) = hook.store()?.open(place, flags)?;
    hook.table.insert(fd, handle);
    Ok(fd)
}

interpose! {
    fn lf_open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::open()(path, flags, mode),
                Some((hook, place)) => returning(|| open(hook, &place, flags)),
            }
        }
    }
    fn lf_open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::open64()(path, flags, mode),
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
                None => real::openat()(directory, path, flags, mode),
                Some((hook, place)) => returning(|| open(hook, &place, flags)),
            }
        }
    }
    fn lf_openat64(directory: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
        unsafe {
            match route(directory, path) {
                None => real::openat64()(directory, path, flags, mode),
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
                None => real::fopen()(path, mode),
                Some((hook, place)) => open_stream(hook, &place, mode),
            }
        }
    }
    fn lf_fopen64(path: *const c_char, mode: *const c_char) -> *mut FILE {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::fopen64()(path, mode),
                Some((hook, place)) => open_stream(hook, &place, mode),
            }
        }
    }
    fn lf_freopen(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::freopen()(path, mode, stream),
                Some(_) => pointing(|| Err(Errno(libc::ENOTSUP))),
            }
        }
    }
    fn lf_freopen64(path: *const c_char, mode: *const c_char, stream: *mut FILE) -> *mut FILE {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::freopen64()(path, mode, stream),
                Some(_) => pointing(|| Err(Errno(libc::ENOTSUP))),
            }
        }
    }
}

/// SAFETY (of the callers): `mode` is a C string.
unsafe fn open_stream(hook: &Hook, place: &Place, mode: *const c_char) -> *mut FILE {
    pointing(|| {
        // SAFETY: as above.
        let flags = stream_flags(unsafe { CStr::from_ptr(mode) }.to_bytes()).ok_or(Errno(libc::EINVAL))?;
        let fd = open(hook, place, flags)?;
        // SAFETY: the descriptor is open and `mode` one that it allows.
        let stream = unsafe { libc::fdopen(fd, mode) };
        if stream.is_null() {
            let errno = Errno::last();
            super::close_descriptor(fd);
            return Err(errno);
        }
        Ok(stream)
    })
}

/// `open`'s flags for a mode of `fopen`'s.
fn stream_flags(mode: &[u8]) -> Option<c_int> {
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
