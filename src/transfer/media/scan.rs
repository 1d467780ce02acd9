//! Finds the files in the mapped folders.
//!
//! Symbolic links are followed as long as they stay in the root, or in a folder that is mapped from elsewhere: a root that comes from
//! somebody else may link to any file of this machine, and what is sent to the bucket has left it. Whoever keeps folders on another disk
//! says so; a root that brings its own secrets cannot have it said. Names that begin with a dot are included: they may be the application's journals (`invokeai::JOURNAL`). Empty folders are left
//! out: the application creates those it needs.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::{MappedFolder, Root};
use crate::local_file;
use crate::r2;
use crate::transfer::Error;

/// A file and the key it has in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalFile {
    /// Index of its mapped folder.
    folder: usize,
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    /// Which file of the machine it is: the path may lead to another one later.
    identity: Identity,
}

/// Device and inode.
type Identity = (u64, u64);

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

impl LocalFile {
    pub(crate) fn path(&self, folders: &[MappedFolder]) -> PathBuf {
        let folder = &folders[self.folder];
        let below = self.key.strip_prefix(&folder.prefix).unwrap_or_default();
        folder.dir.join(below.trim_start_matches('/'))
    }

    /// Opens the file. Refuses one that has changed since the folders were scanned, or another in its place.
    pub(crate) fn open(&self, path: &Path) -> Result<File, Error> {
        let file = match local_file::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::Changed { path: path.to_path_buf() }),
            opened => opened.map_err(Error::file(path)),
        }?;
        self.unchanged(&file, path)?;
        Ok(file)
    }

    /// Refuses an open file that has changed.
    pub(crate) fn unchanged(&self, file: &File, path: &Path) -> Result<(), Error> {
        let now = file.metadata().map_err(Error::file(path))?;
        let modified = now.modified().map_err(Error::file(path))?;
        let same = (now.len(), modified, identity(&now)) == (self.size, self.modified, self.identity);
        if same { Ok(()) } else { Err(Error::Changed { path: path.to_path_buf() }) }
    }
}

/// What the mapped folders hold.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// All files, sorted by key.
    pub(crate) files: Vec<LocalFile>,
    /// Symbolic links that lead elsewhere, which were not followed.
    pub(crate) links: Vec<PathBuf>,
}

/// Where symbolic links may lead; `None`: anywhere.
#[derive(Clone, Copy)]
pub(crate) struct Links<'l> {
    /// One that leads out of there is an error.
    pub(crate) confined: Option<&'l Root>,
    /// One that leads out of there is left out.
    pub(crate) within: Option<&'l Path>,
}

/// Scans `folders`. A folder that does not exist has no files.
pub(crate) fn scan(folders: &[MappedFolder], links: Links<'_>) -> Result<Found, Error> {
    let Links { confined, within } = links;
    let mut found = Found::default();
    for (number, folder) in folders.iter().enumerate() {
        let metadata = match fs::metadata(&folder.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata.map_err(Error::file(&folder.dir))?,
        };
        if !metadata.is_dir() {
            return Err(Error::Special { path: folder.dir.clone() });
        }
        // A folder that is mapped from elsewhere was named by whoever runs this, and not by the root.
        let within = within.map(|root| if folder.dir.starts_with(root) { root } else { &folder.dir });
        let within = within.map(real).transpose()?;
        let mut scan = FolderScan { number, confined, within, found: &mut found };
        if scan.leads_out(&folder.dir)? {
            scan.found.links.push(folder.dir.clone());
        } else {
            scan.folder(&folder.dir, &folder.prefix, &mut BTreeSet::from([identity(&metadata)]))?;
        }
    }
    found.files.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

struct FolderScan<'f> {
    number: usize,
    confined: Option<&'f Root>,
    /// Where links may lead, itself without links; `None`: anywhere.
    within: Option<PathBuf>,
    found: &'f mut Found,
}

impl FolderScan<'_> {
    /// `above`: the folders that this one is in, to detect links that form a cycle.
    fn folder(&mut self, dir: &Path, prefix: &str, above: &mut BTreeSet<Identity>) -> Result<(), Error> {
        for entry in fs::read_dir(dir).map_err(Error::file(dir))? {
            let entry = entry.map_err(Error::file(dir))?;
            let path = entry.path();
            let key = format!("{prefix}/{}", name(&path)?);
            let found = fs::metadata(&path).map_err(Error::file(&path))?;
            let is_link = entry.file_type().map_err(Error::file(&path))?.is_symlink();
            if let Some(root) = self.confined.filter(|_| is_link) {
                root.check(&path)?;
            }
            if is_link && self.leads_out(&path)? {
                self.found.links.push(path);
            } else if found.is_dir() {
                let this = identity(&found);
                if !above.insert(this) {
                    let reason = "it is a link to a folder that it is in".to_owned();
                    return Err(Error::Name { path, reason });
                }
                self.folder(&path, &key, above)?;
                above.remove(&this);
            } else if found.is_file() {
                r2::check_key(&key).map_err(|error| Error::Name { path: path.clone(), reason: error.to_string() })?;
                let modified = found.modified().map_err(Error::file(&path))?;
                let (size, identity) = (found.len(), identity(&found));
                self.found.files.push(LocalFile { folder: self.number, key, size, modified, identity });
            } else {
                return Err(Error::Special { path });
            }
        }
        Ok(())
    }

    fn leads_out(&self, path: &Path) -> Result<bool, Error> {
        let Some(within) = &self.within else { return Ok(false) };
        Ok(!real(path)?.starts_with(within))
    }
}

fn real(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(Error::file(path))
}

/// A file's name as part of a key. Refuses names that the path hook could not map back to the file.
fn name(path: &Path) -> Result<&str, Error> {
    let wrong = |reason: &str| Error::Name { path: path.to_path_buf(), reason: reason.to_owned() };
    let name = path.file_name().unwrap_or_default().to_str().ok_or_else(|| wrong("it is not UTF-8"))?;
    if name.bytes().any(|byte| byte.is_ascii_control()) { Err(wrong("it has a control character")) } else { Ok(name) }
}
