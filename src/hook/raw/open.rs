//! Opening by path.

use std::ffi::{CString, c_int};
use std::os::fd::{AsRawFd, IntoRawFd};

use libc::{AT_FDCWD, FILE, mode_t};

use super::arguments::{File, Text};
use super::database;
use super::descriptors::let_go;
use super::frame::hooked;
use super::hook;
use super::streams::{stream_flags, stream_of};
use super::whose::at;
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::Place;
use crate::hook::real;
use crate::hook::state::Hook;

hooked! {
    fn lf_open(path: Text, flags: c_int, mode: mode_t) -> c_int, or open {
        open_at(AT_FDCWD, path, flags)
    }
    fn lf_open64(path: Text, flags: c_int, mode: mode_t) -> c_int, or open64 {
        open_at(AT_FDCWD, path, flags)
    }
    fn lf_open_2(path: Text, flags: c_int) -> c_int, by lf_open(path, flags, 0)
    fn lf_open64_2(path: Text, flags: c_int) -> c_int, by lf_open64(path, flags, 0)
    fn lf_openat(directory: c_int, path: Text, flags: c_int, mode: mode_t) -> c_int, or openat {
        open_at(directory, path, flags)
    }
    fn lf_openat64(directory: c_int, path: Text, flags: c_int, mode: mode_t) -> c_int, or openat64 {
        open_at(directory, path, flags)
    }
    fn lf_openat_2(directory: c_int, path: Text, flags: c_int) -> c_int, by lf_openat(directory, path, flags, 0)
    fn lf_openat64_2(directory: c_int, path: Text, flags: c_int) -> c_int, by lf_openat64(directory, path, flags, 0)
    fn lf_creat(path: Text, mode: mode_t) -> c_int,
        by lf_open64(path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode)
    fn lf_fopen(path: Text, mode: Text) -> *mut FILE, or fopen {
        open_stream(path, mode)
    }
    fn lf_fopen64(path: Text, mode: Text) -> *mut FILE, or fopen64 {
        open_stream(path, mode)
    }
    fn lf_freopen(path: Text, mode: Text, stream: File) -> *mut FILE, or freopen {
        reopen_stream(path, mode, stream)
    }
    fn lf_freopen64(path: Text, mode: Text, stream: File) -> *mut FILE, or freopen64 {
        reopen_stream(path, mode, stream)
    }
}

fn open(hook: &Hook, place: &Place, flags: c_int) -> Result<c_int> {
    let (fd, handle) = hook.store()?.open(place, flags)?;
    let fd = fd.into_raw_fd();
    hook.table.insert(fd, handle);
    Ok(fd)
}

fn open_at(directory: c_int, path: Text, flags: c_int) -> Option<Result<c_int>> {
    at(directory, path, |hook, place| open(hook, place, flags)).or_else(|| database::open(directory, path, flags))
}

fn open_stream(path: Text, mode: Text) -> Option<Result<*mut FILE>> {
    let ours = at(AT_FDCWD, path, |hook, place| {
        let mode = mode.get().ok_or(Errno(libc::EINVAL))?;
        let flags = stream_flags(mode).ok_or(Errno(libc::EINVAL))?;
        stream_of(open(hook, place, flags)?, mode)
    });
    ours.or_else(|| database::open_stream(path, mode))
}

fn reopen_stream(path: Text, mode: Text, stream: File) -> Option<Result<*mut FILE>> {
    let ours = at(AT_FDCWD, path, |hook, place| reopen(hook, place, mode, stream));
    if ours.is_none() && path.get().is_some() {
        leave(stream); // without a path, the stream keeps its file
    }
    ours
}

/// A stream is about to be given another file.
fn leave(stream: File) {
    if hook().is_some()
        && let Some(fd) = stream.descriptor()
    {
        let _ = stream.flush(); // `freopen` ignores errors of the file it closes
        let_go(fd);
    }
}

fn reopen(hook: &Hook, place: &Place, mode: Text, stream: File) -> Result<*mut FILE> {
    let mode = mode.get().ok_or(Errno(libc::EINVAL))?;
    let flags = stream_flags(mode).ok_or(Errno(libc::EINVAL))?;
    let (fd, handle) = hook.store()?.open(place, flags | libc::O_CLOEXEC)?;
    // The file is there now: "x" has been obeyed. libc opens it by the descriptor's name and gives it the stream's.
    let mode: Vec<u8> = mode.to_bytes().iter().copied().filter(|letter| *letter != b'x').collect();
    let (Ok(mode), Ok(path)) = (CString::new(mode), CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))) else {
        return Err(Errno(libc::EINVAL));
    };
    leave(stream);
    // SAFETY: two C strings, and a stream that is open, as `File` promises.
    let reopened = unsafe { real::freopen64()(path.as_ptr(), mode.as_ptr(), stream.into()) };
    let errno = Errno::last();
    drop(fd);
    if reopened.is_null() {
        return Err(errno);
    }
    if let Some(fd) = stream.descriptor() {
        hook.table.insert(fd, handle);
    }
    Ok(reopened)
}
