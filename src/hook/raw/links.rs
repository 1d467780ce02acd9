//! Deleting and renaming, and links, of which a bucket has none.

use std::ffi::{CString, c_char, c_int, c_uint};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use libc::{AT_FDCWD, size_t, ssize_t};

use super::arguments::Text;
use super::frame::{checked, hooked, keeping_errno};
use super::hook;
use super::whose::{at, of, place};
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::{Place, Prefix, as_path};
use crate::hook::state::Hook;
use crate::hook::table::Handle;
use crate::hook::{disk, real};

/// `RENAME_NOREPLACE` and `RENAME_EXCHANGE` of `renameat2`.
const NOREPLACE: c_uint = 1;
const EXCHANGE: c_uint = 2;

hooked! {
    fn lf_unlink(path: Text) -> c_int, or unlink {
        at(AT_FDCWD, path, unlink)
    }
    fn lf_unlinkat(directory: c_int, path: Text, flags: c_int) -> c_int, or unlinkat {
        at(directory, path, |hook, place| {
            if flags & libc::AT_REMOVEDIR == 0 { unlink(hook, place) } else { hook.store()?.rmdir(place).map(|()| 0) }
        })
    }
    fn lf_remove(path: Text) -> c_int, or remove {
        at(AT_FDCWD, path, remove)
    }
    fn lf_rename(from: Text, to: Text) -> c_int, or rename {
        rename((AT_FDCWD, from), (AT_FDCWD, to), 0)
    }
    fn lf_renameat(from_dir: c_int, from: Text, to_dir: c_int, to: Text) -> c_int, or renameat {
        rename((from_dir, from), (to_dir, to), 0)
    }
    fn lf_renameat2(from_dir: c_int, from: Text, to_dir: c_int, to: Text, flags: c_uint) -> c_int, or renameat2 {
        rename((from_dir, from), (to_dir, to), flags)
    }
    fn lf_link(from: Text, to: Text) -> c_int, or link {
        no_link(AT_FDCWD, from).or_else(|| no_link(AT_FDCWD, to))
    }
    fn lf_linkat(from_dir: c_int, from: Text, to_dir: c_int, to: Text, flags: c_int) -> c_int, or linkat {
        no_link(from_dir, from).or_else(|| no_link(to_dir, to))
    }
    fn lf_symlink(target: Text, path: Text) -> c_int, or symlink {
        no_link(AT_FDCWD, path)
    }
    fn lf_symlinkat(target: Text, directory: c_int, path: Text) -> c_int, or symlinkat {
        no_link(directory, path)
    }
    fn lf_readlink(path: Text, buffer: *mut c_char, size: size_t) -> ssize_t, or readlink {
        at(AT_FDCWD, path, read_link)
    }
    fn lf_readlink_chk(path: Text, buffer: *mut c_char, size: size_t, _room: size_t) -> ssize_t,
        by lf_readlink(path, buffer, size)
    fn lf_readlinkat(directory: c_int, path: Text, buffer: *mut c_char, size: size_t) -> ssize_t, or readlinkat {
        at(directory, path, read_link)
    }
    fn lf_readlinkat_chk(directory: c_int, path: Text, buffer: *mut c_char, size: size_t, _room: size_t) -> ssize_t,
        by lf_readlinkat(directory, path, buffer, size)
    fn lf_realpath(path: Text, resolved: *mut c_char) -> *mut c_char, or realpath {
        at(AT_FDCWD, path, |hook, place| {
            let found = real_path(hook, place)?;
            let found = found.as_bytes_with_nul();
            let room = if resolved.is_null() {
                // SAFETY: as many bytes as needed; the caller frees them with `free`.
                unsafe { libc::malloc(found.len()).cast() }
            } else if found.len() <= libc::PATH_MAX as usize {
                resolved
            } else {
                return Err(Errno(libc::ENAMETOOLONG));
            };
            if room.is_null() {
                return Err(Errno(libc::ENOMEM));
            }
            // SAFETY: made for these bytes just now, or the caller's buffer, which has PATH_MAX bytes.
            unsafe { std::ptr::copy_nonoverlapping(found.as_ptr().cast(), room, found.len()) };
            Ok(room)
        })
    }
    fn lf_realpath_chk(path: Text, resolved: *mut c_char, _room: size_t) -> *mut c_char, by lf_realpath(path, resolved)
    fn lf_canonicalize_file_name(path: Text) -> *mut c_char, by lf_realpath(path, std::ptr::null_mut())
    fn lf_chdir(path: Text) -> c_int, or chdir {
        let hook = hook()?;
        let entered = at(AT_FDCWD, path, enter).unwrap_or_else(|| change_to(path));
        hook.directory_changed();
        Some(entered)
    }
    fn lf_fchdir(fd: c_int) -> c_int, or fchdir {
        let hook = hook()?;
        let entered = of(fd, |hook, handle| match handle {
            Handle::Directory(prefix) => enter_folder(hook, &prefix),
            Handle::File(_) | Handle::Database(_) => Err(Errno(libc::ENOTDIR)),
        });
        let entered = entered.unwrap_or_else(|| change_to_descriptor(fd));
        hook.directory_changed();
        Some(entered)
    }
}

fn unlink(hook: &Hook, place: &Place) -> Result<c_int> {
    hook.store()?.unlink(place).map(|()| 0)
}

/// `remove`: whatever it is.
fn remove(hook: &Hook, place: &Place) -> Result<c_int> {
    let store = hook.store()?;
    if store.attributes(place)?.is_directory { store.rmdir(place) } else { store.unlink(place) }.map(|()| 0)
}

/// A path, and the directory from which it leads.
type From<'a> = (c_int, Text<'a>);

/// `None`: neither path is in a mapped folder.
fn rename(from: From, to: From, flags: c_uint) -> Option<Result<c_int>> {
    keeping_errno(|| renamed(from, to, flags).transpose())
}

fn renamed(from: From, to: From, flags: c_uint) -> Result<Option<c_int>> {
    let places = (place(from.0, from.1)?, place(to.0, to.1)?);
    let replaces = flags & NOREPLACE == 0;
    if flags & EXCHANGE != 0 && (places.0.is_some() || places.1.is_some()) {
        return Err(Errno(libc::EINVAL));
    }
    match places {
        (None, None) => return Ok(None),
        (Some((hook, from)), Some((_, to))) => hook.store()?.rename(&from, &to, replaces)?,
        (None, Some((hook, place))) => hook.store()?.import(&local(from)?, &place, replaces)?,
        (Some((hook, place)), None) => hook.store()?.export(&place, &local(to)?, replaces)?,
    }
    Ok(Some(0))
}

/// A local path as an absolute one.
fn local((directory, path): From) -> Result<PathBuf> {
    let path = as_path(path.get().ok_or(Errno(libc::EFAULT))?);
    if path.is_absolute() || directory == AT_FDCWD {
        return Ok(path.to_path_buf());
    }
    Ok(std::fs::read_link(format!("/proc/self/fd/{directory}"))?.join(path))
}

/// There are no links: making one is not permitted, as on FAT.
fn no_link(directory: c_int, path: Text) -> Option<Result<c_int>> {
    at(directory, path, |_, _| Err(Errno(libc::EPERM)))
}

/// Nothing is a link: EINVAL for what is there, else why it is not.
fn read_link(hook: &Hook, place: &Place) -> Result<ssize_t> {
    hook.store()?.attributes(place).and(Err(Errno(libc::EINVAL)))
}

/// The path of something that exists, as it is: there are no links in it.
fn real_path(hook: &Hook, place: &Place) -> Result<CString> {
    hook.store()?.attributes(place)?;
    let inside = match place {
        Place::Below(key) | Place::Folder(key) => hook.paths.host_path(key),
        Place::Root(prefix) => hook.paths.host_folder(prefix),
    };
    let path = inside.ok_or(Errno(libc::ENOENT))?;
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))
}

fn enter(hook: &Hook, place: &Place) -> Result<c_int> {
    if !hook.store()?.attributes(place)?.is_directory {
        return Err(Errno(libc::ENOTDIR));
    }
    enter_folder(hook, &place.prefix())
}

/// A process is always in a directory of the kernel's: so the one it enters is made on the disk, empty, and entered there. Relative
/// paths lead into the bucket from it, also those of child processes.
fn enter_folder(hook: &Hook, prefix: &Prefix) -> Result<c_int> {
    let path = hook.paths.host_folder(prefix).ok_or(Errno(libc::ENOENT))?;
    let c_path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    change_to(Text::from(c_path.as_c_str())).or_else(|_| {
        disk::make(&path)?;
        change_to(Text::from(c_path.as_c_str()))
    })
}

/// libc's own `chdir`.
fn change_to(path: Text) -> Result<c_int> {
    // SAFETY: null or a C string, as `Text` promises.
    checked(unsafe { real::chdir()(path.into()) }).map(|()| 0)
}

/// libc's own `fchdir`.
fn change_to_descriptor(fd: c_int) -> Result<c_int> {
    // SAFETY: a descriptor that is none is refused.
    checked(unsafe { real::fchdir()(fd) }).map(|()| 0)
}
