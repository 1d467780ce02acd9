//! Downloads objects: first finds out which files exist already, then fetches the others. A file gets its name once it is complete.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags};

use super::upload::checksum;
use super::{AT_ONCE, has_bytes_of, pool};
use crate::config::MappedFolder;
use crate::r2::{self, Bucket, FileError, Meta};
use crate::transfer::{Error, Event, Progress, Step};

/// An object to fetch, and the path of its file.
#[derive(Clone, Debug)]
pub(crate) struct Download {
    meta: Meta,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DownloadTotals {
    /// Files that were fetched.
    pub(crate) files: u64,
    /// Bytes of those files.
    pub(crate) bytes: u64,
    /// Objects that had been deleted meanwhile.
    pub(crate) vanished: u64,
}

/// The objects whose files do not exist yet. Refuses other files in their places.
pub(crate) fn plan(
    folders: &[MappedFolder],
    objects: &[&Meta],
    progress: Progress<'_>,
) -> Result<Vec<Download>, Error> {
    let placed: Vec<(&Meta, PathBuf)> =
        objects.iter().filter_map(|meta| Some((*meta, path_of(folders, &meta.key)?))).collect();
    progress(Event::Begins(Step::CompareFiles, placed.iter().map(|(meta, _)| meta.size).fold(0, u64::saturating_add)));
    let found = pool::each(&placed, AT_ONCE, |(meta, path)| {
        let is_there = is_there(meta, path)?;
        if is_there {
            progress(Event::Advances(meta.size));
        }
        Ok(is_there)
    })?;
    progress(Event::Ends);
    let wanted = placed.into_iter().zip(found).filter(|(_, is_there)| !is_there);
    Ok(wanted.map(|((meta, path), _)| Download { meta: meta.clone(), path }).collect())
}

fn path_of(folders: &[MappedFolder], key: &str) -> Option<PathBuf> {
    folders.iter().find_map(|folder| Some(folder.dir.join(key.strip_prefix(&folder.prefix)?.strip_prefix('/')?)))
}

/// Whether an object's file exists. Any other file in its place is refused: it might be an older state of the object, or not.
fn is_there(meta: &Meta, path: &Path) -> Result<bool, Error> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        found => found.map_err(Error::file(path))?,
    };
    let in_the_way = || Error::InTheWay { path: path.to_path_buf(), key: meta.key.clone() };
    if !found.is_file() {
        return Err(in_the_way());
    }
    let modified = found.modified().map_err(Error::file(path))?;
    let sum = File::open(path).and_then(|file| checksum(file, found.len())).map_err(Error::file(path))?;
    match has_bytes_of(meta, found.len(), &sum.etags()) {
        Some(true) => Ok(true),
        // Uploaded by another program, in parts of another size. Exported files carry the modification time of their object.
        None if modified == meta.modified => Ok(true),
        _ => Err(in_the_way()),
    }
}

/// Fetches the objects. `part`: where the file with this number is until it is complete.
pub(crate) fn fetch(
    bucket: &Bucket,
    wanted: &[Download],
    part: impl Fn(usize) -> PathBuf + Sync,
    progress: Progress<'_>,
) -> Result<DownloadTotals, Error> {
    progress(Event::Begins(
        Step::FetchFiles,
        wanted.iter().map(|wanted| wanted.meta.size).fold(0, u64::saturating_add),
    ));
    let numbered: Vec<(usize, &Download)> = wanted.iter().enumerate().collect();
    let (large, small): (Vec<_>, Vec<_>) =
        numbered.into_iter().partition(|(_, wanted)| Bucket::is_large(wanted.meta.size));
    let vanished = AtomicU64::new(0);
    let fetch = |(number, wanted): &(usize, &Download)| {
        let part = part(*number);
        let fetched = match fetch_one(bucket, wanted, &part) {
            Err(Error::R2(r2::Error::NotFound { .. })) => {
                vanished.fetch_add(1, Ordering::Relaxed);
                fs::remove_file(&part).map_err(Error::file(&part))?;
                None
            }
            fetched => Some(fetched?),
        };
        progress(Event::Advances(wanted.meta.size));
        Ok(fetched)
    };
    let mut sizes = pool::each(&small, AT_ONCE, fetch)?;
    sizes.extend(pool::each(&large, 1, fetch)?);
    progress(Event::Ends);
    let sizes: Vec<u64> = sizes.into_iter().flatten().collect();
    Ok(DownloadTotals { files: sizes.len() as u64, bytes: sizes.iter().sum(), vanished: vanished.into_inner() })
}

fn fetch_one(bucket: &Bucket, wanted: &Download, part: &Path) -> Result<u64, Error> {
    let (path, key) = (&wanted.path, &wanted.meta.key);
    let file = File::create(part).map_err(Error::file(part))?;
    let (meta, sum) = bucket.get_file(key, &wanted.meta, &file).map_err(|error| match error {
        FileError::R2(error) => Error::R2(error),
        FileError::File(error) => Error::file(part)(error),
    })?;
    let size = sum.size();
    if has_bytes_of(&meta, size, &sum.etags()) == Some(false) {
        return Err(Error::Garbled { key: key.clone() });
    }
    // From the listing: a download's answer has no fractions of a second.
    let modified = if meta.etag == wanted.meta.etag { wanted.meta.modified } else { meta.modified };
    file.set_modified(modified).map_err(Error::file(part))?;
    drop(file);
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(Error::file(parent))?;
    place(wanted, part)?;
    Ok(size)
}

/// Gives a complete file its name, without overwriting a file that has appeared there meanwhile.
fn place(wanted: &Download, part: &Path) -> Result<(), Error> {
    let path = &wanted.path;
    match rustix::fs::renameat_with(CWD, part, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => Err(Error::InTheWay { path: path.clone(), key: wanted.meta.key.clone() }),
        // Not every file system supports the flag.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !path.exists() => {
            fs::rename(part, path).map_err(Error::file(path))
        }
        Err(error) => Err(Error::file(path)(error.into())),
    }
}
