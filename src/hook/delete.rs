//! Deleting files. Whoever has a deleted file open keeps it, without a name, as on a disk.

use std::sync::Weak;

use super::errno::{Errno, Result};
use super::file::{Begun, Inode, Stored};
use super::paths::{ObjectKey, Place};
use super::store::{Node, Store};
use crate::r2::Name;

impl Store {
    /// Deletes a file.
    pub(crate) fn unlink(&self, place: &Place) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EISDIR))?;
        // What was there once is deleted without asking: if another process was first, there is nothing left to do.
        let is_file = self.open_for_writing(key).is_none() && self.is_known_file(key.as_str());
        let node = if is_file && !self.is_known_directory(&key.prefix()) { None } else { Some(self.node(key)?) };
        match node {
            Some(Node::Directory) => Err(Errno(libc::EISDIR)),
            Some(Node::Missing) => Err(self.absent(key)),
            _ if place.says_folder() => Err(Errno(libc::ENOTDIR)),
            None | Some(Node::File(_)) => {
                self.detach(key);
                self.delete(key)
            }
            Some(Node::Open(inode)) => {
                let _turn = inode.turn();
                let is_stored = self.may_be_stored(key, &inode);
                self.let_go(key, &inode);
                if is_stored { self.delete(key) } else { Ok(()) }
            }
        }
    }

    /// Whether the bucket may have an object under the key of a file that is open for writing: this file, or the one it replaces.
    pub(super) fn may_be_stored(&self, key: &ObjectKey, inode: &Inode) -> bool {
        let state = inode.state.lock();
        match state.stored {
            Stored::Object { .. } | Stored::Large { .. } | Stored::Before(_) => true,
            Stored::Nothing if state.begun == Begun::New => false,
            Stored::Nothing => !matches!(self.objects.known_name(key.as_str()), Name::Absent { fresh: true }),
        }
    }

    /// Whoever has the file of this name open keeps it, without a name.
    pub(super) fn detach(&self, key: &ObjectKey) {
        let open = self.open.lock().get(key).and_then(Weak::upgrade);
        if let Some(inode) = open {
            let _turn = inode.turn();
            self.let_go(key, &inode);
        }
    }

    pub(super) fn let_go(&self, key: &ObjectKey, inode: &Inode) {
        self.open.lock().remove(key);
        inode.state.lock().key = None;
    }

    fn delete(&self, key: &ObjectKey) -> Result<()> {
        let is_private = self.directories.lock().is_private(key);
        if is_private {
            // Whoever empties a directory is about to remove it: one request deletes all of it then.
            self.deferred.add(key.clone());
        } else {
            self.objects.delete(&[key.as_str()])?;
        }
        self.directories.lock().keep_parent(key);
        Ok(())
    }
}
