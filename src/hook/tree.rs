//! What changes names: making and removing directories, deleting and renaming.

use std::path::Path;
use std::time::Instant;

use bytes::Bytes;

use super::errno::{Errno, Result};
use super::names::Known;
use super::paths::{ObjectKey, Place, Prefix};
use super::store::{Node, Store};
use crate::r2::PutMode;

/// A directory with more files than this is not renamed: each takes a copy and a delete. `mv` then copies file by file.
const RENAMED_FILES: usize = 1_000;

impl Store {
    /// Makes a directory, without a request: a bucket has no directories, only keys with `/` in them.
    pub fn mkdir(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EEXIST))?;
        let known =
            if self.open_for_writing(key).is_some() { Known::Directory } else { self.names.lock().look_up(key) };
        match known {
            Known::File(_) | Known::Directory => Err(Errno(libc::EEXIST)),
            Known::Missing | Known::Unknown => {
                self.names.lock().make(key, Instant::now());
                Ok(())
            }
        }
    }

    /// Removes an empty directory.
    pub fn rmdir(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EBUSY))?;
        match self.node(key)? {
            Node::Directory => {}
            Node::Missing => return Err(Errno(libc::ENOENT)),
            _ => return Err(Errno(libc::ENOTDIR)),
        }
        let prefix = key.prefix();
        self.delete_doomed(&prefix)?;
        // A directory that was made here and that nobody was told of needs no second look.
        if !self.entries(place)?.is_empty() {
            return Err(Errno(libc::ENOTEMPTY));
        }
        let mut names = self.names.lock();
        names.remove(&prefix);
        names.keep_parent(key);
        Ok(())
    }

    /// Deletes a file.
    pub fn unlink(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EISDIR))?;
        match self.node(key)? {
            Node::Open(inode) => {
                let _turn = inode.uploading.lock();
                let is_stored = {
                    let mut state = inode.state.lock();
                    state.key = None;
                    state.stored.is_some()
                };
                self.writing.lock().remove(key);
                if is_stored { self.delete(key) } else { Ok(()) }
            }
            Node::File(_) => self.delete(key),
            Node::Directory => Err(Errno(libc::EISDIR)),
            Node::Missing => Err(Errno(libc::ENOENT)),
        }
    }

    fn delete(&self, key: &ObjectKey) -> Result<()> {
        let parent = key.as_str().rsplit_once('/').map(|(parent, _)| format!("{parent}/"));
        let in_made_directory = parent.is_some_and(|parent| self.names.lock().is_made_here(&parent));
        if in_made_directory {
            // Whoever empties a directory is about to remove it: one request deletes all of it then.
            self.doomed.lock().insert(key.clone());
            super::later::delete_doomed();
        } else {
            self.bucket.delete(&[key.as_str()]).map_err(|error| Errno(error.errno()))?;
        }
        self.forget(key);
        Ok(())
    }

    fn forget(&self, key: &ObjectKey) {
        let mut names = self.names.lock();
        names.gone(key);
        names.keep_parent(key);
        self.cache.lock().remove(key.as_str());
    }

    /// Deletes what waits for it below `prefix`.
    pub(super) fn delete_doomed(&self, prefix: &Prefix) -> Result<()> {
        self.delete_doomed_where(|key| key.as_str().starts_with(prefix.as_str()))
    }

    /// Deletes what waits for it.
    pub(super) fn delete_doomed_where(&self, which: impl Fn(&ObjectKey) -> bool) -> Result<()> {
        let keys: Vec<ObjectKey> = self.doomed.lock().iter().filter(|key| which(key)).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = keys.iter().map(ObjectKey::as_str).collect();
        self.bucket.delete(&names).map_err(|error| Errno(error.errno()))?;
        let mut doomed = self.doomed.lock();
        keys.iter().for_each(|key| {
            doomed.remove(key);
        });
        Ok(())
    }

    /// Renames within the bucket.
    pub fn rename(&self, from: &Place, to: &Place, replaces: bool) -> Result<()> {
        let (Some(from), Some(to)) = (from.key(), to.key()) else { return Err(Errno(libc::EBUSY)) };
        if from == to {
            return Ok(());
        }
        let source = self.node(from)?;
        if !replaces && !matches!(self.node(to)?, Node::Missing) {
            return Err(Errno(libc::EEXIST));
        }
        match source {
            Node::Missing => Err(Errno(libc::ENOENT)),
            Node::Directory => self.rename_directory(from, to),
            Node::Open(inode) => {
                self.must_not_be_directory(to)?;
                let _turn = inode.uploading.lock();
                let is_stored = {
                    let mut state = inode.state.lock();
                    state.key = Some(to.clone());
                    state.stored.is_some()
                };
                {
                    let mut writing = self.writing.lock();
                    writing.remove(from);
                    writing.insert(to.clone(), std::sync::Arc::downgrade(&inode));
                }
                if is_stored { self.move_object(from, to) } else { Ok(()) }
            }
            Node::File(_) => {
                self.must_not_be_directory(to)?;
                self.move_object(from, to)
            }
        }
    }

    fn must_not_be_directory(&self, key: &ObjectKey) -> Result<()> {
        let known = self.names.lock().look_up(key);
        if known == Known::Directory { Err(Errno(libc::EISDIR)) } else { Ok(()) }
    }

    /// A copy made by the server, then a delete: should we die in between, both are there and nothing is lost.
    fn move_object(&self, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        self.doomed.lock().remove(to);
        let meta = self.bucket.copy(from.as_str(), to.as_str()).map_err(|error| Errno(error.errno()))?;
        let Some(meta) = meta else {
            self.forget(from);
            return Err(Errno(libc::ENOENT));
        };
        self.bucket.delete(&[from.as_str()]).map_err(|error| Errno(error.errno()))?;
        self.cache.lock().rename(from.as_str(), to.as_str(), &meta.etag);
        self.names.lock().found(to, meta.into(), Instant::now());
        self.forget(from);
        Ok(())
    }

    fn rename_directory(&self, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        let (old, new) = (from.prefix(), to.prefix());
        if new.as_str().starts_with(old.as_str()) {
            return Err(Errno(libc::EINVAL));
        }
        match self.node(to)? {
            Node::Missing => {}
            Node::Directory if self.entries(&Place::Below(to.clone()))?.is_empty() => {}
            Node::Directory => return Err(Errno(libc::ENOTEMPTY)),
            _ => return Err(Errno(libc::ENOTDIR)),
        }
        self.list(&old)?;
        let keys: Vec<String> = self.names.lock().below(&old).map(|(key, _)| key.clone()).collect();
        if keys.len() > RENAMED_FILES {
            return Err(Errno(libc::EXDEV));
        }
        self.names.lock().make(to, Instant::now());
        for key in keys {
            let target = new.join(&key[old.as_str().len()..]);
            self.move_object(&ObjectKey::listed(key), &target)?;
        }
        for (key, inode) in self.take_writing_below(&old) {
            let target = new.join(&key.as_str()[old.as_str().len()..]);
            inode.state.lock().key = Some(target.clone());
            self.writing.lock().insert(target, std::sync::Arc::downgrade(&inode));
        }
        self.names.lock().rename_directories(&old, &new);
        Ok(())
    }

    fn take_writing_below(&self, prefix: &Prefix) -> Vec<(ObjectKey, std::sync::Arc<super::file::Inode>)> {
        let mut writing = self.writing.lock();
        let below: Vec<ObjectKey> =
            writing.keys().filter(|key| key.as_str().starts_with(prefix.as_str())).cloned().collect();
        below.into_iter().filter_map(|key| Some((key.clone(), writing.remove(&key)?.upgrade()?))).collect()
    }

    /// Moves a local file into the bucket.
    pub fn import(&self, from: &Path, to: &Place, replaces: bool) -> Result<()> {
        let key = to.key().ok_or(Errno(libc::EISDIR))?;
        if from.symlink_metadata()?.is_dir() {
            return Err(Errno(libc::EXDEV)); // `shutil.move` and `mv` then copy file by file
        }
        self.must_not_be_directory(key)?;
        if !replaces && !matches!(self.node(key)?, Node::Missing) {
            return Err(Errno(libc::EEXIST));
        }
        let bytes = Bytes::from(std::fs::read(from)?);
        if let Some(inode) = self.open_for_writing(key) {
            inode.state.lock().key = None; // as on a disk: who has the old file open keeps it
            self.writing.lock().remove(key);
        }
        self.doomed.lock().remove(key);
        let mode = if replaces { PutMode::Overwrite } else { PutMode::Create };
        let meta = self.bucket.put(key.as_str(), bytes.clone(), mode).map_err(|error| Errno(error.errno()))?;
        self.remember(key, meta.into(), &bytes);
        Ok(std::fs::remove_file(from)?)
    }

    /// Moves a file of the bucket to a local path.
    pub fn export(&self, from: &Place, to: &Path) -> Result<()> {
        let key = from.key().ok_or(Errno(libc::EBUSY))?;
        match self.node(key)? {
            Node::Open(inode) => self.flush(&inode)?,
            Node::Directory => return Err(Errno(libc::EXDEV)),
            _ => {}
        }
        let (bytes, _) = self.bytes(key)?.ok_or(Errno(libc::ENOENT))?;
        // Under its name only when it is whole.
        let mut temporary = to.as_os_str().to_os_string();
        temporary.push(".liteflare-part");
        std::fs::write(&temporary, &bytes)?;
        std::fs::rename(&temporary, to)?;
        self.unlink(from)
    }
}
