//! Finds the files in the mapped folders.
//!
//! Symbolic links to files and folders are followed, because people keep large folders on another disk; but not out of a root that
//! brings its own secrets. Names that begin with a dot are
//! included: they may be the application's journals (`invokeai::JOURNAL`). Empty folders are left out: the application creates those it
//! needs.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::{MappedFolder, Root};
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
}

impl LocalFile {
    pub(crate) fn path(&self, folders: &[MappedFolder]) -> PathBuf {
        let folder = &folders[self.folder];
        let below = self.key.strip_prefix(&folder.prefix).unwrap_or_default();
        folder.dir.join(below.trim_start_matches('/'))
    }
}

/// All files in `folders`, sorted by key. A folder that does not exist has none.
///
/// `within`: no link may lead out of there.
pub(crate) fn scan(folders: &[MappedFolder], within: Option<&Root>) -> Result<Vec<LocalFile>, Error> {
    let mut files = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        match fs::metadata(&folder.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::file(&folder.dir)(error)),
            Ok(found) if !found.is_dir() => return Err(Error::Special { path: folder.dir.clone() }),
            Ok(found) => {
                let mut above = BTreeSet::from([(found.dev(), found.ino())]);
                FolderScan { number, within, files: &mut files }.folder(&folder.dir, &folder.prefix, &mut above)?;
            }
        }
    }
    files.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(files)
}

struct FolderScan<'f> {
    number: usize,
    within: Option<&'f Root>,
    files: &'f mut Vec<LocalFile>,
}

impl FolderScan<'_> {
    /// `above`: the folders that this one is in, to detect links that form a cycle.
    fn folder(&mut self, dir: &Path, prefix: &str, above: &mut BTreeSet<(u64, u64)>) -> Result<(), Error> {
        for entry in fs::read_dir(dir).map_err(Error::file(dir))? {
            let entry = entry.map_err(Error::file(dir))?;
            let path = entry.path();
            if let Some(within) = self.within.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_symlink())) {
                within.check(&path)?;
            }
            let key = format!("{prefix}/{}", name(&path)?);
            let found = fs::metadata(&path).map_err(Error::file(&path))?;
            if found.is_dir() {
                let this = (found.dev(), found.ino());
                if !above.insert(this) {
                    let reason = "it is a link to a folder that it is in".to_owned();
                    return Err(Error::Name { path, reason });
                }
                self.folder(&path, &key, above)?;
                above.remove(&this);
            } else if found.is_file() {
                r2::check_key(&key).map_err(|error| Error::Name { path: path.clone(), reason: error.to_string() })?;
                let modified = found.modified().map_err(Error::file(&path))?;
                self.files.push(LocalFile { folder: self.number, key, size: found.len(), modified });
            } else {
                return Err(Error::Special { path });
            }
        }
        Ok(())
    }
}

/// A file's name as part of a key. Refuses names that the path hook could not map back to the file.
fn name(path: &Path) -> Result<&str, Error> {
    let wrong = |reason: &str| Error::Name { path: path.to_path_buf(), reason: reason.to_owned() };
    let name = path.file_name().unwrap_or_default().to_str().ok_or_else(|| wrong("it is not UTF-8"))?;
    if name.bytes().any(|byte| byte.is_ascii_control()) { Err(wrong("it has a control character")) } else { Ok(name) }
}
