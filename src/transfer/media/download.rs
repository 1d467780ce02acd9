//! Downloads objects: first finds out which files exist already, then fetches the others. A file gets its name once it is complete.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::upload::checksum;
use super::{AT_ONCE, has_bytes_of, pool};
use crate::config::MappedFolder;
use crate::r2::{self, Bucket, FileError, Meta};
use crate::transfer::export::beneath::{Folder, is_file};
use crate::transfer::export::folder::ClaimedFolder;
use crate::transfer::{Error, Event, Progress, Step};

/// An object to fetch, and the path of its file in the export's folder.
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

/// The objects whose files do not exist yet. Refuses other files in their places. `folders` are relative to `root`, which may not be there
/// yet; `dir` is its path, for messages.
pub(crate) fn plan(
    root: Option<&Folder>,
    dir: &Path,
    folders: &[MappedFolder],
    objects: &[&Meta],
    progress: Progress<'_>,
) -> Result<Vec<Download>, Error> {
    let placed: Vec<(&Meta, PathBuf)> =
        objects.iter().filter_map(|meta| Some((*meta, path_of(folders, &meta.key)?))).collect();
    progress(Event::Begins(Step::CompareFiles, placed.iter().map(|(meta, _)| meta.size).fold(0, u64::saturating_add)));
    let found = pool::each(&placed, AT_ONCE, |(meta, path)| {
        let is_there = root.map_or(Ok(false), |root| is_there(root, dir, meta, path))?;
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
fn is_there(root: &Folder, dir: &Path, meta: &Meta, path: &Path) -> Result<bool, Error> {
    let shown = dir.join(path);
    let Some(found) = root.look(path).map_err(Error::file(&shown))? else { return Ok(false) };
    let in_the_way = || Error::InTheWay { path: shown.clone(), key: meta.key.clone() };
    if !is_file(&found) {
        return Err(in_the_way());
    }
    let file = root.read(path).map_err(Error::file(&shown))?;
    let attributes = file.metadata().map_err(Error::file(&shown))?;
    let modified = attributes.modified().map_err(Error::file(&shown))?;
    let sum = checksum(file, attributes.len()).map_err(Error::file(&shown))?;
    match has_bytes_of(meta, attributes.len(), &sum.etags()) {
        Some(true) => Ok(true),
        // Uploaded by another program, in parts of another size. Exported files carry the modification time of their object.
        None if modified == meta.modified => Ok(true),
        _ => Err(in_the_way()),
    }
}

/// Fetches the objects.
pub(crate) fn fetch(
    bucket: &Bucket,
    wanted: &[Download],
    folder: &ClaimedFolder,
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
        let part = format!("{number}.part");
        let fetched = match fetch_one(bucket, wanted, folder, &part) {
            Err(Error::R2(r2::Error::NotFound { .. })) => {
                vanished.fetch_add(1, Ordering::Relaxed);
                folder.ours.remove(&part).map_err(Error::file(&folder.path(&wanted.path)))?;
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

/// `part`: the file's name until it is complete.
fn fetch_one(bucket: &Bucket, wanted: &Download, folder: &ClaimedFolder, part: &str) -> Result<u64, Error> {
    let (path, key) = (folder.path(&wanted.path), &wanted.meta.key);
    let file = folder.ours.create(part).map_err(Error::file(&path))?;
    let (meta, sum) = bucket.get_file(key, &wanted.meta, &file).map_err(|error| match error {
        FileError::R2(error) => Error::R2(error),
        FileError::File(error) => Error::file(&path)(error),
    })?;
    let size = sum.size();
    if has_bytes_of(&meta, size, &sum.etags()) == Some(false) {
        return Err(Error::Garbled { key: key.clone() });
    }
    // From the listing: a download's answer has no fractions of a second.
    let modified = if meta.etag == wanted.meta.etag { wanted.meta.modified } else { meta.modified };
    file.set_modified(modified).map_err(Error::file(&path))?;
    drop(file);
    // A file that has appeared there meanwhile is not overwritten.
    folder.ours.put(part, &folder.root, &wanted.path, false).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Error::InTheWay { path, key: key.clone() },
        _ => Error::file(&path)(error),
    })?;
    Ok(size)
}
