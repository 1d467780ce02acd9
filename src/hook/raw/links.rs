//! Deleting and renaming, and links, of which a bucket has none.

use std::ffi::{CStr, CString, c_char, c_int, c_uint};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use libc::{size_t, ssize_t};

use super::{done, pointing, returning, route};
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::{Place, Prefix, as_path};
use crate::hook::table::Handle;
use crate::hook::{Hook, disk, hook, real};

/// `RENAME_NOREPLACE` and `RENAME_EXCHANGE` of `renameat2`.
const NOREPLACE: c_uint = 1;
const EXCHANGE: c_uint = 2;

fn unlink(hook: &Hook, place: &Place) -> c_int {
    done(|| hook.store()?.unlink(place))
}

/// `remove`: whatever it is.
fn remove(hook: &Hook, place: &Place) -> c_int {
    done(|| {
        let store = hook.store()?;
        if store.attributes(place)?.is_directory { store.rmdir(place) } else { store.unlink(place) }
    })
}

/// A local path as an absolute one.
///
/// SAFETY (of the callers): `path` is a C string.
unsafe fn local(directory: c_int, path: *const c_char) -> Result<PathBuf> {
    // SAFETY: as above.
    let path = as_path(unsafe { CStr::from_ptr(path) });
    if path.is_absolute() || directory == libc::AT_FDCWD {
        return Ok(path.to_path_buf());
    }
    Ok(std::fs::read_link(format!("/proc/self/fd/{directory}"))?.join(path))
}

/// `None`: neither path is in a mapped folder.
///
/// SAFETY (of the callers): both are null or C strings.
unsafe fn rename(from: (c_int, *const c_char), to: (c_int, *const c_char), flags: c_uint) -> Option<c_int> {
    // SAFETY: as above.
    let places = unsafe { (route(from.0, from.1), route(to.0, to.1)) };
    let replaces = flags & NOREPLACE == 0;
    if flags & EXCHANGE != 0 && (places.0.is_some() || places.1.is_some()) {
        return Some(done(|| Err(Errno(libc::EINVAL))));
    }
    // SAFETY: `route` has found both to be C strings where it matters.
    unsafe {
        match places {
            (None, None) => None,
            (Some((hook, from)), Some((_, to))) => Some(done(|| hook.store()?.rename(&from, &to, replaces))),
            (None, Some((hook, place))) => {
                Some(done(|| hook.store()?.import(&local(from.0, from.1)?, &place, replaces)))
            }
            (Some((hook, place)), None) => Some(done(|| hook.store()?.export(&place, &local(to.0, to.1)?, replaces))),
        }
    }
}

/// There are no links: making one is not permitted, as on FAT.
///
/// SAFETY (of the callers): both are null or C strings.
unsafe fn link(from: (c_int, *const c_char), to: (c_int, *const c_char)) -> Option<c_int> {
    // SAFETY: as above.
    let is_mapped = unsafe { route(from.0, from.1).is_some() || route(to.0, to.1).is_some() };
    is_mapped.then(|| done(|| Err(Errno(libc::EPERM))))
}

fn read_link(hook: &Hook, place: &Place) -> ssize_t {
    // Nothing is a link: EINVAL for what is there, else why it is not.
    returning(|| hook.store()?.attributes(place).and(Err(Errno(libc::EINVAL)))) as ssize_t
}

/// The path of something that exists, as it is: there are no links in it.
///
/// SAFETY (of the caller): `path` is null or a C string.
unsafe fn real_path(path: *const c_char) -> Option<Result<CString>> {
    // SAFETY: as above.
    let (hook, place) = unsafe { route(libc::AT_FDCWD, path) }?;
    Some((|| {
        hook.store()?.attributes(&place)?;
        let inside = match &place {
            Place::Below(key) | Place::Folder(key) => hook.paths.host_path(key),
            Place::Root(prefix) => hook.paths.host_folder(prefix),
        };
        let path = inside.ok_or(Errno(libc::ENOENT))?;
        CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))
    })())
}

interpose! {
    fn lf_unlink(path: *const c_char) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::unlink()(path),
                Some((hook, place)) => unlink(hook, &place),
            }
        }
    }
    fn lf_unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
        unsafe {
            match route(directory, path) {
                None => real::unlinkat()(directory, path, flags),
                Some((hook, place)) if flags & libc::AT_REMOVEDIR != 0 => done(|| hook.store()?.rmdir(&place)),
                Some((hook, place)) => unlink(hook, &place),
            }
        }
    }
    fn lf_remove(path: *const c_char) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::remove()(path),
                Some((hook, place)) => remove(hook, &place),
            }
        }
    }
    fn lf_rename(from: *const c_char, to: *const c_char) -> c_int {
        unsafe { rename((libc::AT_FDCWD, from), (libc::AT_FDCWD, to), 0).unwrap_or_else(|| real::rename()(from, to)) }
    }
    fn lf_renameat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char) -> c_int {
        unsafe { rename((from_dir, from), (to_dir, to), 0).unwrap_or_else(|| real::renameat()(from_dir, from, to_dir, to)) }
    }
    fn lf_renameat2(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char, flags: c_uint) -> c_int {
        unsafe {
            rename((from_dir, from), (to_dir, to), flags)
                .unwrap_or_else(|| real::renameat2()(from_dir, from, to_dir, to, flags))
        }
    }
    fn lf_link(from: *const c_char, to: *const c_char) -> c_int {
        unsafe { link((libc::AT_FDCWD, from), (libc::AT_FDCWD, to)).unwrap_or_else(|| real::link()(from, to)) }
    }
    fn lf_linkat(from_dir: c_int, from: *const c_char, to_dir: c_int, to: *const c_char, flags: c_int) -> c_int {
        unsafe { link((from_dir, from), (to_dir, to)).unwrap_or_else(|| real::linkat()(from_dir, from, to_dir, to, flags)) }
    }
    fn lf_symlink(target: *const c_char, path: *const c_char) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::symlink()(target, path),
                Some(_) => done(|| Err(Errno(libc::EPERM))),
            }
        }
    }
    fn lf_symlinkat(target: *const c_char, directory: c_int, path: *const c_char) -> c_int {
        unsafe {
            match route(directory, path) {
                None => real::symlinkat()(target, directory, path),
                Some(_) => done(|| Err(Errno(libc::EPERM))),
            }
        }
    }
    fn lf_readlink(path: *const c_char, buffer: *mut c_char, size: size_t) -> ssize_t {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::readlink()(path, buffer, size),
                Some((hook, place)) => read_link(hook, &place),
            }
        }
    }
    fn lf_readlink_chk(path: *const c_char, buffer: *mut c_char, size: size_t, _room: size_t) -> ssize_t {
        unsafe { lf_readlink(path, buffer, size) }
    }
    fn lf_readlinkat(directory: c_int, path: *const c_char, buffer: *mut c_char, size: size_t) -> ssize_t {
        unsafe {
            match route(directory, path) {
                None => real::readlinkat()(directory, path, buffer, size),
                Some((hook, place)) => read_link(hook, &place),
            }
        }
    }
    fn lf_readlinkat_chk(directory: c_int, path: *const c_char, buffer: *mut c_char, size: size_t, _room: size_t) -> ssize_t {
        unsafe { lf_readlinkat(directory, path, buffer, size) }
    }
    fn lf_realpath(path: *const c_char, resolved: *mut c_char) -> *mut c_char {
        unsafe {
            match real_path(path) {
                None => real::realpath()(path, resolved),
                Some(found) => pointing(|| {
                    let found = found?;
                    let len = found.as_bytes_with_nul().len();
                    if resolved.is_null() {
                        return Ok(libc::strdup(found.as_ptr()));
                    }
                    // The caller's buffer has PATH_MAX bytes.
                    if len > libc::PATH_MAX as usize {
                        return Err(Errno(libc::ENAMETOOLONG));
                    }
                    std::ptr::copy_nonoverlapping(found.as_ptr(), resolved, len);
                    Ok(resolved)
                }),
            }
        }
    }
    fn lf_realpath_chk(path: *const c_char, resolved: *mut c_char, _room: size_t) -> *mut c_char {
        unsafe { lf_realpath(path, resolved) }
    }
    fn lf_canonicalize_file_name(path: *const c_char) -> *mut c_char {
        unsafe { lf_realpath(path, std::ptr::null_mut()) }
    }
    fn lf_chdir(path: *const c_char) -> c_int {
        let result = match unsafe { route(libc::AT_FDCWD, path) } {
            None => unsafe { libc::syscall(libc::SYS_chdir, path) as c_int },
            Some((hook, place)) => done(|| enter(hook, &place)),
        };
        directory_changed();
        result
    }
    fn lf_fchdir(fd: c_int) -> c_int {
        let ours = hook().and_then(|hook| Some((hook, hook.table.get(fd)?)));
        let result = match ours {
            Some((hook, Handle::Directory(prefix))) => done(|| enter_folder(hook, &prefix)),
            _ => unsafe { libc::syscall(libc::SYS_fchdir, fd) as c_int },
        };
        directory_changed();
        result
    }
}

fn enter(hook: &Hook, place: &Place) -> Result<()> {
    if !hook.store()?.attributes(place)?.is_directory {
        return Err(Errno(libc::ENOTDIR));
    }
    enter_folder(hook, &place.prefix())
}

/// A process is always in a directory of the kernel's: so the one it enters is made on the disk, empty, and entered there. Relative
/// paths lead into the bucket from it, also those of child processes.
fn enter_folder(hook: &Hook, prefix: &Prefix) -> Result<()> {
    let path = hook.paths.host_folder(prefix).ok_or(Errno(libc::ENOENT))?;
    let c_path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    // SAFETY: a C string for the time of the call.
    let change = || unsafe { libc::syscall(libc::SYS_chdir, c_path.as_ptr()) };
    if change() == 0 {
        return Ok(());
    }
    disk::make(&path)?;
    if change() == 0 { Ok(()) } else { Err(Errno::last()) }
}

fn directory_changed() {
    if let Some(hook) = hook() {
        hook.directory_changed();
    }
}
