//! The folders that stand behind the mapped ones on the disk. They hold no files: a bucket has no empty folders, so those that are
//! made are made here too, where every process of the machine finds them. All this goes past the hook.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::errno::{Errno, Result};
use super::real;

fn c_string(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno(libc::EINVAL))
}

fn checked(result: i32) -> Result<()> {
    if result == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Whether there is a folder.
pub fn is_folder(path: &Path) -> bool {
    let Ok(path) = c_string(path) else { return false };
    // SAFETY: a C string, and room for a `stat`, for which all zeros is a value.
    unsafe {
        let mut stat: libc::stat64 = std::mem::zeroed();
        let found = real::fstatat()(libc::AT_FDCWD, path.as_ptr(), &mut stat, libc::AT_SYMLINK_NOFOLLOW);
        found == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFDIR
    }
}

/// Makes a folder and those above it.
pub fn make(path: &Path) -> Result<()> {
    let c_path = c_string(path)?;
    // SAFETY: a C string for the time of the call.
    let make = || checked(unsafe { real::mkdir()(c_path.as_ptr(), 0o777) });
    match make() {
        Err(Errno(libc::ENOENT)) => {
            make_above(path)?;
            make()
        }
        Err(Errno(libc::EEXIST)) if is_folder(path) => Ok(()),
        made => made,
    }
}

fn make_above(path: &Path) -> Result<()> {
    path.parent().filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), make)
}

/// Removes an empty folder.
pub fn remove(path: &Path) -> Result<()> {
    let path = c_string(path)?;
    // SAFETY: a C string for the time of the call.
    checked(unsafe { real::rmdir()(path.as_ptr()) })
}

/// Removes a folder and those below it, as far as they hold no files.
pub fn remove_all(path: &Path) {
    folders_in(path).iter().for_each(|name| remove_all(&path.join(name)));
    let _ = remove(path); // one that holds a file stays
}

/// Gives a folder, with all in it, another name; an empty folder of that name goes.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    make_above(to)?;
    let (from, to) = (c_string(from)?, c_string(to)?);
    // SAFETY: two C strings for the time of the call.
    checked(unsafe { real::rename()(from.as_ptr(), to.as_ptr()) })
}

/// The names of the folders in a folder; none when it cannot be read.
pub fn folders_in(path: &Path) -> Vec<String> {
    let Ok(c_path) = c_string(path) else { return Vec::new() };
    let mut names = Vec::new();
    // SAFETY: a C string; the stream is this function's alone and closed at its end, and an entry is read before the next one is.
    unsafe {
        let stream = real::opendir()(c_path.as_ptr());
        if stream.is_null() {
            return names;
        }
        while let Some(entry) = real::readdir64()(stream).as_ref() {
            let Ok(name) = CStr::from_ptr(entry.d_name.as_ptr()).to_str() else { continue };
            let is_folder = match entry.d_type {
                libc::DT_DIR => true,
                libc::DT_UNKNOWN => is_folder(&path.join(name)),
                _ => false,
            };
            if is_folder && name != "." && name != ".." {
                names.push(name.to_owned());
            }
        }
        real::closedir()(stream);
    }
    names
}
