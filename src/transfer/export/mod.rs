//! Brings D1 and R2 to a folder from which the application starts without liteflare.
//!
//! The database is consistent: it is the state of one commit. A bucket has no such states. It is listed after the database was read, so
//! that the listing has the objects of all rows unless they were deleted meanwhile; the summary counts what appeared or vanished.

pub(super) mod beneath;
pub(super) mod folder;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Bound;
use std::path::{Component, Path, PathBuf};

use rusqlite::OpenFlags;

use self::folder::ExportFolder;
use super::examine::{Depth, problems};
use super::media::{download, upload::listings};
use super::target::Target;
use super::{Error, Progress, connect_bucket, connect_d1, requests};
use crate::config::{self, MappedFolder, R2Settings, Settings};
use crate::image::{Image, PageNo};
use crate::metrics::RequestCount;
use crate::r2::Meta;
use crate::replica::hydrate::{Bounds, hydrate};
use crate::vfs::inner::{self, Task};

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ExportSummary {
    /// The commit whose state the database has.
    pub seq: u64,
    /// Whether others committed meanwhile; the export does not have that.
    pub has_gone_on: bool,
    /// Bytes of the database file.
    pub database_bytes: u64,
    /// Whether a bucket is set.
    pub has_bucket: bool,
    /// Objects under the mapped prefixes, without those that are left out.
    pub files: u64,
    /// Files that were fetched this time; the folder had the others already.
    pub files_fetched: u64,
    /// Bytes of those files.
    pub bytes_fetched: u64,
    /// Objects that have no place in a folder.
    pub left_out: Vec<LeftOut>,
    /// Objects that were deleted before they could be fetched.
    pub vanished: u64,
    /// Objects that are new, or have changed, since the bucket was listed.
    pub appeared: u64,
    /// What it took.
    pub requests: RequestCount,
}

/// An object that an export has no place for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Its key.
    pub key: String,
    /// Why.
    pub reason: &'static str,
}

/// Exports to `dir`, which is empty, does not exist, or has an unfinished export of the same data.
pub fn export(dir: &Path, progress: Progress<'_>) -> Result<ExportSummary, Error> {
    let (settings, r2) = config::load()?;
    let folders = r2.as_ref().map(places_of).transpose()?.unwrap_or_default();
    let folder = ExportFolder::check(dir, &describe_source(&settings, r2.as_ref()))?;
    let client = connect_d1(&settings)?;
    let bucket = connect_bucket(r2.as_ref())?;
    if Target::read(&client)?.is_empty() {
        return Err(Error::NothingThere { database: settings.database.clone() });
    }
    let image = hydrate(&client, &Bounds::default())?;
    let (listed, unusable) = match (&r2, &bucket) {
        (Some(r2), Some(bucket)) => listings(r2, bucket)?,
        _ => Default::default(),
    };
    let (placed, left_out) = places(&listed, unusable);
    let plan = download::plan(folder.root(), dir, &folders, &placed, progress)?;

    // From here on, files are written.
    let folder = folder.claim()?;
    let (database, path) = folder.database()?;
    write_image(&image, database, &path)?;
    let mut summary = ExportSummary {
        seq: image.position.seq.0,
        database_bytes: image.size(),
        has_bucket: bucket.is_some(),
        files: placed.len() as u64,
        left_out,
        ..ExportSummary::default()
    };
    let position = image.position;
    if let Some(bucket) = &bucket {
        let fetched = download::fetch(bucket, &plan, &folder, progress)?;
        summary.files_fetched = fetched.files;
        summary.bytes_fetched = fetched.bytes;
        summary.vanished = fetched.vanished;
    }
    if let (Some(r2), Some(bucket)) = (&r2, &bucket) {
        let (now, _) = listings(r2, bucket)?;
        let is_old = |meta: &&Meta| listed.get(&meta.key).is_some_and(|old| old.etag == meta.etag);
        summary.appeared = now.values().filter(|meta| !is_old(meta)).count() as u64;
    }
    summary.has_gone_on = Target::read(&client)?.position.is_some_and(|now| now != position);
    folder.finish()?;
    summary.requests = requests(&client, bucket.as_ref());
    Ok(summary)
}

/// The mapped folders as an export has them: the application's own where it looks for them when nobody says, whatever its configuration
/// here is, since that is not exported; others where they are below the root.
fn places_of(settings: &R2Settings) -> Result<Vec<MappedFolder>, Error> {
    let root: PathBuf = config::root().components().collect();
    let own = config::media_folders()?;
    let is_below = |relative: &&Path| relative.components().all(|part| matches!(part, Component::Normal(_)));
    let place = |folder: &MappedFolder| {
        let own = own.iter().find(|(_, dir)| *dir == folder.dir).map(|(media, _)| media.default_folder());
        let below = || folder.dir.strip_prefix(&root).ok().filter(is_below).map(Path::to_path_buf);
        let outside = || Error::Outside { path: folder.dir.clone(), root: root.clone() };
        Ok(MappedFolder { dir: own.or_else(below).ok_or_else(outside)?, prefix: folder.prefix.clone() })
    };
    settings.folders.iter().map(place).collect()
}

/// The objects that have a place as files, and the others. On a disk a name is a file or a folder; in a bucket it may be both, and then
/// the objects below it are kept.
fn places(listed: &BTreeMap<String, Meta>, unusable: Vec<String>) -> (Vec<&Meta>, Vec<LeftOut>) {
    let is_folder = |key: &str| {
        let below = format!("{key}/");
        let behind = (Bound::Included(below.as_str()), Bound::Unbounded);
        listed.range::<str, _>(behind).next().is_some_and(|(other, _)| other.starts_with(&below))
    };
    let (folders, placed): (Vec<&Meta>, Vec<&Meta>) = listed.values().partition(|meta| is_folder(&meta.key));
    let left = |reason| move |key| LeftOut { key, reason };
    let folders = folders.into_iter().map(|meta| meta.key.clone()).map(left("there are objects below it"));
    (placed, unusable.into_iter().map(left("its key can be no file's name")).chain(folders).collect())
}

/// Describes what is exported. An unfinished export is continued only if its description is the same.
fn describe_source(settings: &Settings, r2: Option<&R2Settings>) -> String {
    let Settings { account, database, .. } = settings;
    let bucket = r2.map(|r2| {
        let prefixes: Vec<&str> = r2.folders.iter().map(|folder| folder.prefix.as_str()).collect();
        format!(" and bucket {} ({})", r2.bucket, prefixes.join(", "))
    });
    format!("D1 database {database} of account {account}{}", bucket.unwrap_or_default())
}

/// Writes an image as a plain SQLite file and lets SQLite check it.
fn write_image(image: &Image, file: File, path: &Path) -> Result<(), Error> {
    let write = || {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        for number in 1..=image.page_count() {
            let number = u32::try_from(number).ok().and_then(PageNo::new);
            let page = number
                .and_then(|number| image.page(number))
                .ok_or_else(|| std::io::Error::other("a page is missing"))?;
            file.write_all(page)?;
        }
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()
    };
    write().map_err(Error::file(path))?;
    let connection = inner::file(path, OpenFlags::SQLITE_OPEN_READ_ONLY, Task::Examine)?;
    match problems(&connection, Depth::Full)?.into_iter().next() {
        Some(problem) => Err(Error::Damaged { path: path.to_path_buf(), problem }),
        None => Ok(()),
    }
}
