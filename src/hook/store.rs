//! The files of the mapped folders: what a name stands for, answered from what is known or by a request to the bucket. The operations
//! stand above, in `open`, `upload`, `delete`, `rename` and `folders`.
//!
//! Order of locks: an inode's turn and `Deferred::deleting` (4), then tables (5), then an inode's state (6), then what is known of
//! names (7, 8). Only those of rank 4 are held during a request.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::deferred::Deferred;
use super::directories::Directories;
use super::errno::{Errno, Result};
use super::file::Inode;
use super::memfd::Memfd;
use super::paths::{ObjectKey, Paths, Place, Prefix};
use super::stat::Attributes;
use crate::config::Refresh;
use crate::lock::Mutex;
use crate::r2::{self, Content, Meta, Name, Objects, Sink};

/// The longest name of a file, as on a disk.
const NAME_BYTES: usize = 255;
/// The longest key; R2's documentation, "Limits".
const KEY_BYTES: usize = 1024;

/// The files of the mapped folders.
pub(crate) struct Store {
    /// Which bucket of all there are.
    pub(super) bucket: String,
    pub(super) objects: Arc<Objects>,
    /// The mapped folders' prefixes: directories that are always there.
    roots: Vec<String>,
    /// Directories without files. Rank 7.
    pub(super) directories: Mutex<Directories, 7>,
    /// Files that are open here, by key. Rank 5.
    pub(super) open: Mutex<HashMap<ObjectKey, Weak<Inode>>, 5>,
    /// Deletions that wait for others.
    pub(super) deferred: Arc<Deferred>,
}

/// What a name stands for now.
pub(super) enum Node {
    /// A file that is open for writing here.
    Open(Arc<Inode>),
    /// An object.
    File(Meta),
    /// A directory.
    Directory,
    /// Nothing.
    Missing,
}

/// Refuses a name that no file can have: too long for a disk or for R2, or with characters that S3's listings cannot carry.
pub(super) fn check_name(key: &ObjectKey) -> Result<()> {
    let key = key.as_str();
    if key.len() > KEY_BYTES || key.split('/').any(|name| name.len() > NAME_BYTES) {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    if key.bytes().any(|byte| byte.is_ascii_control()) { Err(Errno(libc::EINVAL)) } else { Ok(()) }
}

impl Store {
    /// The files of this bucket in the mapped folders.
    pub(crate) fn new(bucket: String, objects: Objects, paths: Paths, refresh: Refresh) -> Store {
        let objects = Arc::new(objects);
        Store {
            bucket,
            roots: paths.prefixes().map(str::to_owned).collect(),
            directories: Mutex::new(Directories::new(paths, refresh)),
            open: Mutex::default(),
            deferred: Arc::new(Deferred::new(Arc::clone(&objects))),
            objects,
        }
    }

    /// For `fork`: takes, in their order, the locks that are never held during a request.
    pub(super) fn lock_all(&self) -> impl Sized + '_ {
        (self.open.lock(), self.deferred.lock(), self.directories.lock(), self.objects.lock())
    }

    /// In a child made by `fork`.
    pub(super) fn forked(&self) {
        self.deferred.forked();
        for inode in self.open.lock().values().filter_map(Weak::upgrade) {
            inode.forked();
            inode.share();
        }
    }

    /// A file that this process has inherited, and so had open before there was a store.
    pub(super) fn inherited(&self, inode: &Arc<Inode>) {
        let key = inode.state.lock().key.clone();
        if let Some(key) = key {
            remember(&mut self.open.lock(), &key, inode);
        }
    }

    /// The file that is open here under this key.
    pub(super) fn open_file(&self, key: &ObjectKey) -> Option<Arc<Inode>> {
        self.open.lock().get(key)?.upgrade()
    }

    /// A file that is open for writing here.
    pub(super) fn open_for_writing(&self, key: &ObjectKey) -> Option<Arc<Inode>> {
        self.open_file(key).filter(|inode| inode.is_written())
    }

    /// The keys of files that are open for writing and lie below a prefix.
    pub(super) fn written_below(&self, prefix: &Prefix) -> Vec<ObjectKey> {
        let open = self.open.lock();
        let is_written = |inode: &Weak<Inode>| inode.upgrade().is_some_and(|inode| inode.is_written());
        open.iter()
            .filter(|(key, inode)| key.as_str().starts_with(prefix.as_str()) && is_written(inode))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// What a name stands for; asks the bucket if that is not known.
    pub(super) fn node(&self, key: &ObjectKey) -> Result<Node> {
        match check_name(key) {
            Err(Errno(libc::EINVAL)) => return Ok(Node::Missing), // nothing of that name can be there
            other => other?,
        }
        if let Some(inode) = self.open_for_writing(key) {
            return Ok(Node::Open(inode));
        }
        let prefix = key.prefix();
        if self.is_known_directory(&prefix) {
            return Ok(Node::Directory);
        }
        if self.deferred.has(key) {
            return Ok(Node::Missing);
        }
        match self.objects.stat(key.as_str()) {
            Ok(meta) => Ok(Node::File(meta)),
            Err(r2::Error::NotFound { .. }) if self.directories.lock().has(&prefix) => Ok(Node::Directory),
            Err(r2::Error::NotFound { .. }) if self.any_below(&prefix)? => {
                self.directories.lock().saw(&prefix);
                Ok(Node::Directory)
            }
            Err(r2::Error::NotFound { .. }) => Ok(Node::Missing),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a directory is known to be there, without asking.
    pub(super) fn is_known_directory(&self, prefix: &Prefix) -> bool {
        self.roots.iter().any(|root| root == prefix.folder())
            || self.objects.known_below(prefix.folder()) == Some(true)
            || !self.written_below(prefix).is_empty()
            || (self.directories.lock().has(prefix) && !self.is_known_file(prefix.folder()))
    }

    /// Whether the bucket had a file of this name when it was last asked. (There may be one even where the disk has a directory of that
    /// name: another machine has made it.)
    pub(super) fn is_known_file(&self, key: &str) -> bool {
        matches!(self.objects.known_name(key), Name::Present { .. })
            && !self.deferred.has(&ObjectKey::listed(key.to_owned()))
    }

    /// A child process has begun, or has ended: it may have written anything.
    pub(crate) fn others_write(&self) {
        self.directories.lock().share();
        self.objects.others_write();
    }

    fn any_below(&self, prefix: &Prefix) -> Result<bool> {
        Ok(self.objects.any_below(prefix.folder())?)
    }

    /// Why there is nothing of this name: ENOTDIR below a file, else ENOENT.
    pub(super) fn absent(&self, key: &ObjectKey) -> Errno {
        let is_file = |key: &ObjectKey| {
            self.open_for_writing(key).is_some()
                || matches!(self.objects.known_name(key.as_str()), Name::Present { .. }) && !self.deferred.has(key)
        };
        let mut above = key.parent();
        while let Some(key) = above.filter(|key| !self.is_known_directory(&key.prefix())) {
            if is_file(&key) {
                return Errno(libc::ENOTDIR);
            }
            above = key.parent();
        }
        Errno(libc::ENOENT)
    }

    /// Refuses a new name that cannot be made: an impossible one, or one in a directory that is not there.
    pub(super) fn check_new(&self, key: &ObjectKey) -> Result<()> {
        check_name(key)?;
        let Some(parent) = key.parent() else { return Ok(()) };
        match self.node(&parent)? {
            Node::Directory => Ok(()),
            Node::Missing => Err(self.absent(&parent)),
            Node::Open(_) | Node::File(_) => Err(Errno(libc::ENOTDIR)),
        }
    }

    /// What `stat` says of a place.
    pub(crate) fn attributes(&self, place: &Place) -> Result<Attributes> {
        let Some(key) = place.key() else { return Ok(Attributes::directory(place.prefix().as_str())) };
        match self.node(key)? {
            Node::Directory => Ok(Attributes::directory(place.prefix().as_str())),
            Node::Missing => Err(self.absent(key)),
            Node::Open(_) | Node::File(_) if place.says_folder() => Err(Errno(libc::ENOTDIR)),
            Node::Open(inode) => inode.attributes(),
            Node::File(meta) => Ok(Attributes::file(key.as_str(), meta.size, meta.modified)),
        }
    }

    /// An object's bytes, a large one's in a file in memory. `None`: there is no such object.
    pub(super) fn content(&self, key: &ObjectKey) -> Result<Option<(Content<Memfd>, Meta)>> {
        self.content_in(key, Store::file_for(key))
    }

    /// Makes the file in memory for a large object.
    pub(super) fn file_for(
        key: &ObjectKey,
    ) -> impl Fn(&Meta) -> std::result::Result<Memfd, r2::Error> + Send + Sync + 'static {
        let name = key.name().to_owned();
        move |meta| Memfd::for_object(&name, meta)
    }

    /// The same, a large one's in what `make` gives.
    pub(super) fn content_in<S: Sink>(
        &self,
        key: &ObjectKey,
        make: impl Fn(&Meta) -> std::result::Result<S, r2::Error> + Send + Sync + 'static,
    ) -> Result<Option<(Content<S>, Meta)>> {
        match check_name(key) {
            Err(Errno(libc::EINVAL)) => return Ok(None),
            other => other?,
        }
        if self.deferred.has(key) || self.is_known_directory(&key.prefix()) {
            return Ok(None);
        }
        // Only `stat` believes that a name is absent: a program that was started a moment ago may just have made the file.
        let is_absent = matches!(self.objects.known_name(key.as_str()), Name::Absent { fresh: true });
        let fetched = match is_absent {
            true => self.objects.fetch_anew(key.as_str(), make),
            false => self.objects.fetch(key.as_str(), make),
        };
        match fetched {
            Ok(read) => Ok(Some(read)),
            Err(r2::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// An open file is found by its key from now on.
pub(super) fn remember(open: &mut HashMap<ObjectKey, Weak<Inode>>, key: &ObjectKey, inode: &Arc<Inode>) {
    open.retain(|_, inode| inode.strong_count() > 0);
    open.insert(key.clone(), Arc::downgrade(inode));
}
