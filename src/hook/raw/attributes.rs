//! Asking for attributes, and setting those that a bucket does not keep.

use std::ffi::{c_char, c_int, c_uint, c_void};
use std::sync::Arc;

use libc::{gid_t, mode_t, off64_t, size_t, ssize_t, stat64, statfs64, statvfs64, statx, timespec, timeval, uid_t};

use super::{database, done, returning, route};
use crate::ffi::guard;
use crate::hook::database::Face;
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::Place;
use crate::hook::stat::{Attributes, is_valid_time};
use crate::hook::table::Handle;
use crate::hook::{Hook, hook, real};

const NOFOLLOW: c_int = libc::AT_SYMLINK_NOFOLLOW;

fn by_place(hook: &Hook, place: &Place) -> Result<Attributes> {
    hook.store()?.attributes(place)
}

/// What is known of a name or a descriptor.
enum Found {
    Ours(Attributes),
    Database(Arc<Face>),
}

impl Found {
    fn stat(&self) -> stat64 {
        match self {
            Found::Ours(attributes) => attributes.stat(),
            Found::Database(face) => face.stat,
        }
    }

    fn statx(&self) -> statx {
        match self {
            Found::Ours(attributes) => attributes.statx(),
            Found::Database(face) => face.statx,
        }
    }
}

/// What is known of a descriptor, if it is one of ours.
fn by_descriptor(fd: c_int) -> Option<Result<Found>> {
    Some(match hook()?.table.get(fd)? {
        Handle::File(file) => file.inode.attributes().map(Found::Ours),
        Handle::Directory(prefix) => Ok(Found::Ours(Attributes::directory(prefix.as_str()))),
        Handle::Database(face) => Ok(Found::Database(face)),
    })
}

/// What is known of a path, or of a descriptor where the path is empty; `None`: libc knows.
///
/// SAFETY (of the callers): `path` is null or a C string.
unsafe fn look_up(directory: c_int, path: *const c_char, flags: c_int) -> Option<Result<Found>> {
    // SAFETY: as above.
    unsafe {
        if is_descriptor(path, flags) {
            return by_descriptor(directory);
        }
        match route(directory, path) {
            Some((hook, place)) => Some(guard(Err(Errno(libc::EIO)), || by_place(hook, &place)).map(Found::Ours)),
            None => Some(database::face(directory, path, flags)?.map(Arc::new).map(Found::Database)),
        }
    }
}

/// Whether a descriptor is one of a file or folder in the bucket.
fn is_in_bucket(fd: c_int) -> bool {
    hook().and_then(|hook| hook.table.get(fd)).is_some_and(|handle| !matches!(handle, Handle::Database(_)))
}

/// Whether `path` is empty and `flags` say that the descriptor itself is meant.
unsafe fn is_descriptor(path: *const c_char, flags: c_int) -> bool {
    // SAFETY: null, or a C string as libc demands.
    flags & libc::AT_EMPTY_PATH != 0 && unsafe { path.is_null() || *path == 0 }
}

/// SAFETY (of the callers): `out` points to room for a `stat`.
unsafe fn fill(out: *mut stat64, found: Result<Found>) -> Result<()> {
    // SAFETY: as above.
    unsafe { out.write(found?.stat()) };
    Ok(())
}

/// SAFETY (of the callers): `path` is a C string and `out` points to room for a `stat`.
unsafe fn stat_at(directory: c_int, path: *const c_char, out: *mut stat64, flags: c_int) -> Option<c_int> {
    // SAFETY: as above.
    unsafe {
        let found = look_up(directory, path, flags)?;
        Some(done(|| fill(out, found)))
    }
}

/// What is asked of a place that only has to exist: setting what a bucket does not keep.
fn exists(hook: &Hook, place: &Place) -> c_int {
    done(|| by_place(hook, place).map(|_| ()))
}

interpose! {
    fn lf_stat(path: *const c_char, out: *mut stat64) -> c_int {
        unsafe { stat_at(libc::AT_FDCWD, path, out, 0).unwrap_or_else(|| real::stat()(path, out)) }
    }
    fn lf_lstat(path: *const c_char, out: *mut stat64) -> c_int {
        unsafe { stat_at(libc::AT_FDCWD, path, out, NOFOLLOW).unwrap_or_else(|| real::lstat()(path, out)) }
    }
    fn lf_fstat(fd: c_int, out: *mut stat64) -> c_int {
        unsafe {
            match by_descriptor(fd) {
                Some(found) => done(|| fill(out, found)),
                None => real::fstat()(fd, out),
            }
        }
    }
    fn lf_fstatat(directory: c_int, path: *const c_char, out: *mut stat64, flags: c_int) -> c_int {
        unsafe { stat_at(directory, path, out, flags).unwrap_or_else(|| real::fstatat()(directory, path, out, flags)) }
    }
    fn lf_xstat(version: c_int, path: *const c_char, out: *mut stat64) -> c_int {
        unsafe { stat_at(libc::AT_FDCWD, path, out, 0).unwrap_or_else(|| real::__xstat()(version, path, out)) }
    }
    fn lf_lxstat(version: c_int, path: *const c_char, out: *mut stat64) -> c_int {
        unsafe { stat_at(libc::AT_FDCWD, path, out, NOFOLLOW).unwrap_or_else(|| real::__lxstat()(version, path, out)) }
    }
    fn lf_fxstat(version: c_int, fd: c_int, out: *mut stat64) -> c_int {
        unsafe {
            match by_descriptor(fd) {
                Some(found) => done(|| fill(out, found)),
                None => real::__fxstat()(version, fd, out),
            }
        }
    }
    fn lf_fxstatat(version: c_int, directory: c_int, path: *const c_char, out: *mut stat64, flags: c_int) -> c_int {
        unsafe {
            stat_at(directory, path, out, flags)
                .unwrap_or_else(|| real::__fxstatat()(version, directory, path, out, flags))
        }
    }
    fn lf_statx(directory: c_int, path: *const c_char, flags: c_int, mask: c_uint, out: *mut statx) -> c_int {
        unsafe {
            match look_up(directory, path, flags) {
                Some(found) => done(|| {
                    out.write(found?.statx());
                    Ok(())
                }),
                None => real::statx()(directory, path, flags, mask, out),
            }
        }
    }
    fn lf_access(path: *const c_char, mode: c_int) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::access()(path, mode),
                Some((hook, place)) => access(hook, &place, mode),
            }
        }
    }
    fn lf_euidaccess(path: *const c_char, mode: c_int) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::euidaccess()(path, mode),
                Some((hook, place)) => access(hook, &place, mode),
            }
        }
    }
    fn lf_faccessat(directory: c_int, path: *const c_char, mode: c_int, flags: c_int) -> c_int {
        unsafe {
            match route(directory, path) {
                None => real::faccessat()(directory, path, mode, flags),
                Some((hook, place)) => access(hook, &place, mode),
            }
        }
    }
    fn lf_truncate(path: *const c_char, len: off64_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::truncate64()(path, len),
                Some((hook, place)) => done(|| {
                    let len = u64::try_from(len).map_err(|_| Errno(libc::EINVAL))?;
                    hook.store()?.truncate(&place, len)
                }),
            }
        }
    }
    fn lf_utimensat(directory: c_int, path: *const c_char, times: *const timespec, flags: c_int) -> c_int {
        unsafe {
            match route(directory, path) {
                None => real::utimensat()(directory, path, times, flags),
                Some((hook, place)) => {
                    let are_valid = times.is_null() || (is_valid_time(&*times) && is_valid_time(&*times.add(1)));
                    if !are_valid {
                        return done(|| Err(Errno(libc::EINVAL)));
                    }
                    exists(hook, &place)
                }
            }
        }
    }
    fn lf_utimes(path: *const c_char, times: *const timeval) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::utimes()(path, times),
                Some((hook, place)) => exists(hook, &place),
            }
        }
    }
    fn lf_utime(path: *const c_char, times: *const c_void) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::utime()(path, times),
                Some((hook, place)) => exists(hook, &place),
            }
        }
    }
    fn lf_chmod(path: *const c_char, mode: mode_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::chmod()(path, mode),
                Some((hook, place)) => exists(hook, &place),
            }
        }
    }
    fn lf_fchmodat(directory: c_int, path: *const c_char, mode: mode_t, flags: c_int) -> c_int {
        unsafe {
            match route(directory, path) {
                None => real::fchmodat()(directory, path, mode, flags),
                Some((hook, place)) => exists(hook, &place),
            }
        }
    }
    fn lf_chown(path: *const c_char, owner: uid_t, group: gid_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::chown()(path, owner, group),
                Some((hook, place)) => exists(hook, &place),
            }
        }
    }
    fn lf_lchown(path: *const c_char, owner: uid_t, group: gid_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::lchown()(path, owner, group),
                Some((hook, place)) => exists(hook, &place),
            }
        }
    }
    fn lf_fchownat(directory: c_int, path: *const c_char, owner: uid_t, group: gid_t, flags: c_int) -> c_int {
        unsafe {
            match route(directory, path) {
                None => real::fchownat()(directory, path, owner, group, flags),
                Some((hook, place)) => exists(hook, &place),
            }
        }
    }
    fn lf_statfs(path: *const c_char, out: *mut statfs64) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::statfs64()(path, out),
                Some((hook, place)) => done(|| {
                    by_place(hook, &place)?;
                    out.write(space());
                    Ok(())
                }),
            }
        }
    }
    fn lf_statvfs(path: *const c_char, out: *mut statvfs64) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::statvfs64()(path, out),
                Some((hook, place)) => done(|| {
                    by_place(hook, &place)?;
                    out.write(space_of_vfs());
                    Ok(())
                }),
            }
        }
    }
    fn lf_fstatfs(fd: c_int, out: *mut statfs64) -> c_int {
        unsafe {
            if !is_in_bucket(fd) {
                return real::fstatfs64()(fd, out);
            }
            out.write(space());
            0
        }
    }
    fn lf_fstatvfs(fd: c_int, out: *mut statvfs64) -> c_int {
        unsafe {
            if !is_in_bucket(fd) {
                return real::fstatvfs64()(fd, out);
            }
            out.write(space_of_vfs());
            0
        }
    }
    fn lf_removexattr(path: *const c_char, name: *const c_char) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::removexattr()(path, name),
                Some((hook, place)) => done(|| by_place(hook, &place).and(Err(Errno(libc::ENODATA)))),
            }
        }
    }
    fn lf_lremovexattr(path: *const c_char, name: *const c_char) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::lremovexattr()(path, name),
                Some((hook, place)) => done(|| by_place(hook, &place).and(Err(Errno(libc::ENODATA)))),
            }
        }
    }
    fn lf_listxattr(path: *const c_char, list: *mut c_char, size: size_t) -> ssize_t {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::listxattr()(path, list, size),
                Some((hook, place)) => exists(hook, &place) as ssize_t,
            }
        }
    }
    fn lf_llistxattr(path: *const c_char, list: *mut c_char, size: size_t) -> ssize_t {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::llistxattr()(path, list, size),
                Some((hook, place)) => exists(hook, &place) as ssize_t,
            }
        }
    }
    fn lf_getxattr(path: *const c_char, name: *const c_char, value: *mut c_void, size: size_t) -> ssize_t {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::getxattr()(path, name, value, size),
                Some((hook, place)) => returning(|| by_place(hook, &place).and(Err(Errno(libc::ENODATA)))) as ssize_t,
            }
        }
    }
    fn lf_lgetxattr(path: *const c_char, name: *const c_char, value: *mut c_void, size: size_t) -> ssize_t {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::lgetxattr()(path, name, value, size),
                Some((hook, place)) => returning(|| by_place(hook, &place).and(Err(Errno(libc::ENODATA)))) as ssize_t,
            }
        }
    }
    fn lf_setxattr(path: *const c_char, name: *const c_char, value: *const c_void, size: size_t, flags: c_int) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::setxattr()(path, name, value, size, flags),
                Some((hook, place)) => done(|| by_place(hook, &place).and(Err(Errno(libc::ENOTSUP)))),
            }
        }
    }
    fn lf_lsetxattr(path: *const c_char, name: *const c_char, value: *const c_void, size: size_t, flags: c_int) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::lsetxattr()(path, name, value, size, flags),
                Some((hook, place)) => done(|| by_place(hook, &place).and(Err(Errno(libc::ENOTSUP)))),
            }
        }
    }
}

fn access(hook: &Hook, place: &Place, mode: c_int) -> c_int {
    done(|| {
        let attributes = by_place(hook, place)?;
        let executes = mode & libc::X_OK != 0 && !attributes.is_directory;
        if executes { Err(Errno(libc::EACCES)) } else { Ok(()) }
    })
}

/// A bucket has no size; programs that look for room find a petabyte.
const BLOCK_BYTES: u64 = 4096;
const BLOCKS: u64 = (1 << 50) / BLOCK_BYTES;

fn space() -> statfs64 {
    // SAFETY: a struct of integers, for which all zeros is a value.
    let mut out: statfs64 = unsafe { std::mem::zeroed() };
    out.f_bsize = BLOCK_BYTES as _;
    (out.f_blocks, out.f_bfree, out.f_bavail) = (BLOCKS, BLOCKS, BLOCKS);
    (out.f_files, out.f_ffree) = (BLOCKS, BLOCKS);
    out.f_namelen = 255;
    out
}

fn space_of_vfs() -> statvfs64 {
    // SAFETY: as above.
    let mut out: statvfs64 = unsafe { std::mem::zeroed() };
    (out.f_bsize, out.f_frsize) = (BLOCK_BYTES, BLOCK_BYTES);
    (out.f_blocks, out.f_bfree, out.f_bavail) = (BLOCKS, BLOCKS, BLOCKS);
    (out.f_files, out.f_ffree, out.f_favail) = (BLOCKS, BLOCKS, BLOCKS);
    out.f_namemax = 255;
    out
}
