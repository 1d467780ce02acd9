//! The files of the mapped folders: what POSIX asks of one file, answered from what is known, else by requests to the bucket.
//! (`tree` has what changes names.)
//!
//! Order of locks: `uploading` (4), then tables (5), then an inode's state (6), then what is known of names (7, 8). None but `uploading` is held during
//! a request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::c_int;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use super::errno::{Errno, Result};
use super::file::{Inode, OpenFile, State};
use super::made::{Entry, Made};
use super::memfd::Memfd;
use super::paths::{ObjectKey, Place, Prefix};
use super::stat::{Attributes, inode};
use super::table::Handle;
use crate::r2::{self, Meta, Objects, PutMode};

/// The files of the mapped folders.
pub struct Store {
    pub(super) objects: Objects,
    /// Directories made here. Rank 7.
    pub(super) made: Mutex<Made>,
    /// Files that are open for writing, by key. Rank 5.
    pub(super) writing: Mutex<HashMap<ObjectKey, Weak<Inode>>>,
    /// Objects whose deletion waits for `rmdir`, so that removing a small tree is one request. Rank 5.
    pub(super) doomed: Mutex<BTreeSet<ObjectKey>>,
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

fn reads_only(flags: c_int) -> bool {
    flags & libc::O_ACCMODE == libc::O_RDONLY
}

impl Store {
    /// The files of this bucket.
    pub fn new(objects: Objects) -> Store {
        Store { objects, made: Mutex::default(), writing: Mutex::default(), doomed: Mutex::default() }
    }

    /// Takes every lock, in their order: for `fork`.
    pub(super) fn lock_all(&self) -> impl Sized + '_ {
        (self.writing.lock(), self.doomed.lock(), self.made.lock(), self.objects.lock())
    }

    /// A file that is open for writing here.
    pub(super) fn open_for_writing(&self, key: &ObjectKey) -> Option<Arc<Inode>> {
        self.writing.lock().get(key)?.upgrade()
    }

    /// What a name stands for, by a request when it is not known.
    pub(super) fn node(&self, key: &ObjectKey) -> Result<Node> {
        if let Some(inode) = self.open_for_writing(key) {
            return Ok(Node::Open(inode));
        }
        if self.doomed.lock().contains(key) {
            return Ok(Node::Missing);
        }
        if self.is_known_directory(&key.prefix()) {
            return Ok(Node::Directory);
        }
        match self.objects.stat(key.as_str()) {
            Ok(meta) => Ok(Node::File(meta)),
            Err(r2::Error::NotFound { .. }) if self.any_below(&key.prefix())? => Ok(Node::Directory),
            Err(r2::Error::NotFound { .. }) => Ok(Node::Missing),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a directory is known to be there, without asking.
    pub(super) fn is_known_directory(&self, prefix: &Prefix) -> bool {
        let is_open = |(key, inode): (&ObjectKey, &Weak<Inode>)| {
            key.as_str().starts_with(prefix.as_str()) && inode.strong_count() > 0
        };
        self.made.lock().has(prefix)
            || self.objects.known_below(prefix.folder()) == Some(true)
            || self.writing.lock().iter().any(is_open)
    }

    fn any_below(&self, prefix: &Prefix) -> Result<bool> {
        Ok(self.objects.any_below(prefix.folder())?)
    }

    /// What `stat` says of a place.
    pub fn attributes(&self, place: &Place) -> Result<Attributes> {
        let Some(key) = place.key() else { return Ok(Attributes::directory(place.prefix().as_str())) };
        match self.node(key)? {
            Node::Open(inode) => inode.attributes(),
            Node::File(meta) => Ok(Attributes::file(key.as_str(), meta.size, meta.modified)),
            Node::Directory => Ok(Attributes::directory(place.prefix().as_str())),
            Node::Missing => Err(Errno(libc::ENOENT)),
        }
    }

    /// Opens a place. The descriptor is the caller's to register.
    pub fn open(&self, place: &Place, flags: c_int) -> Result<(RawFd, Handle)> {
        if flags & libc::O_TMPFILE == libc::O_TMPFILE {
            return Err(Errno(libc::EOPNOTSUPP)); // Python's tempfile then takes a name instead
        }
        let Some(key) = place.key() else { return self.open_directory(place.prefix(), flags) };
        if flags & libc::O_DIRECTORY != 0 {
            return match self.node(key)? {
                Node::Directory => self.open_directory(key.prefix(), flags),
                Node::Missing => Err(Errno(libc::ENOENT)),
                _ => Err(Errno(libc::ENOTDIR)),
            };
        }
        if let Some(inode) = self.open_for_writing(key) {
            return self.open_shared(inode, flags);
        }
        if reads_only(flags) && flags & libc::O_CREAT == 0 {
            self.open_to_read(key, flags)
        } else {
            self.open_to_write(key, flags)
        }
    }

    fn open_directory(&self, prefix: Prefix, flags: c_int) -> Result<(RawFd, Handle)> {
        if !reads_only(flags) || flags & libc::O_CREAT != 0 {
            return Err(Errno(libc::EISDIR));
        }
        // A descriptor needs some open file behind it; what it stands for is in the table.
        let fd = Memfd::new("liteflare directory", &[])?.open(flags & libc::O_CLOEXEC)?;
        Ok((fd.into_raw_fd(), Handle::Directory(prefix)))
    }

    fn open_to_read(&self, key: &ObjectKey, flags: c_int) -> Result<(RawFd, Handle)> {
        let Some((bytes, meta)) = self.bytes(key)? else {
            return match self.node(key)? {
                Node::Directory => self.open_directory(key.prefix(), flags),
                _ => Err(Errno(libc::ENOENT)),
            };
        };
        let memfd = Memfd::new(key.name(), &bytes)?;
        memfd.set_modified(meta.modified)?;
        let fd = memfd.open(flags)?;
        let attributes = Attributes::file(key.as_str(), meta.size, meta.modified);
        Ok((fd.into_raw_fd(), Handle::File(Arc::new(OpenFile::Read { attributes }))))
    }

    /// An object's bytes. `None`: there is no such object.
    pub(super) fn bytes(&self, key: &ObjectKey) -> Result<Option<(Bytes, Meta)>> {
        if self.doomed.lock().contains(key) || self.is_known_directory(&key.prefix()) {
            return Ok(None);
        }
        match self.objects.read(key.as_str()) {
            Ok(read) => Ok(Some(read)),
            Err(r2::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn open_to_write(&self, key: &ObjectKey, flags: c_int) -> Result<(RawFd, Handle)> {
        let (creates, must_be_new) = (flags & libc::O_CREAT != 0, flags & libc::O_EXCL != 0);
        let truncates = flags & libc::O_TRUNC != 0;
        // "w": whatever is there is replaced, so nobody has to be asked. A directory is found out from what is known.
        if creates && truncates && !must_be_new {
            if self.is_known_directory(&key.prefix()) {
                return Err(Errno(libc::EISDIR));
            }
            return self.open_new(key, None, false, flags);
        }
        if creates && must_be_new {
            return match self.node(key)? {
                Node::Missing => self.open_new(key, None, true, flags),
                _ => Err(Errno(libc::EEXIST)),
            };
        }
        match self.bytes(key)? {
            Some((bytes, _)) => self.open_new(key, Some(bytes), false, flags),
            None => match self.node(key)? {
                Node::Directory => Err(Errno(libc::EISDIR)),
                _ if creates => self.open_new(key, None, false, flags),
                _ => Err(Errno(libc::ENOENT)),
            },
        }
    }

    fn open_new(
        &self,
        key: &ObjectKey,
        stored: Option<Bytes>,
        must_be_new: bool,
        flags: c_int,
    ) -> Result<(RawFd, Handle)> {
        self.doomed.lock().remove(key);
        let truncates = flags & libc::O_TRUNC != 0;
        let content = stored.as_ref().filter(|_| !truncates).map_or(&[][..], |bytes| &bytes[..]);
        let made = Arc::new(Inode {
            memfd: Memfd::new(key.name(), content)?,
            pid: std::process::id(),
            state: Mutex::new(State { key: Some(key.clone()), stored, must_be_new, inode: inode(key.as_str()) }),
            uploading: Mutex::new(()),
        });
        let shared = {
            let mut writing = self.writing.lock();
            writing.retain(|_, inode| inode.strong_count() > 0);
            // Another thread may have opened it meanwhile: both share one file then.
            match writing.get(key).and_then(Weak::upgrade) {
                Some(other) => other,
                None => {
                    writing.insert(key.clone(), Arc::downgrade(&made));
                    made
                }
            }
        };
        self.open_shared(shared, flags & !libc::O_EXCL)
    }

    fn open_shared(&self, inode: Arc<Inode>, flags: c_int) -> Result<(RawFd, Handle)> {
        if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 {
            return Err(Errno(libc::EEXIST));
        }
        let fd = inode.memfd.open(flags)?;
        let file = OpenFile::Shared { inode, writes: !reads_only(flags) || flags & libc::O_CREAT != 0 };
        Ok((fd.into_raw_fd(), Handle::File(Arc::new(file))))
    }

    /// Puts a file's bytes into the bucket if they have changed. `fsync`, and the last `close` of a file open for writing.
    pub fn flush(&self, file: &Inode) -> Result<()> {
        if file.pid != std::process::id() {
            return Ok(()); // inherited by `fork`: the parent's to put
        }
        let _turn = file.uploading.lock();
        let (key, must_be_new) = {
            let state = file.state.lock();
            (state.key.clone(), state.must_be_new)
        };
        let Some(key) = key else { return Ok(()) };
        if !file.is_changed()? {
            return Ok(());
        }
        let bytes = Bytes::from(file.memfd.read()?);
        let mode = if must_be_new { PutMode::Create } else { PutMode::Overwrite };
        self.objects.write(key.as_str(), bytes.clone(), mode)?;
        let mut state = file.state.lock();
        state.stored = Some(bytes);
        state.must_be_new = false;
        Ok(())
    }

    /// The last descriptor of an open file was closed.
    pub fn closed(&self, file: Arc<OpenFile>) -> Result<()> {
        let OpenFile::Shared { inode, writes } = &*file else { return Ok(()) };
        let done = if *writes { self.flush(inode) } else { Ok(()) };
        let key = inode.state.lock().key.clone();
        let mut writing = self.writing.lock();
        // Two counts are ours: `inode`, by way of `file`. Whoever else has the file open keeps it in the table.
        if let Some(key) = key
            && Arc::strong_count(inode) == 1
        {
            writing.remove(&key);
        }
        done
    }

    /// Sets a file's length by its path.
    pub fn truncate(&self, place: &Place, len: u64) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EISDIR))?;
        let (fd, handle) = self.open(&Place::Below(key.clone()), libc::O_WRONLY | libc::O_CLOEXEC)?;
        // The bytes are reached through the handle.
        super::close_raw(fd);
        let Handle::File(file) = handle else { return Err(Errno(libc::EISDIR)) };
        if let OpenFile::Shared { inode, .. } = &*file {
            inode.memfd.set_len(len)?;
        }
        self.closed(file)
    }

    /// The entries of a directory, by name.
    pub fn entries(&self, place: &Place) -> Result<Vec<Entry>> {
        let prefix = place.prefix();
        let mut entries = self.listed(&prefix)?;
        let doomed = self.doomed.lock().clone();
        entries.retain(|name, is_directory| *is_directory || !doomed.contains(&prefix.join(name)));
        entries.extend(self.made.lock().names_in(&prefix).into_iter().map(|name| (name, true)));
        for (key, _) in self.writing.lock().iter().filter(|(_, inode)| inode.strong_count() > 0) {
            if let Some(rest) = key.as_str().strip_prefix(prefix.as_str()) {
                let (name, is_directory) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
                entries.insert(name.to_string(), is_directory);
            }
        }
        if entries.is_empty()
            && let Some(key) = place.key()
        {
            match self.node(key)? {
                Node::Directory => {}
                Node::Missing => return Err(Errno(libc::ENOENT)),
                Node::Open(_) | Node::File(_) => return Err(Errno(libc::ENOTDIR)),
            }
        }
        Ok(entries.into_iter().map(|(name, is_directory)| Entry { name, is_directory }).collect())
    }

    /// Names directly below a prefix, and whether they are directories. All that lies below is listed at once: from then on every
    /// name there is known, down to the thumbnails of the images.
    fn listed(&self, prefix: &Prefix) -> Result<BTreeMap<String, bool>> {
        let name = |key: &str| key.strip_prefix(prefix.as_str()).unwrap_or(key).to_string();
        if let Some(level) = self.objects.known_level(prefix.folder()) {
            let folders = level.folders.iter().map(|folder| (name(folder), true));
            return Ok(folders.chain(level.objects.iter().map(|meta| (name(&meta.key), false))).collect());
        }
        let below = self.objects.list(prefix.folder())?;
        let split = below.iter().map(|meta| match name(&meta.key).split_once('/') {
            Some((folder, _)) => (folder.to_string(), true),
            None => (name(&meta.key), false),
        });
        Ok(split.collect())
    }
}
