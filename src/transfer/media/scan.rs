//! What is in the mapped folders.
//!
//! Symbolic links are followed, to files and to folders: people keep large folders on another disk. Everything is taken along, also what
//! begins with a dot: such names may be the application's journals (`invokeai::JOURNAL`). Empty folders are not; the application makes
//! those it needs.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::MappedFolder;
use crate::r2;
use crate::transfer::Error;

/// A file and the key it has in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// The mapped folder's number.
    folder: usize,
    /// Its key.
    pub key: String,
    /// Its bytes.
    pub size: u64,
    /// When it was changed.
    pub modified: SystemTime,
}

impl LocalFile {
    /// Where it is.
    pub fn path(&self, folders: &[MappedFolder]) -> PathBuf {
        let folder = &folders[self.folder];
        let below = self.key.strip_prefix(&folder.prefix).unwrap_or_default();
        folder.dir.join(below.trim_start_matches('/'))
    }
}

/// All files in `folders`, by key. A folder that is not there has none.
pub fn scan(folders: &[MappedFolder]) -> Result<Vec<LocalFile>, Error> {
    let mut files = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        match fs::metadata(&folder.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::file(&folder.dir)(error)),
            Ok(found) if !found.is_dir() => return Err(Error::Special { path: folder.dir.clone() }),
            Ok(found) => {
                let mut above = BTreeSet::from([(found.dev(), found.ino())]);
                Scan { number, files: &mut files }.folder(&folder.dir, &folder.prefix, &mut above)?;
            }
        }
    }
    files.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(files)
}

struct Scan<'f> {
    number: usize,
    files: &'f mut Vec<LocalFile>,
}

impl Scan<'_> {
    /// `above`: the folders on the way here, so that a link to one of them is found.
    fn folder(&mut self, dir: &Path, prefix: &str, above: &mut BTreeSet<(u64, u64)>) -> Result<(), Error> {
        for entry in fs::read_dir(dir).map_err(Error::file(dir))? {
            let path = entry.map_err(Error::file(dir))?.path();
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

/// The name of a file as part of a key: what the path hook would find again under it.
fn name(path: &Path) -> Result<&str, Error> {
    let wrong = |reason: &str| Error::Name { path: path.to_path_buf(), reason: reason.to_owned() };
    let name = path.file_name().unwrap_or_default().to_str().ok_or_else(|| wrong("it is not UTF-8"))?;
    if name.bytes().any(|byte| byte.is_ascii_control()) { Err(wrong("it has a control character")) } else { Ok(name) }
}
