//! Whose file it is: what paths and descriptors lead into a mapped folder. All that is not ours goes to libc.

use std::ffi::{CStr, c_int};
use std::sync::Arc;

use super::arguments::Text;
use super::frame::keeping_errno;
use super::hook;
use crate::hook::errno::{Errno, Result};
use crate::hook::file::OpenFile;
use crate::hook::paths::Place;
use crate::hook::state::{Hook, is_broken};
use crate::hook::table::Handle;

/// Does `ours` with the place that a path leads to from a directory. `None`: it is in no mapped folder, or there is no path.
#[inline]
pub(crate) fn at<R>(
    directory: c_int,
    path: Text,
    ours: impl FnOnce(&'static Hook, &Place) -> Result<R>,
) -> Option<Result<R>> {
    let (hook, path) = match candidate(path) {
        Ok(candidate) => candidate?,
        Err(errno) => return Some(Err(errno)),
    };
    keeping_errno(|| {
        let place = hook.place(directory, path)?;
        Some(ours(hook, &place))
    })
}

/// The place that a path leads to; for functions with two paths. It may leave anything in `errno`.
pub(crate) fn place(directory: c_int, path: Text) -> Result<Option<(&'static Hook, Place)>> {
    let Some((hook, path)) = candidate(path)? else { return Ok(None) };
    Ok(hook.place(directory, path).map(|place| (hook, place)))
}

/// A path that cannot be told to be elsewhere at a glance. Most of a process's paths go no further: this neither allocates nor locks.
#[inline]
fn candidate(path: Text<'_>) -> Result<Option<(&'static Hook, &CStr)>> {
    let Some(hook) = hook() else {
        // Without settings, nobody knows what is mapped: then no path may go to the disk as if it were not.
        return if is_broken() { Err(Errno(libc::EIO)) } else { Ok(None) };
    };
    Ok(path.get().filter(|path| !hook.paths.is_elsewhere(path)).map(|path| (hook, path)))
}

/// Does `ours` with what a descriptor stands for. `None`: it is not one of ours.
#[inline]
pub(crate) fn of<R>(fd: c_int, ours: impl FnOnce(&'static Hook, Handle) -> Result<R>) -> Option<Result<R>> {
    let hook = hook().filter(|hook| hook.table.may_have(fd))?;
    let handle = hook.table.get(fd)?;
    Some(keeping_errno(|| ours(hook, handle)))
}

/// The open file behind a descriptor, if it is one of ours.
pub(crate) fn file_of(fd: c_int) -> Option<(&'static Hook, Arc<OpenFile>)> {
    let hook = hook().filter(|hook| hook.table.may_have(fd))?;
    match hook.table.get(fd)? {
        Handle::File(file) => Some((hook, file)),
        Handle::Directory(_) | Handle::Database(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_is_anybodys_when_the_start_has_failed() {
        let path = Text::from(c"/usr/lib/anything");
        assert!(matches!(candidate(path), Ok(None)), "without LITEFLARE=1, every path is libc's");
        crate::hook::state::as_if_broken(|| assert_eq!(candidate(path).err(), Some(Errno(libc::EIO))));
    }
}
