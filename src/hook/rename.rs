//! Renaming: within the bucket, and between the bucket and the disk.

use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use super::errno::{Errno, Result};
use super::file::{Inode, Stored};
use super::paths::{ObjectKey, Place, Prefix};
use super::store::{Node, Store, check_name};
use crate::local_file;
use crate::r2::{self, Content, HELD_BYTES, Meta, PutMode};

/// A directory with more files than this is not renamed: each takes a copy and a delete. `mv` then copies file by file.
const RENAMED_FILES: usize = 1_000;

impl Store {
    /// Renames within the bucket.
    pub(crate) fn rename(&self, from: &Place, to: &Place, replaces: bool) -> Result<()> {
        let (Some(source), Some(target)) = (from.key(), to.key()) else { return Err(Errno(libc::EBUSY)) };
        let node = self.node(source)?;
        // In the kernel's order: the directories of both names first.
        if matches!(node, Node::Missing) {
            self.check_new(source)?;
        }
        self.check_new(target)?;
        let is_file = matches!(node, Node::Open(_) | Node::File(_));
        if matches!(node, Node::Missing) {
            return Err(Errno(libc::ENOENT));
        }
        if source.as_str().starts_with(target.prefix().as_str()) {
            return Err(Errno(libc::ENOTEMPTY));
        }
        if target.as_str().starts_with(source.prefix().as_str()) {
            return Err(Errno(libc::EINVAL));
        }
        if is_file && (from.says_folder() || to.says_folder()) {
            return Err(Errno(libc::ENOTDIR));
        }
        if !replaces && !matches!(self.node(target)?, Node::Missing) {
            return Err(Errno(libc::EEXIST));
        }
        if source == target {
            return Ok(());
        }
        match node {
            Node::Directory => self.rename_directory(source, target),
            Node::Open(inode) => self.rename_open(&inode, source, target),
            Node::File(_) | Node::Missing => {
                self.make_way(target)?;
                self.move_object(source, target)?;
                self.reopen_as(source, target);
                Ok(())
            }
        }
    }

    /// A file that is open for writing takes its new name at once; what the bucket has of it follows.
    fn rename_open(&self, inode: &Arc<Inode>, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        self.make_way(to)?;
        let _turn = inode.turn();
        let is_object = !matches!(inode.state.lock().stored, Stored::Nothing);
        if is_object {
            self.move_object(from, to)?;
        } else if self.may_be_stored(from, inode) {
            self.objects.delete(&[from.as_str()])?; // an older file that this one was to replace
        }
        self.reopen_as(from, to);
        self.directories.lock().keep_parent(from);
        Ok(())
    }

    /// An open file goes by another name.
    fn reopen_as(&self, from: &ObjectKey, to: &ObjectKey) {
        let mut open = self.open.lock();
        let Some(inode) = open.remove(from) else { return };
        open.insert(to.clone(), inode.clone());
        drop(open);
        if let Some(inode) = inode.upgrade() {
            inode.renamed(to.clone());
        }
    }

    /// Something is about to be replaced: whoever has the old file open keeps it, as on a disk.
    fn make_way(&self, key: &ObjectKey) -> Result<()> {
        if self.is_known_directory(&key.prefix()) {
            return Err(Errno(libc::EISDIR));
        }
        self.detach(key);
        self.deferred.cancel(key);
        Ok(())
    }

    /// A copy within R2, then a deletion: if the process dies in between, both are there and nothing is lost.
    fn move_object(&self, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        self.objects.rename(from.as_str(), to.as_str())?;
        self.directories.lock().keep_parent(from);
        Ok(())
    }

    fn rename_directory(&self, from: &ObjectKey, to: &ObjectKey) -> Result<()> {
        let (old, new) = (from.prefix(), to.prefix());
        let is_below = |prefix: &Prefix, key: &ObjectKey| key.as_str().starts_with(prefix.as_str());
        self.deferred.delete_where(|key| is_below(&old, key) || is_below(&new, key) || key == to)?;
        match self.node(to)? {
            Node::Missing => {}
            Node::Directory if self.is_empty(&Place::Below(to.clone()))? => {}
            Node::Directory => return Err(Errno(libc::ENOTEMPTY)),
            Node::Open(_) | Node::File(_) => return Err(Errno(libc::ENOTDIR)),
        }
        let keys: Vec<String> = self.objects.list(old.folder())?.into_iter().map(|meta| meta.key).collect();
        if keys.len() > RENAMED_FILES {
            return Err(Errno(libc::EXDEV));
        }
        for key in keys {
            let target = new.join(&key[old.as_str().len()..]);
            self.move_object(&ObjectKey::listed(key), &target)?;
        }
        for (key, inode) in self.open_below(&old) {
            let _turn = inode.turn();
            self.reopen_as(&key, &new.join(&key.as_str()[old.as_str().len()..]));
        }
        let mut made = self.directories.lock();
        made.rename(&old, &new);
        made.keep_parent(from);
        Ok(())
    }

    fn open_below(&self, prefix: &Prefix) -> Vec<(ObjectKey, Arc<Inode>)> {
        let open = self.open.lock();
        let below = open.iter().filter(|(key, _)| key.as_str().starts_with(prefix.as_str()));
        below.filter_map(|(key, inode)| Some((key.clone(), inode.upgrade()?))).collect()
    }

    /// Moves a local file into the bucket.
    pub(crate) fn import(&self, from: &Path, to: &Place, replaces: bool) -> Result<()> {
        let key = to.key().ok_or(Errno(libc::EISDIR))?;
        if !from.symlink_metadata()?.is_file() {
            return Err(Errno(libc::EXDEV)); // `shutil.move` and `mv` then copy file by file
        }
        if to.says_folder() {
            return Err(Errno(libc::ENOTDIR));
        }
        self.check_new(key)?;
        if !replaces && !matches!(self.node(key)?, Node::Missing) {
            return Err(Errno(libc::EEXIST));
        }
        self.make_way(key)?;
        let (mut file, mode) = (local_file::open(from)?, if replaces { PutMode::Overwrite } else { PutMode::Create });
        let size = file.metadata()?.len();
        if size > HELD_BYTES && replaces {
            self.objects.write_from(key.as_str(), Arc::new(file), size, mode)?;
        } else {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            self.objects.write(key.as_str(), bytes.into(), mode)?;
        }
        Ok(std::fs::remove_file(from)?)
    }

    /// Moves a file of the bucket to a local path.
    pub(crate) fn export(&self, from: &Place, to: &Path, replaces: bool) -> Result<()> {
        let key = from.key().ok_or(Errno(libc::EBUSY))?;
        check_name(key)?;
        match self.node(key)? {
            Node::Directory => return Err(Errno(libc::EXDEV)),
            Node::Missing => return Err(self.absent(key)),
            Node::Open(_) | Node::File(_) if from.says_folder() => return Err(Errno(libc::ENOTDIR)),
            Node::Open(inode) => self.flush(&inode)?,
            Node::File(_) => {}
        }
        if !replaces && to.symlink_metadata().is_ok() {
            return Err(Errno(libc::EEXIST));
        }
        self.put_in_place(to, key)?;
        self.unlink(from)
    }

    /// Writes an object into a new file, a large one past the memory. The file gets its name once it is complete.
    fn put_in_place(&self, path: &Path, key: &ObjectKey) -> Result<()> {
        let mut file = local_file::beside(path, 0o666)?; // as for any file
        let (target, shown) = (file.as_file().try_clone()?, path.to_owned());
        let empty = move |meta: &Meta| {
            // An earlier attempt may have written into it.
            let emptied = target.set_len(0).and_then(|()| (&target).rewind()).and_then(|()| target.try_clone());
            emptied.map_err(|error| {
                let reason = format!("cannot be written into {}: {error}", shown.display());
                r2::Error::does_not_fit(meta, &reason, error.raw_os_error().unwrap_or(libc::EIO))
            })
        };
        let (content, meta) = self.content_in(key, empty)?.ok_or(Errno(libc::ENOENT))?;
        if let Content::Held(bytes) = content {
            file.write_all(&bytes)?;
        }
        file.as_file().set_modified(meta.modified)?;
        file.persist(path).map_err(|failed| failed.error)?;
        Ok(())
    }
}
