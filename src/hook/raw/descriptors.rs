//! Copying and closing descriptors, and making their bytes durable.

use std::ffi::{c_int, c_uint, c_void};

use super::arguments::File;
use super::frame::{checked, conclude, decide, failed, hooked, keeping_errno};
use super::{hook, locks};
use crate::ffi::guard;
use crate::hook::descriptor::high;
use crate::hook::errno::{Errno, Result};
use crate::hook::real;
use crate::hook::state::Hook;
use crate::hook::table::Handle;
use crate::runtime::{is_our_work, numbers};

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
    let Some(Handle::File(file)) = hook.table.remove(fd) else { return Ok(()) };
    let is_last = std::sync::Arc::strong_count(&file) == 1;
    let put = if is_last { hook.store().and_then(|store| store.closed(&file)) } else { Ok(()) };
    locks::let_go(&file); // who gets a lock next finds what was written under this one
    put
}

/// `release`, and then the descriptor is closed in any case: so a panic must not get in between.
fn released(hook: &Hook, fd: c_int) -> Result<()> {
    guard(Err(Errno(libc::EIO)), || release(hook, fd))
}

/// A descriptor gets another file, and nobody is told of errors with the one before.
pub(crate) fn let_go(fd: c_int) {
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
        Some(Handle::Directory(prefix)) => hook.store()?.deferred.delete_below(&prefix)?,
        Some(Handle::File(_) | Handle::Database(_)) | None => {}
    }
    Ok(0)
}

hooked! {
    fn lf_close(fd: c_int) -> c_int, by close(fd)
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
    fn lf_close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int, by close_range(first, last, flags)
    fn lf_closefrom(first: c_int) -> (), by closefrom(first)
    fn lf_dup(fd: c_int) -> c_int, after dup {
        |copy| copied(fd, copy)
    }
    fn lf_dup2(fd: c_int, target: c_int) -> c_int, by replace(fd, target, |fd, target| real::dup2()(fd, target))
    fn lf_dup3(fd: c_int, target: c_int, flags: c_int) -> c_int, by replace(fd, target, |fd, target| real::dup3()(fd, target, flags))
    fn lf_fcntl(fd: c_int, command: c_int, argument: *mut c_void) -> c_int, by fcntl(real::fcntl(), fd, command, argument)
    fn lf_fcntl64(fd: c_int, command: c_int, argument: *mut c_void) -> c_int, by fcntl(real::fcntl64(), fd, command, argument)
    fn lf_fsync(fd: c_int) -> c_int, or fsync {
        if_ours(fd, |hook| sync(hook, fd))
    }
    fn lf_fdatasync(fd: c_int) -> c_int, or fdatasync {
        if_ours(fd, |hook| sync(hook, fd))
    }
}

/// SAFETY (of the callers): none is needed, since closing a number touches no memory; it is `close`'s own frame.
unsafe fn close(fd: c_int) -> c_int {
    // Asked in the middle of our own work as well, which closes what it has opened. To the host, it is not there.
    if numbers::keeps(fd) {
        return failed(Errno(libc::EBADF));
    }
    let ours = decide(|| {
        if_ours(fd, |hook| {
            let released = released(hook, fd);
            // Whatever has become of the bytes, the number is free again.
            let closed = closed(fd);
            released.and(closed).map(|()| 0)
        })
    });
    // SAFETY: as above.
    ours.unwrap_or_else(|| unsafe { real::close()(fd) })
}

/// SAFETY (of the callers): none is needed, since closing numbers touches no memory; it is `close_range`'s own frame.
unsafe fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    // CLOSE_RANGE_CLOEXEC closes nothing yet.
    const CLOEXEC: c_int = 4;
    if flags & CLOEXEC == 0 {
        guard((), || release_range(first, last));
    }
    around_the_runtime(first, last, |first, last| {
        // SAFETY: closing numbers touches no memory; whose they are is the caller's business.
        unsafe { real::close_range()(first, last, flags) }
    })
}

/// SAFETY (of the callers): as for `close_range`.
unsafe fn closefrom(first: c_int) {
    let first = c_uint::try_from(first).unwrap_or(0);
    guard((), || release_range(first, c_uint::MAX));
    around_the_runtime(first, c_uint::MAX, |first, last| {
        // SAFETY: closing numbers touches no memory; whose they are is the caller's business.
        unsafe {
            if last == c_uint::MAX {
                real::closefrom()(first as c_int);
            } else if real::close_range()(first, last, 0) != 0 {
                // A kernel before 5.9.
                for fd in first..=last {
                    real::close()(fd as c_int);
                }
            }
        }
        0
    });
}

/// `dup2` and its like. SAFETY (of the callers): none is needed, since copying numbers touches no memory.
unsafe fn replace(fd: c_int, target: c_int, copy: impl FnOnce(c_int, c_int) -> c_int) -> c_int {
    if fd != target {
        guard((), || numbers::take(target));
    }
    conclude(copy(fd, target), |copy| if fd == target { copy } else { replaced(fd, copy) })
}

/// SAFETY (of the callers): the arguments are those of `fcntl`, and `function` is it.
unsafe fn fcntl(
    function: unsafe extern "C" fn(c_int, c_int, *mut c_void) -> c_int,
    fd: c_int,
    command: c_int,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: as above.
    if let Some(answer) = decide(|| unsafe { locks::by_fcntl(fd, command, argument) }) {
        return answer;
    }
    // SAFETY: as above; `lowest_copy` puts another number only where there is a number.
    let answer = unsafe { function(fd, command, lowest_copy(command, argument)) };
    conclude(answer, |answer| copied_by(command, fd, answer))
}

/// The lowest number that a copy may have: copies that our runtime makes of its own descriptors go out of the way.
fn lowest_copy(command: c_int, argument: *mut c_void) -> *mut c_void {
    if command != libc::F_DUPFD_CLOEXEC || !is_our_work() {
        return argument;
    }
    argument.max(high() as usize as *mut c_void)
}

/// What `fcntl` has answered; it may be a copy.
fn copied_by(command: c_int, from: c_int, result: c_int) -> c_int {
    if command != libc::F_DUPFD && command != libc::F_DUPFD_CLOEXEC {
        return result;
    }
    numbers::copied(from, result);
    copied(from, result)
}

fn copied(from: c_int, to: c_int) -> c_int {
    if let Some(hook) = ours(from).filter(|hook| hook.is_this_process()) {
        hook.table.copied(from, to);
    }
    to
}

/// Closes a range but for the descriptors of our runtime in it. `close` gets a range and says whether it went well (0).
fn around_the_runtime(mut first: c_uint, last: c_uint, close: impl Fn(c_uint, c_uint) -> c_int) -> c_int {
    while let Some(ours) = numbers::next(first, last) {
        if first < ours {
            let closed = close(first, ours - 1);
            if closed != 0 {
                return closed;
            }
        }
        if ours == last {
            return 0;
        }
        first = ours + 1;
    }
    close(first, last)
}

/// `dup2` has closed what its target was; errors of that are lost, on a disk too. (Afterwards, since a `dup2` that fails closes nothing.)
fn replaced(from: c_int, to: c_int) -> c_int {
    if to >= 0 {
        let_go(to);
    }
    copied(from, to)
}
