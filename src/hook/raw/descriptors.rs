//! Copying and closing descriptors, and making their bytes durable.

use std::ffi::{c_int, c_uint, c_void};

use super::arguments::File;
use super::frame::{checked, conclude, hooked, keeping_errno};
use crate::ffi::guard;
use crate::hook::errno::{Errno, Result};
use crate::hook::memfd::HIGH;
use crate::hook::table::Handle;
use crate::hook::{Hook, hook, real};
use crate::runtime::is_our_work;

/// Closes a descriptor, which the caller must own, without asking whose it is.
pub fn close_descriptor(fd: c_int) {
    let _ = closed(fd); // it is gone whatever the answer
}

/// libc's own `close`.
fn closed(fd: c_int) -> Result<()> {
    // SAFETY: closing a number touches no memory; whose it is, is the caller's business.
    checked(unsafe { real::close()(fd) })
}

/// A descriptor of ours is about to be closed: the last one of its open file puts the bytes into the bucket.
fn release(hook: &Hook, fd: c_int) -> Result<()> {
    if !hook.is_this_process() {
        return Ok(());
    }
    match hook.table.remove(fd) {
        Some(Handle::File(file)) if std::sync::Arc::strong_count(&file) == 1 => hook.store()?.closed(file),
        _ => Ok(()),
    }
}

/// `release`, and then the descriptor is closed in any case: so a panic must not get in between.
fn released(hook: &Hook, fd: c_int) -> Result<()> {
    guard(Err(Errno(libc::EIO)), || release(hook, fd))
}

/// A descriptor gets another file, and nobody is told of errors with the one before.
pub fn let_go(fd: c_int) {
    if let Some(hook) = ours(fd) {
        let _ = released(hook, fd);
    }
}

/// The hook, if `fd` is ours.
fn ours(fd: c_int) -> Option<&'static Hook> {
    hook().filter(|hook| hook.table.may_have(fd))
}

/// Does `work` if `fd` is ours. `None`: libc has to.
fn if_ours<R>(fd: c_int, work: impl FnOnce(&Hook) -> Result<R>) -> Option<Result<R>> {
    ours(fd).map(|hook| keeping_errno(|| work(hook)))
}

/// `close` for a range, as far as it is ours.
fn release_range(first: c_uint, last: c_uint) {
    if let Some(hook) = hook() {
        for fd in hook.table.within(first, last) {
            // There is nobody to tell: the functions that close ranges report no such errors. It was logged.
            let _ = released(hook, fd);
        }
    }
}

fn sync(hook: &Hook, fd: c_int) -> Result<c_int> {
    match hook.table.get(fd) {
        Some(Handle::File(file)) if file.writes => hook.store()?.flush(&file.inode)?,
        // New names are in the bucket as soon as the call that made them has returned; removed ones may still wait.
        Some(Handle::Directory(prefix)) => hook.store()?.delete_doomed_below(&prefix)?,
        Some(Handle::File(_) | Handle::Database(_)) | None => {}
    }
    Ok(0)
}

hooked! {
    fn lf_close(fd: c_int) -> c_int, or close {
        if_ours(fd, |hook| {
            let released = released(hook, fd);
            // Whatever has become of the bytes, the number is free again.
            let closed = closed(fd);
            released.and(closed).map(|()| 0)
        })
    }
    fn lf_fclose(stream: File) -> c_int, or fclose {
        let fd = stream.descriptor()?;
        if_ours(fd, |hook| {
            // What the stream still holds has to be in the file before the file is put.
            let flushed = stream.flush();
            let released = released(hook, fd);
            let closed = stream.close();
            released.and(flushed).and(closed).map(|()| 0)
        })
    }
    fn lf_close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int, before close_range {
        // CLOSE_RANGE_CLOEXEC closes nothing yet.
        const CLOEXEC: c_int = 4;
        if flags & CLOEXEC == 0 {
            release_range(first, last);
        }
    }
    fn lf_closefrom(first: c_int) -> (), before closefrom {
        release_range(c_uint::try_from(first).unwrap_or(0), c_uint::MAX);
    }
    fn lf_dup(fd: c_int) -> c_int, after dup {
        |copy| copied(fd, copy)
    }
    fn lf_dup2(fd: c_int, target: c_int) -> c_int, after dup2 {
        |copy| if fd == target { copy } else { replaced(fd, copy) }
    }
    fn lf_dup3(fd: c_int, target: c_int, flags: c_int) -> c_int, after dup3 {
        |copy| replaced(fd, copy)
    }
    fn lf_fcntl(fd: c_int, command: c_int, argument: *mut c_void) -> c_int, by fcntl(real::fcntl(), fd, command, argument)
    fn lf_fcntl64(fd: c_int, command: c_int, argument: *mut c_void) -> c_int, by fcntl(real::fcntl64(), fd, command, argument)
    fn lf_fsync(fd: c_int) -> c_int, or fsync {
        if_ours(fd, |hook| sync(hook, fd))
    }
    fn lf_fdatasync(fd: c_int) -> c_int, or fdatasync {
        if_ours(fd, |hook| sync(hook, fd))
    }
}

/// SAFETY (of the callers): the arguments are those of `fcntl`, and `function` is it.
unsafe fn fcntl(
    function: unsafe extern "C" fn(c_int, c_int, *mut c_void) -> c_int,
    fd: c_int,
    command: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: as above; `lowest_copy` puts another number only where there is a number.
    let answer = unsafe { function(fd, command, lowest_copy(command, argument)) };
    if command == libc::F_DUPFD || command == libc::F_DUPFD_CLOEXEC {
        conclude(answer, |copy| copied(fd, copy))
    } else {
        answer
    }
}

/// The lowest number that a copy may have: copies that our runtime makes of its own descriptors go out of the way.
fn lowest_copy(command: c_int, argument: *mut c_void) -> *mut c_void {
    let high = HIGH as usize as *mut c_void;
    if command == libc::F_DUPFD_CLOEXEC && argument < high && is_our_work() { high } else { argument }
}

fn copied(from: c_int, to: c_int) -> c_int {
    if let Some(hook) = ours(from).filter(|hook| hook.is_this_process()) {
        hook.table.copied(from, to);
    }
    to
}

/// `dup2` has closed what its target was; errors of that are lost, on a disk too. (Afterwards, since a `dup2` that fails closes nothing.)
fn replaced(from: c_int, to: c_int) -> c_int {
    if to >= 0 {
        let_go(to);
    }
    copied(from, to)
}
