//! Locking files: `flock`, `fcntl`, `lockf`.

use std::ffi::{c_int, c_void};
use std::sync::Arc;

use libc::{flock, off64_t};

use super::frame::{checked, hooked};
use super::whose::file_of;
use crate::hook::errno::{Errno, Result};
use crate::hook::file::OpenFile;
use crate::hook::locks::Owner;
use crate::hook::real;
use crate::hook::state::Hook;

hooked! {
    fn lf_flock(fd: c_int, operation: c_int) -> c_int, or flock {
        file_of(fd).map(|(hook, file)| lock_whole(hook, &file, operation))
    }
    fn lf_lockf(fd: c_int, command: c_int, len: off64_t) -> c_int, or lockf64 {
        file_of(fd).map(|(hook, file)| lock_from_here(hook, &file, fd, command, len))
    }
}

/// `fcntl`'s commands for locks. `None`: it is another one, or the file is not ours.
///
/// SAFETY (of the caller): with such a command, `argument` is null or leads to a `struct flock`.
pub(super) unsafe fn by_fcntl(fd: c_int, command: c_int, argument: *mut c_void) -> Option<Result<c_int>> {
    let owner = match command {
        libc::F_GETLK | libc::F_SETLK | libc::F_SETLKW => Owner::Process,
        libc::F_OFD_GETLK | libc::F_OFD_SETLK | libc::F_OFD_SETLKW => Owner::OpenFile,
        _ => return None,
    };
    let (hook, file) = file_of(fd)?;
    // SAFETY: as above.
    let Some(lock) = (unsafe { argument.cast::<flock>().as_mut() }) else { return Some(Err(Errno(libc::EFAULT))) };
    Some(lock_part(hook, &file, fd, command, owner, lock))
}

/// All locks of the process on a file go with any of its descriptors.
pub(super) fn let_go(file: &OpenFile) {
    let Some(lock) = file.inode.locks.used().and_then(|lock| lock.number().ok()) else { return };
    let mut all = part(libc::F_UNLCK, 0, 0);
    // SAFETY: a descriptor of ours, and a `struct flock`.
    unsafe { real::fcntl64()(lock, libc::F_SETLK, (&raw mut all).cast()) };
    file.inode.locks.gave_back((0, i64::MAX));
}

fn part(kind: c_int, start: i64, len: i64) -> flock {
    // SAFETY: a struct of integers alone, for which all zeros is a value.
    let mut part: flock = unsafe { std::mem::zeroed() };
    part.l_type = kind as _;
    part.l_whence = libc::SEEK_SET as _;
    (part.l_start, part.l_len) = (start, len);
    part
}

fn lock_whole(hook: &Hook, file: &OpenFile, operation: c_int) -> Result<c_int> {
    let store = hook.store()?;
    let lock = store.lock_file(file, Owner::OpenFile)?;
    let is_unlock = operation & libc::LOCK_UN != 0;
    if is_unlock {
        store.before_unlocking(file);
    }
    // SAFETY: a descriptor of ours.
    checked(unsafe { real::flock()(lock.number()?, operation) })?;
    if !is_unlock && let Err(error) = store.after_locking(&file.inode) {
        // SAFETY: as above.
        unsafe { real::flock()(lock.number()?, libc::LOCK_UN) };
        return Err(error);
    }
    Ok(0)
}

fn lock_part(
    hook: &Hook,
    file: &OpenFile,
    fd: c_int,
    command: c_int,
    owner: Owner,
    wanted: &mut flock,
) -> Result<c_int> {
    let store = hook.store()?;
    let (start, end) = absolute(fd, wanted)?;
    check_access(fd, c_int::from(wanted.l_type), command)?;
    let lock = store.lock_file(file, owner)?;
    let number = lock.number()?;
    let len = if end == i64::MAX { 0 } else { end - start };
    let mut asked = part(c_int::from(wanted.l_type), start, len);
    let is_question = matches!(command, libc::F_GETLK | libc::F_OFD_GETLK);
    let is_unlock = !is_question && c_int::from(wanted.l_type) == libc::F_UNLCK;
    if is_unlock {
        store.before_unlocking(file);
    }
    // SAFETY: a descriptor of ours, and a `struct flock`.
    checked(unsafe { real::fcntl64()(number, command, (&raw mut asked).cast()) })?;
    let locks = if owner == Owner::Process { &file.inode.locks } else { &file.locks };
    if is_question {
        *wanted = asked;
    } else if is_unlock {
        locks.gave_back((start, end));
    } else if locks.took((start, end))
        && let Err(error) = store.after_locking(&file.inode)
    {
        asked.l_type = libc::F_UNLCK as _;
        // SAFETY: as above.
        unsafe { real::fcntl64()(number, libc::F_SETLK, (&raw mut asked).cast()) };
        locks.gave_back((start, end));
        return Err(error);
    }
    Ok(0)
}

/// Where a part begins and ends: it may be told from the descriptor's position, or from the file's end.
fn absolute(fd: c_int, wanted: &flock) -> Result<(i64, i64)> {
    let invalid = Errno(libc::EINVAL);
    let from = match c_int::from(wanted.l_whence) {
        libc::SEEK_SET => 0,
        // SAFETY: asks for a position.
        libc::SEEK_CUR => unsafe { libc::lseek64(fd, 0, libc::SEEK_CUR) },
        libc::SEEK_END => {
            // SAFETY: a struct of integers alone, for which all zeros is a value.
            let mut stat: libc::stat64 = unsafe { std::mem::zeroed() };
            // SAFETY: room for a `stat`.
            checked(unsafe { real::fstat()(fd, &raw mut stat) })?;
            stat.st_size
        }
        _ => return Err(invalid),
    };
    let start = from.checked_add(wanted.l_start).ok_or(Errno(libc::EOVERFLOW))?;
    let (start, end) = match wanted.l_len {
        0 => (start, i64::MAX),
        len if len > 0 => (start, start.checked_add(len).ok_or(Errno(libc::EOVERFLOW))?),
        len => (start.checked_add(len).ok_or(invalid)?, start),
    };
    if start < 0 { Err(invalid) } else { Ok((start, end)) }
}

/// Who locks for writing can write, and who locks for reading can read.
fn check_access(fd: c_int, kind: c_int, command: c_int) -> Result<()> {
    // SAFETY: asks for flags.
    let access = unsafe { real::fcntl64()(fd, libc::F_GETFL, std::ptr::null_mut()) } & libc::O_ACCMODE;
    let is_question = matches!(command, libc::F_GETLK | libc::F_OFD_GETLK);
    match (kind, access) {
        (libc::F_WRLCK, libc::O_RDONLY) | (libc::F_RDLCK, libc::O_WRONLY) if !is_question => Err(Errno(libc::EBADF)),
        _ => Ok(()),
    }
}

fn lock_from_here(hook: &Hook, file: &Arc<OpenFile>, fd: c_int, command: c_int, len: off64_t) -> Result<c_int> {
    let (kind, command) = match command {
        libc::F_LOCK => (libc::F_WRLCK, libc::F_SETLKW),
        libc::F_TLOCK => (libc::F_WRLCK, libc::F_SETLK),
        libc::F_ULOCK => (libc::F_UNLCK, libc::F_SETLK),
        libc::F_TEST => (libc::F_WRLCK, libc::F_GETLK),
        _ => return Err(Errno(libc::EINVAL)),
    };
    let mut wanted = part(kind, 0, len);
    wanted.l_whence = libc::SEEK_CUR as _;
    lock_part(hook, file, fd, command, Owner::Process, &mut wanted)?;
    let is_free = command != libc::F_GETLK || c_int::from(wanted.l_type) == libc::F_UNLCK;
    if is_free { Ok(0) } else { Err(Errno(libc::EACCES)) }
}
