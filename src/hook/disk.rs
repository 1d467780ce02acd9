//! The folders that stand behind the mapped ones on the disk. They hold no files: a bucket has no empty folders, so those that are
//! made are made here too, where every process of the machine finds them. rustix's system calls go past the hook.

use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};

use super::errno::{Errno, Result};

/// Whether there is a folder.
pub(super) fn is_folder(path: &Path) -> bool {
    rustix::fs::lstat(path).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
}

/// Makes a folder and those above it.
pub(super) fn make(path: &Path) -> Result<()> {
    let make = || Ok(rustix::fs::mkdir(path, Mode::RWXU | Mode::RWXG | Mode::RWXO)?);
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
pub(super) fn remove(path: &Path) -> Result<()> {
    Ok(rustix::fs::rmdir(path)?)
}

/// Removes a folder and those below it, as far as they hold no files.
pub(super) fn remove_all(path: &Path) {
    folders_in(path).iter().for_each(|name| remove_all(&path.join(name)));
    let _ = remove(path); // one that holds a file stays
}

/// Gives a folder, with all in it, another name; an empty folder of that name goes.
pub(super) fn rename(from: &Path, to: &Path) -> Result<()> {
    make_above(to)?;
    Ok(rustix::fs::rename(from, to)?)
}

/// The names of the folders in a folder; none when it cannot be read.
pub(super) fn folders_in(path: &Path) -> Vec<String> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(mut entries) = rustix::fs::openat(CWD, path, flags, Mode::empty()).and_then(Dir::new) else {
        return Vec::new();
    };
    let mut names = Vec::new();
    while let Some(Ok(entry)) = entries.read() {
        let Ok(name) = entry.file_name().to_str() else { continue };
        let is_folder = match entry.file_type() {
            FileType::Directory => true,
            FileType::Unknown => is_folder(&path.join(name)),
            _ => false,
        };
        if is_folder && name != "." && name != ".." {
            names.push(name.to_owned());
        }
    }
    names
}
