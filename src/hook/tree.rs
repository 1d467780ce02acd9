//! What changes names: making and removing directories, deleting and renaming.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::errno::{Errno, Result};
use super::file::Inode;
use super::paths::{ObjectKey, Place, Prefix};
use super::store::{Node, Store};
use crate::r2::{Name, PutMode};

/// A directory with more files than this is not renamed: each takes a copy and a delete. `mv` then copies file by file.
const RENAMED_FILES: usize = 1_000;

impl Store {
    /// Makes a directory, without a request: a bucket has no directories, only keys with `/` in them.
    pub fn mkdir(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EEXIST))?;
        let prefix = key.prefix();
        let known = self.objects.known_name(key.as_str());
        let is_file = self.open_for_writing(key).is_some() || matches!(known, Name::Present { fresh: true, .. });
        if is_file || self.is_known_directory(&prefix) {
            return Err(Errno(libc::EEXIST));
        }
        // Known to be new only if a listing says so; nobody is asked.
        let is_new = matches!(known, Name::Absent { .. }) && self.objects.known_below(prefix.folder()) == Some(false);
        self.made.lock().make(&prefix, is_new);
        Ok(())
    }

    /// Removes an empty directory.
    pub fn rmdir(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EBUSY))?;
        match self.node(key)? {
            Node::Directory => {}
            Node::Missing => return Err(Errno(libc::ENOENT)),
            Node::Open(_) | Node::File(_) => return Err(Errno(libc::ENOTDIR)),
        }
        let prefix = key.prefix();
        self.delete_doomed_where(|key| key.as_str().starts_with(prefix.as_str()))?;
        if !self.is_empty(place)? {
            return Err(Errno(libc::ENOTEMPTY));
        }
        let mut made = self.made.lock();
        made.remove(&prefix);
        made.keep_parent(key);
        Ok(())
    }

    /// Whether a directory has no entry. One that was made here, and is known to no one else, is not asked for.
    fn is_empty(&self, place: &Place) -> Result<bool> {
        let prefix = place.prefix();
        let is_known_empty = self.objects.known_below(prefix.folder()) == Some(false);
        if is_known_empty && self.made.lock().is_private(&prefix.join("x")) {
            let writing = self.writing.lock();
            let has_open = writing
                .iter()
                .any(|(key, inode)| key.as_str().starts_with(prefix.as_str()) && inode.strong_count() > 0);
            return Ok(!has_open && self.made.lock().names_in(&prefix).is_empty());
        }
        Ok(self.entries(place)?.is_empty())
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
        let is_private = self.made.lock().is_private(key);
        if is_private {
            // Whoever empties a directory is about to remove it: one request deletes all of it then.
            self.doomed.lock().insert(key.clone());
            super::later::delete_doomed();
        } else {
            self.objects.delete(&[key.as_str()])?;
        }
        self.made.lock().keep_parent(key);
        Ok(())
    }

    /// Deletes what waits for it.
    pub(super) fn delete_doomed_where(&self, which: impl Fn(&ObjectKey) -> bool) -> Result<()> {
        let keys: Vec<ObjectKey> = self.doomed.lock().iter().filter(|key| which(key)).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = keys.iter().map(ObjectKey::as_str).collect();
        self.objects.delete(&names)?;
        let mut doomed = self.doomed.lock();
        for key in &keys {
            doomed.remove(key);
        }
        Ok(())
    }

    /// Renames within the bucket.
    pub fn rename(&self, from: &Place, to: &Place, replaces: bool) -> Result<()> {
        let (Some(from), Some(to)) = (from.key(), to.key()) else { return Err(Errno(libc::EBUSY)) };
        let source = self.node(from)?;
        if from == to && !matches!(source, Node::Missing) {
            return Ok(());
        }
        if !replaces && !matches!(self.node(to)?, Node::Missing) {
            return Err(Errno(libc::EEXIST));
        }
        match source {
            Node::Missing => Err(Errno(libc::ENOENT)),
            Node::Directory => self.rename_directory(from, to),
            Node::Open(inode) => self.rename_open(&inode, from, to),
            Node::File(_) => {
                self.make_way(to)?;
                self.move_object(from, to)
            }
        }
    }

    /// A file that is open for writing takes its new name at once; what the bucket has of it follows.
    fn rename_open(&self, inode: &Arc<Inode>, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        self.make_way(to)?;
        let _turn = inode.uploading.lock();
        let is_stored = inode.state.lock().stored.is_some();
        if is_stored {
            self.move_object(from, to)?;
        }
        inode.state.lock().key = Some(to.clone());
        let mut writing = self.writing.lock();
        writing.remove(from);
        writing.insert(to.clone(), Arc::downgrade(inode));
        Ok(())
    }

    /// What a name stood for is about to be replaced: whoever has the old file open keeps it, as on a disk.
    fn make_way(&self, key: &ObjectKey) -> Result<()> {
        if self.is_known_directory(&key.prefix()) {
            return Err(Errno(libc::EISDIR));
        }
        if let Some(old) = self.writing.lock().remove(key).and_then(|inode| inode.upgrade()) {
            old.state.lock().key = None;
        }
        self.doomed.lock().remove(key);
        Ok(())
    }

    /// A copy made by the server, then a delete: should we die in between, both are there and nothing is lost.
    fn move_object(&self, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        self.objects.rename(from.as_str(), to.as_str())?;
        self.made.lock().keep_parent(from);
        Ok(())
    }

    fn rename_directory(&self, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        let (old, new) = (from.prefix(), to.prefix());
        if new.as_str().starts_with(old.as_str()) {
            return Err(Errno(libc::EINVAL));
        }
        match self.node(to)? {
            Node::Missing => {}
            Node::Directory if self.is_empty(&Place::Below(to.clone()))? => {}
            Node::Directory => return Err(Errno(libc::ENOTEMPTY)),
            Node::Open(_) | Node::File(_) => return Err(Errno(libc::ENOTDIR)),
        }
        self.delete_doomed_where(|key| key.as_str().starts_with(old.as_str()))?;
        let keys: Vec<String> = self.objects.list(old.folder())?.into_iter().map(|meta| meta.key).collect();
        if keys.len() > RENAMED_FILES {
            return Err(Errno(libc::EXDEV));
        }
        self.made.lock().make(&new, false);
        for key in keys {
            let target = new.join(&key[old.as_str().len()..]);
            self.move_object(&ObjectKey::listed(key), &target)?;
        }
        for (key, inode) in self.take_writing_below(&old) {
            let target = new.join(&key.as_str()[old.as_str().len()..]);
            inode.state.lock().key = Some(target.clone());
            self.writing.lock().insert(target, Arc::downgrade(&inode));
        }
        let mut made = self.made.lock();
        made.remove(&old);
        made.rename(&old, &new);
        made.keep_parent(from);
        Ok(())
    }

    fn take_writing_below(&self, prefix: &Prefix) -> Vec<(ObjectKey, Arc<Inode>)> {
        let mut writing = self.writing.lock();
        let is_below = |key: &&ObjectKey| key.as_str().starts_with(prefix.as_str());
        let below: Vec<ObjectKey> = writing.keys().filter(is_below).cloned().collect();
        below.into_iter().filter_map(|key| Some((key.clone(), writing.remove(&key)?.upgrade()?))).collect()
    }

    /// Moves a local file into the bucket.
    pub fn import(&self, from: &Path, to: &Place, replaces: bool) -> Result<()> {
        let key = to.key().ok_or(Errno(libc::EISDIR))?;
        if !from.symlink_metadata()?.is_file() {
            return Err(Errno(libc::EXDEV)); // `shutil.move` and `mv` then copy file by file
        }
        if !replaces && !matches!(self.node(key)?, Node::Missing) {
            return Err(Errno(libc::EEXIST));
        }
        self.make_way(key)?;
        let bytes = Bytes::from(std::fs::read(from)?);
        let mode = if replaces { PutMode::Overwrite } else { PutMode::Create };
        self.objects.write(key.as_str(), bytes, mode)?;
        Ok(std::fs::remove_file(from)?)
    }

    /// Moves a file of the bucket to a local path.
    pub fn export(&self, from: &Place, to: &Path) -> Result<()> {
        let key = from.key().ok_or(Errno(libc::EBUSY))?;
        match self.node(key)? {
            Node::Open(inode) => self.flush(&inode)?,
            Node::Directory => return Err(Errno(libc::EXDEV)),
            Node::File(_) | Node::Missing => {}
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
