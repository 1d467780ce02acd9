//! Making, removing and reading directories.

use std::ffi::{c_char, c_int, c_long};

use libc::{DIR, dirent64, mode_t};

use super::{done, pointing, returning, route};
use crate::hook::dir::{Stream, borrow, fill, hand_out, take_back};
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::{Place, Prefix};
use crate::hook::real::{Compare, Filter};
use crate::hook::table::Handle;
use crate::hook::{Hook, hook, real};

fn mkdir(hook: &Hook, place: &Place) -> c_int {
    done(|| hook.store()?.mkdir(place))
}

/// The place of a directory whose prefix is known.
fn place_of(prefix: &Prefix) -> Place {
    Place::Root(prefix.clone())
}

/// A descriptor for a directory, of its own.
fn open_directory(hook: &Hook, prefix: &Prefix) -> Result<c_int> {
    let (fd, handle) = hook.store()?.open(&place_of(prefix), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC)?;
    hook.table.insert(fd, handle);
    Ok(fd)
}

interpose! {
    fn lf_mkdir(path: *const c_char, mode: mode_t) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                // The mapped folder itself is made on the disk too, empty, so that it can be seen from outside.
                None | Some((_, Place::Root(_))) => real::mkdir()(path, mode),
                Some((hook, place)) => mkdir(hook, &place),
            }
        }
    }
    fn lf_mkdirat(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
        unsafe {
            match route(directory, path) {
                None | Some((_, Place::Root(_))) => real::mkdirat()(directory, path, mode),
                Some((hook, place)) => mkdir(hook, &place),
            }
        }
    }
    fn lf_rmdir(path: *const c_char) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::rmdir()(path),
                Some((hook, place)) => done(|| hook.store()?.rmdir(&place)),
            }
        }
    }
    fn lf_opendir(path: *const c_char) -> *mut DIR {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::opendir()(path),
                Some((hook, place)) => pointing(|| {
                    let entries = hook.store()?.entries(&place)?;
                    Ok(hand_out(Stream::new(place.prefix(), entries, None)))
                }),
            }
        }
    }
    fn lf_fdopendir(fd: c_int) -> *mut DIR {
        unsafe {
            let ours = hook().and_then(|hook| Some((hook, hook.table.get(fd)?)));
            match ours {
                None => real::fdopendir()(fd),
                Some((_, Handle::File(_) | Handle::Database(_))) => pointing(|| Err(Errno(libc::ENOTDIR))),
                Some((hook, Handle::Directory(prefix))) => pointing(|| {
                    let entries = hook.store()?.entries(&place_of(&prefix))?;
                    Ok(hand_out(Stream::new(prefix, entries, Some(fd))))
                }),
            }
        }
    }
    fn lf_readdir(dir: *mut DIR) -> *mut dirent64 {
        unsafe {
            match borrow(dir) {
                None => real::readdir64()(dir),
                Some(stream) => stream.read(),
            }
        }
    }
    fn lf_readdir_r(dir: *mut DIR, entry: *mut dirent64, result: *mut *mut dirent64) -> c_int {
        unsafe {
            match borrow(dir) {
                None => real::readdir64_r()(dir, entry, result),
                Some(stream) => {
                    let next = stream.read();
                    *result = if next.is_null() {
                        next
                    } else {
                        entry.write(*next);
                        entry
                    };
                    0
                }
            }
        }
    }
    fn lf_closedir(dir: *mut DIR) -> c_int {
        unsafe {
            match take_back(dir) {
                None => real::closedir()(dir),
                Some(stream) => stream.fd.map_or(0, |fd| super::descriptors::lf_close(fd)),
            }
        }
    }
    fn lf_rewinddir(dir: *mut DIR) -> () {
        unsafe {
            match borrow(dir) {
                None => real::rewinddir()(dir),
                Some(stream) => {
                    if let Some(hook) = hook() {
                        returning(|| {
                            let entries = hook.store()?.entries(&place_of(&stream.prefix))?;
                            stream.rewind(entries);
                            Ok(0)
                        });
                    }
                }
            }
        }
    }
    fn lf_telldir(dir: *mut DIR) -> c_long {
        unsafe {
            match borrow(dir) {
                None => real::telldir()(dir),
                Some(stream) => stream.position() as c_long,
            }
        }
    }
    fn lf_seekdir(dir: *mut DIR, position: c_long) -> () {
        unsafe {
            match borrow(dir) {
                None => real::seekdir()(dir, position),
                Some(stream) => stream.seek(usize::try_from(position).unwrap_or(0)),
            }
        }
    }
    fn lf_dirfd(dir: *mut DIR) -> c_int {
        unsafe {
            match (borrow(dir), hook()) {
                (Some(stream), Some(hook)) => returning(|| {
                    if stream.fd.is_none() {
                        stream.fd = Some(open_directory(hook, &stream.prefix)?);
                    }
                    stream.fd.ok_or(Errno(libc::ENOTSUP))
                }),
                _ => real::dirfd()(dir),
            }
        }
    }
    fn lf_scandir(path: *const c_char, list: *mut *mut *mut dirent64, filter: Option<Filter>, compare: Option<Compare>) -> c_int {
        unsafe {
            match route(libc::AT_FDCWD, path) {
                None => real::scandir64()(path, list, filter, compare),
                Some((hook, place)) => returning(|| scan(hook, &place, list, filter, compare)),
            }
        }
    }
}

/// SAFETY (of the caller): the arguments are those of `scandir`.
unsafe fn scan(
    hook: &Hook,
    place: &Place,
    list: *mut *mut *mut dirent64,
    filter: Option<Filter>,
    compare: Option<Compare>,
) -> Result<c_int> {
    let prefix = place.prefix();
    let entries = hook.store()?.entries(place)?;
    // SAFETY: memory is allocated with `malloc`, since the caller frees it with `free`; every allocation is checked.
    unsafe {
        let mut found: Vec<*mut dirent64> = Vec::with_capacity(entries.len());
        for (position, entry) in entries.iter().enumerate() {
            let mut dirent: dirent64 = std::mem::zeroed();
            fill(&mut dirent, &prefix, entry, position);
            if filter.is_none_or(|filter| filter(&dirent) != 0) {
                let copy = libc::malloc(size_of::<dirent64>()).cast::<dirent64>();
                if copy.is_null() {
                    return Err(Errno(libc::ENOMEM));
                }
                copy.write(dirent);
                found.push(copy);
            }
        }
        if let Some(compare) = compare {
            found.sort_by(|a, b| {
                let (mut a, mut b) = (a.cast_const(), b.cast_const());
                compare(&mut a, &mut b).cmp(&0)
            });
        }
        let array = libc::malloc(size_of::<*mut dirent64>() * found.len().max(1)).cast::<*mut dirent64>();
        if array.is_null() {
            return Err(Errno(libc::ENOMEM));
        }
        std::ptr::copy_nonoverlapping(found.as_ptr(), array, found.len());
        *list = array;
        c_int::try_from(found.len()).map_err(|_| Errno(libc::EOVERFLOW))
    }
}
