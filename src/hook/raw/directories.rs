//! Making, removing and reading directories.

use std::ffi::{c_int, c_long};
use std::os::fd::IntoRawFd;

use libc::{AT_FDCWD, DIR, dirent64, mode_t};

use super::arguments::{Directory, Room, Text};
use super::descriptors::lf_close;
use super::frame::{checked, hooked, keeping_errno, outside};
use super::hook;
use super::whose::{at, of, place};
use crate::hook::dir::{Stream, fill, hand_out};
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::{Place, Prefix};
use crate::hook::real::{Compare, Filter};
use crate::hook::state::Hook;
use crate::hook::table::Handle;

hooked! {
    fn lf_mkdir(path: Text, mode: mode_t) -> c_int, or mkdir {
        mkdir(AT_FDCWD, path)
    }
    fn lf_mkdirat(directory: c_int, path: Text, mode: mode_t) -> c_int, or mkdirat {
        mkdir(directory, path)
    }
    fn lf_rmdir(path: Text) -> c_int, or rmdir {
        at(AT_FDCWD, path, |hook, place| hook.store()?.rmdir(place).map(|()| 0))
    }
    fn lf_opendir(path: Text) -> *mut DIR, or opendir {
        at(AT_FDCWD, path, |hook, place| {
            let entries = hook.store()?.entries(place)?;
            Ok(hand_out(Stream::new(place.prefix(), entries, None)))
        })
    }
    fn lf_fdopendir(fd: c_int) -> *mut DIR, or fdopendir {
        of(fd, |hook, handle| {
            let Handle::Directory(prefix) = handle else { return Err(Errno(libc::ENOTDIR)) };
            let entries = hook.store()?.entries(&place_of(&prefix))?;
            Ok(hand_out(Stream::new(prefix, entries, Some(fd))))
        })
    }
    fn lf_readdir(dir: Directory) -> *mut dirent64, or readdir64 {
        dir.if_ours(|stream| Ok(stream.read()))
    }
    fn lf_readdir_r(dir: Directory, entry: *mut dirent64, result: Room<*mut dirent64>) -> c_int, or readdir64_r {
        dir.if_ours(|stream| {
            let next = stream.read();
            if next.is_null() {
                result.fill(next);
            } else {
                // SAFETY: an entry of ours stays as it is until the next one is read, and our caller has given room for a copy.
                unsafe { entry.write(*next) };
                result.fill(entry);
            }
            Ok(0)
        })
    }
    fn lf_closedir(dir: Directory) -> c_int, or closedir {
        let stream = dir.take_back()?;
        // SAFETY: closing a number touches no memory.
        Some(stream.fd.map_or(Ok(0), |fd| checked(outside(|| unsafe { lf_close(fd) })).map(|()| 0)))
    }
    fn lf_rewinddir(dir: Directory) -> (), or rewinddir {
        dir.if_ours(|stream| keeping_errno(|| rewind(stream)))
    }
    fn lf_telldir(dir: Directory) -> c_long, or telldir {
        dir.if_ours(|stream| Ok(stream.position() as c_long))
    }
    fn lf_seekdir(dir: Directory, position: c_long) -> (), or seekdir {
        dir.if_ours(|stream| {
            stream.seek(usize::try_from(position).unwrap_or(0));
            Ok(())
        })
    }
    fn lf_dirfd(dir: Directory) -> c_int, or dirfd {
        dir.if_ours(|stream| keeping_errno(|| descriptor_of(stream)))
    }
    fn lf_scandir(path: Text, list: Room<*mut *mut dirent64>, filter: Option<Filter>, compare: Option<Compare>) -> c_int, or scandir64 {
        // SAFETY: the two functions are our caller's, of the types that `scandir` wants.
        at(AT_FDCWD, path, |hook, place| unsafe { scan(hook, place, &list, filter, compare) })
    }
}

fn mkdir(directory: c_int, path: Text) -> Option<Result<c_int>> {
    keeping_errno(|| match place(directory, path) {
        // The mapped folder itself is made on the disk too, empty, so that it can be seen from outside.
        Ok(None | Some((_, Place::Root(_)))) => None,
        Ok(Some((hook, place))) => Some(hook.store().and_then(|store| store.mkdir(&place)).map(|()| 0)),
        Err(errno) => Some(Err(errno)),
    })
}

fn rewind(stream: &mut Stream) -> Result<()> {
    let hook = hook().ok_or(Errno(libc::EIO))?;
    let entries = hook.store()?.entries(&place_of(&stream.prefix))?;
    stream.rewind(entries);
    Ok(())
}

/// The descriptor of a directory stream; it gets one when somebody asks.
fn descriptor_of(stream: &mut Stream) -> Result<c_int> {
    if let Some(fd) = stream.fd {
        return Ok(fd);
    }
    let hook = hook().ok_or(Errno(libc::EIO))?;
    let place = place_of(&stream.prefix);
    let (fd, handle) = hook.store()?.open(&place, libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC)?;
    let fd = fd.into_raw_fd();
    hook.table.insert(fd, handle);
    stream.fd = Some(fd);
    Ok(fd)
}

/// The place of a directory whose prefix is known.
fn place_of(prefix: &Prefix) -> Place {
    Place::Root(prefix.clone())
}

/// SAFETY (of the caller): the two functions are of the types that `scandir` wants, and stand a call at any time.
unsafe fn scan(
    hook: &Hook,
    place: &Place,
    list: &Room<*mut *mut dirent64>,
    filter: Option<Filter>,
    compare: Option<Compare>,
) -> Result<c_int> {
    let prefix = place.prefix();
    let mut found: Vec<*mut dirent64> = Vec::new();
    for (position, entry) in hook.store()?.entries(place)?.iter().enumerate() {
        // SAFETY: a struct of integers alone, for which all zeros is a value.
        let mut dirent: dirent64 = unsafe { std::mem::zeroed() };
        fill(&mut dirent, &prefix, entry, position);
        // SAFETY: the caller's function gets an entry, as it expects.
        if filter.is_none_or(|filter| outside(|| unsafe { filter(&dirent) }) != 0) {
            found.push(copy_for_c(&[dirent])?);
        }
    }
    if let Some(compare) = compare {
        found.sort_by(|a, b| {
            let (mut a, mut b) = (a.cast_const(), b.cast_const());
            // SAFETY: the caller's function gets the places of two pointers to entries, as it expects.
            outside(|| unsafe { compare(&mut a, &mut b) }).cmp(&0)
        });
    }
    list.fill(copy_for_c(&found)?);
    c_int::try_from(found.len()).map_err(|_| Errno(libc::EOVERFLOW))
}

/// A copy that a C program frees with `free`.
fn copy_for_c<T: Copy>(items: &[T]) -> Result<*mut T> {
    // SAFETY: `malloc` may be asked for any number of bytes; an answer that is not null has room for them all, and nobody else has it.
    unsafe {
        let copy = libc::malloc(size_of_val(items).max(1)).cast::<T>();
        if copy.is_null() {
            return Err(Errno(libc::ENOMEM));
        }
        std::ptr::copy_nonoverlapping(items.as_ptr(), copy, items.len());
        Ok(copy)
    }
}
