//! Copying and closing descriptors, and making their bytes durable.

use std::ffi::{c_int, c_uint, c_void};

use libc::FILE;

use super::{done, returning, set_errno};
use crate::hook::errno::{Errno, Result};
use crate::hook::memfd::HIGH;
use crate::hook::table::Handle;
use crate::hook::{Hook, hook, real};
use crate::runtime::{is_our_work, numbers};

/// Closes a descriptor without asking whose it is.
pub fn close_descriptor(fd: c_int) {
    // SAFETY: the caller owns the descriptor.
    unsafe { real::close()(fd) };
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

/// A descriptor gets another file, and nobody is told of errors with the one before.
pub fn let_go(fd: c_int) {
    if let Some(hook) = ours(fd) {
        let _ = crate::ffi::guard(Ok(()), || release(hook, fd));
    }
}

/// The hook, if `fd` is ours.
fn ours(fd: c_int) -> Option<&'static Hook> {
    hook().filter(|hook| hook.table.may_have(fd))
}

/// `close` for a range, as far as it is ours.
fn release_range(first: c_uint, last: c_uint) {
    if let Some(hook) = hook() {
        for fd in hook.table.within(first, last) {
            // There is nobody to tell: the functions that close ranges report no such errors. It was logged.
            let _ = release(hook, fd);
        }
    }
}

fn sync(hook: &Hook, fd: c_int) -> c_int {
    done(|| match hook.table.get(fd) {
        Some(Handle::File(file)) if file.writes => hook.store()?.flush(&file.inode),
        // New names are in the bucket as soon as the call that made them has returned; removed ones may still wait.
        Some(Handle::Directory(prefix)) => hook.store()?.delete_doomed_below(&prefix),
        Some(Handle::File(_) | Handle::Database(_)) | None => Ok(()),
    })
}

interpose! {
    fn lf_close(fd: c_int) -> c_int {
        unsafe {
            match ours(fd) {
                None if numbers::keeps(fd) => {
                    // As it looks to the host, whose number it is not.
                    set_errno(Errno(libc::EBADF));
                    -1
                }
                None => real::close()(fd),
                Some(hook) => {
                    let released = returning(|| release(hook, fd).map(|()| 0));
                    let errno = Errno::last();
                    let closed = real::close()(fd);
                    if released == 0 { closed } else { done(|| Err(errno)) }
                }
            }
        }
    }
    fn lf_fclose(stream: *mut FILE) -> c_int {
        unsafe {
            if stream.is_null() {
                return real::fclose()(stream);
            }
            let fd = libc::fileno(stream);
            match ours(fd) {
                None => real::fclose()(stream),
                Some(hook) => {
                    // What the stream still holds has to be in the file before the file is put.
                    let flushed = libc::fflush(stream);
                    let released = returning(|| release(hook, fd).map(|()| 0));
                    let errno = Errno::last();
                    let closed = real::fclose()(stream);
                    if released != 0 {
                        return done(|| Err(errno));
                    }
                    if flushed != 0 { flushed } else { closed }
                }
            }
        }
    }
    fn lf_close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
        // CLOSE_RANGE_CLOEXEC closes nothing yet.
        const CLOEXEC: c_int = 4;
        if flags & CLOEXEC == 0 {
            release_range(first, last);
        }
        around_the_runtime(first, last, |first, last| unsafe { real::close_range()(first, last, flags) })
    }
    fn lf_closefrom(first: c_int) -> () {
        let first = c_uint::try_from(first).unwrap_or(0);
        release_range(first, c_uint::MAX);
        around_the_runtime(first, c_uint::MAX, |first, last| unsafe {
            if last == c_uint::MAX {
                real::closefrom()(first as c_int);
            } else if real::close_range()(first, last, 0) != 0 {
                // A kernel before 5.9.
                (first..=last).for_each(|fd| drop(real::close()(fd as c_int)));
            }
            0
        });
    }
    fn lf_dup(fd: c_int) -> c_int {
        unsafe {
            let copy = real::dup()(fd);
            copied(fd, copy)
        }
    }
    fn lf_dup2(fd: c_int, target: c_int) -> c_int {
        unsafe {
            taken(fd, target);
            let copy = real::dup2()(fd, target);
            if fd == target { copy } else { replaced(fd, copy) }
        }
    }
    fn lf_dup3(fd: c_int, target: c_int, flags: c_int) -> c_int {
        unsafe {
            taken(fd, target);
            let copy = real::dup3()(fd, target, flags);
            replaced(fd, copy)
        }
    }
    fn lf_fcntl(fd: c_int, command: c_int, argument: *mut c_void) -> c_int {
        unsafe {
            let result = real::fcntl()(fd, command, lowest_copy(command, argument));
            copied_by(command, fd, result)
        }
    }
    fn lf_fcntl64(fd: c_int, command: c_int, argument: *mut c_void) -> c_int {
        unsafe {
            let result = real::fcntl64()(fd, command, lowest_copy(command, argument));
            copied_by(command, fd, result)
        }
    }
    fn lf_fsync(fd: c_int) -> c_int {
        unsafe {
            match ours(fd) {
                None => real::fsync()(fd),
                Some(hook) => sync(hook, fd),
            }
        }
    }
    fn lf_fdatasync(fd: c_int) -> c_int {
        unsafe {
            match ours(fd) {
                None => real::fdatasync()(fd),
                Some(hook) => sync(hook, fd),
            }
        }
    }
}

/// The lowest number that a copy may have: copies that our runtime makes of its own descriptors go out of the way.
fn lowest_copy(command: c_int, argument: *mut c_void) -> *mut c_void {
    let high = HIGH as usize as *mut c_void;
    if command == libc::F_DUPFD_CLOEXEC && argument < high && is_our_work() { high } else { argument }
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

/// The host is about to put a copy of a descriptor of its own at `target`.
fn taken(fd: c_int, target: c_int) {
    if fd != target {
        numbers::take(target);
    }
}

/// `dup2` has closed what its target was; errors of that are lost, on a disk too. (Afterwards, since a `dup2` that fails closes nothing.)
fn replaced(from: c_int, to: c_int) -> c_int {
    if to >= 0 {
        let_go(to);
    }
    copied(from, to)
}
