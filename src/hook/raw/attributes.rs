//! Asking for attributes, and setting those that a bucket does not keep.

use std::ffi::{c_int, c_uint, c_void};
use std::sync::Arc;

use libc::{AT_FDCWD, gid_t, mode_t, off64_t, stat64, statfs64, statvfs64, statx, timespec, timeval, uid_t};

use super::arguments::{Room, Text};
use super::database;
use super::frame::hooked;
use super::whose::{at, of};
use crate::hook::database::View;
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::Place;
use crate::hook::stat::{Attributes, is_valid_time};
use crate::hook::state::Hook;
use crate::hook::table::Handle;

const NOFOLLOW: c_int = libc::AT_SYMLINK_NOFOLLOW;

hooked! {
    fn lf_stat(path: Text, out: Room<stat64>) -> c_int, or stat {
        stat_at(AT_FDCWD, path, 0, &out)
    }
    fn lf_lstat(path: Text, out: Room<stat64>) -> c_int, or lstat {
        stat_at(AT_FDCWD, path, NOFOLLOW, &out)
    }
    fn lf_fstat(fd: c_int, out: Room<stat64>) -> c_int, or fstat {
        stat_of(fd, &out)
    }
    fn lf_fstatat(directory: c_int, path: Text, out: Room<stat64>, flags: c_int) -> c_int, or fstatat {
        stat_at(directory, path, flags, &out)
    }
    fn lf_xstat(version: c_int, path: Text, out: Room<stat64>) -> c_int, or __xstat {
        stat_at(AT_FDCWD, path, 0, &out)
    }
    fn lf_lxstat(version: c_int, path: Text, out: Room<stat64>) -> c_int, or __lxstat {
        stat_at(AT_FDCWD, path, NOFOLLOW, &out)
    }
    fn lf_fxstat(version: c_int, fd: c_int, out: Room<stat64>) -> c_int, or __fxstat {
        stat_of(fd, &out)
    }
    fn lf_fxstatat(version: c_int, directory: c_int, path: Text, out: Room<stat64>, flags: c_int) -> c_int, or __fxstatat {
        stat_at(directory, path, flags, &out)
    }
    fn lf_statx(directory: c_int, path: Text, flags: c_int, mask: c_uint, out: Room<statx>) -> c_int, or statx {
        look_up(directory, path, flags).map(|found| {
            out.fill(found?.statx());
            Ok(0)
        })
    }
    fn lf_access(path: Text, mode: c_int) -> c_int, or access {
        at(AT_FDCWD, path, |hook, place| access(hook, place, mode))
    }
    fn lf_euidaccess(path: Text, mode: c_int) -> c_int, or euidaccess {
        at(AT_FDCWD, path, |hook, place| access(hook, place, mode))
    }
    fn lf_faccessat(directory: c_int, path: Text, mode: c_int, flags: c_int) -> c_int, or faccessat {
        at(directory, path, |hook, place| access(hook, place, mode))
    }
    fn lf_truncate(path: Text, len: off64_t) -> c_int, or truncate64 {
        at(AT_FDCWD, path, |hook, place| {
            let len = u64::try_from(len).map_err(|_| Errno(libc::EINVAL))?;
            hook.store()?.truncate(place, len).map(|()| 0)
        })
    }
    fn lf_utimensat(directory: c_int, path: Text, times: *const timespec, flags: c_int) -> c_int, or utimensat {
        at(directory, path, |hook, place| {
            // SAFETY: our caller has passed null or two times.
            let times = unsafe { times.cast::<[timespec; 2]>().as_ref() };
            if times.is_some_and(|times| !times.iter().all(is_valid_time)) {
                return Err(Errno(libc::EINVAL));
            }
            exists(hook, place)
        })
    }
    fn lf_utimes(path: Text, times: *const timeval) -> c_int, or utimes {
        at(AT_FDCWD, path, exists)
    }
    fn lf_utime(path: Text, times: *const c_void) -> c_int, or utime {
        at(AT_FDCWD, path, exists)
    }
    fn lf_chmod(path: Text, mode: mode_t) -> c_int, or chmod {
        at(AT_FDCWD, path, exists)
    }
    fn lf_fchmodat(directory: c_int, path: Text, mode: mode_t, flags: c_int) -> c_int, or fchmodat {
        at(directory, path, exists)
    }
    fn lf_chown(path: Text, owner: uid_t, group: gid_t) -> c_int, or chown {
        at(AT_FDCWD, path, exists)
    }
    fn lf_lchown(path: Text, owner: uid_t, group: gid_t) -> c_int, or lchown {
        at(AT_FDCWD, path, exists)
    }
    fn lf_fchownat(directory: c_int, path: Text, owner: uid_t, group: gid_t, flags: c_int) -> c_int, or fchownat {
        at(directory, path, exists)
    }
    fn lf_statfs(path: Text, out: Room<statfs64>) -> c_int, or statfs64 {
        at(AT_FDCWD, path, |hook, place| {
            attributes(hook, place)?;
            out.fill(space());
            Ok(0)
        })
    }
    fn lf_statvfs(path: Text, out: Room<statvfs64>) -> c_int, or statvfs64 {
        at(AT_FDCWD, path, |hook, place| {
            attributes(hook, place)?;
            out.fill(space_of_vfs());
            Ok(0)
        })
    }
    fn lf_fstatfs(fd: c_int, out: Room<statfs64>) -> c_int, or fstatfs64 {
        is_in_bucket(fd).then(|| {
            out.fill(space());
            Ok(0)
        })
    }
    fn lf_fstatvfs(fd: c_int, out: Room<statvfs64>) -> c_int, or fstatvfs64 {
        is_in_bucket(fd).then(|| {
            out.fill(space_of_vfs());
            Ok(0)
        })
    }
}

/// What is known of a name or a descriptor.
enum Found {
    Ours(Attributes),
    Database(Arc<View>),
}

impl Found {
    fn stat(&self) -> stat64 {
        match self {
            Found::Ours(attributes) => attributes.stat(),
            Found::Database(view) => view.stat,
        }
    }

    fn statx(&self) -> statx {
        match self {
            Found::Ours(attributes) => attributes.statx(),
            Found::Database(view) => view.statx,
        }
    }
}

/// What is known of a path, or of a descriptor where the path is empty; `None`: libc knows.
fn look_up(directory: c_int, path: Text, flags: c_int) -> Option<Result<Found>> {
    if flags & libc::AT_EMPTY_PATH != 0 && path.is_empty() {
        return by_descriptor(directory);
    }
    at(directory, path, |hook, place| attributes(hook, place).map(Found::Ours))
        .or_else(|| Some(database::view(directory, path, flags)?.map(|view| Found::Database(Arc::new(view)))))
}

/// What is known of a descriptor, if it is one of ours.
fn by_descriptor(fd: c_int) -> Option<Result<Found>> {
    of(fd, |_, handle| match handle {
        Handle::File(file) => file.inode.attributes().map(Found::Ours),
        Handle::Directory(prefix) => Ok(Found::Ours(Attributes::directory(prefix.as_str()))),
        Handle::Database(view) => Ok(Found::Database(view)),
    })
}

fn stat_at(directory: c_int, path: Text, flags: c_int, out: &Room<stat64>) -> Option<Result<c_int>> {
    look_up(directory, path, flags).map(|found| {
        out.fill(found?.stat());
        Ok(0)
    })
}

fn stat_of(fd: c_int, out: &Room<stat64>) -> Option<Result<c_int>> {
    by_descriptor(fd).map(|found| {
        out.fill(found?.stat());
        Ok(0)
    })
}

pub(crate) fn attributes(hook: &Hook, place: &Place) -> Result<Attributes> {
    hook.store()?.attributes(place)
}

/// All that is asked of a place when something is set that a bucket does not keep: it has to be there.
fn exists(hook: &Hook, place: &Place) -> Result<c_int> {
    attributes(hook, place).map(|_| 0)
}

fn access(hook: &Hook, place: &Place, mode: c_int) -> Result<c_int> {
    let attributes = attributes(hook, place)?;
    let executes = mode & libc::X_OK != 0 && !attributes.is_directory;
    if executes { Err(Errno(libc::EACCES)) } else { Ok(0) }
}

/// Whether a descriptor is one of a file or folder in the bucket.
fn is_in_bucket(fd: c_int) -> bool {
    of(fd, |_, handle| Ok(!matches!(handle, Handle::Database(_)))) == Some(Ok(true))
}

/// A bucket has no size; programs that look for room find a petabyte.
const BLOCK_BYTES: u64 = 4096;
const BLOCKS: u64 = (1 << 50) / BLOCK_BYTES;

fn space() -> statfs64 {
    // SAFETY: a struct of integers alone, for which all zeros is a value.
    let mut out: statfs64 = unsafe { std::mem::zeroed() };
    out.f_bsize = BLOCK_BYTES as _;
    (out.f_blocks, out.f_bfree, out.f_bavail) = (BLOCKS, BLOCKS, BLOCKS);
    (out.f_files, out.f_ffree) = (BLOCKS, BLOCKS);
    out.f_namelen = 255;
    out
}

fn space_of_vfs() -> statvfs64 {
    // SAFETY: a struct of integers alone, for which all zeros is a value.
    let mut out: statvfs64 = unsafe { std::mem::zeroed() };
    (out.f_bsize, out.f_frsize) = (BLOCK_BYTES, BLOCK_BYTES);
    (out.f_blocks, out.f_bfree, out.f_bavail) = (BLOCKS, BLOCKS, BLOCKS);
    (out.f_files, out.f_ffree, out.f_favail) = (BLOCKS, BLOCKS, BLOCKS);
    out.f_namemax = 255;
    out
}
