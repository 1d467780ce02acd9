//! The files of the mapped folders: what POSIX asks of one file, answered from what is known, else by requests to the bucket.
//! (`tree` has what changes names.)
//!
//! Order of locks: `uploading` (4), then tables (5), then an inode's state (6), then `names` (7). None but `uploading` is held during
//! a request.

use std::collections::{BTreeSet, HashMap};
use std::ffi::c_int;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use parking_lot::Mutex;

use super::errno::{Errno, Result};
use super::file::{Inode, OpenFile, State};
use super::memfd::Memfd;
use super::names::{Entry, Known, Names, Object};
use super::paths::{ObjectKey, Place, Prefix};
use super::stat::{Attributes, inode};
use super::table::Handle;
use crate::r2::{Bucket, Cache, PutMode};

/// The files of the mapped folders.
pub struct Store {
    pub(super) bucket: Bucket,
    pub(super) names: Mutex<Names>,
    /// Objects' bytes. Rank 7.
    pub(super) cache: Mutex<Cache>,
    /// Files that are open for writing, by key. Rank 5.
    pub(super) writing: Mutex<HashMap<ObjectKey, Weak<Inode>>>,
    /// Objects whose deletion waits for `rmdir`, so that removing a small tree is one request. Rank 5.
    pub(super) doomed: Mutex<BTreeSet<ObjectKey>>,
    /// How old an answer may be.
    pub(super) fresh: Duration,
}

/// What a name stands for now.
pub(super) enum Node {
    /// A file that is open for writing here.
    Open(Arc<Inode>),
    /// An object.
    File(Object),
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
    pub fn new(bucket: Bucket, cache: Cache, fresh: Duration) -> Store {
        let (names, writing, doomed) = (Mutex::default(), Mutex::default(), Mutex::default());
        Store { bucket, names, cache: Mutex::new(cache), writing, doomed, fresh }
    }

    /// Takes every lock, in their order: for `fork`.
    pub(super) fn lock_all(&self) -> impl Sized + '_ {
        (self.writing.lock(), self.doomed.lock(), self.names.lock(), self.cache.lock())
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
        let known = self.names.lock().look_up(key);
        match known {
            Known::File(object) => Ok(Node::File(object)),
            Known::Directory => Ok(Node::Directory),
            Known::Missing => Ok(self.missing(key)),
            Known::Unknown => self.ask(key),
        }
    }

    /// A name that is not among those listed. Somebody else may have made it since: that is found out in the background, in time
    /// for the next question. (A file saved now would otherwise cost a request for its name beside its upload.)
    fn missing(&self, key: &ObjectKey) -> Node {
        if self.is_directory_of_open_files(key) {
            return Node::Directory;
        }
        let listed_at = self.names.lock().listed_at(key.as_str());
        if listed_at.is_some_and(|at| at.elapsed() > self.fresh) {
            super::later::look_again(key.clone(), self.fresh);
        }
        Node::Missing
    }

    fn is_directory_of_open_files(&self, key: &ObjectKey) -> bool {
        let prefix = key.prefix();
        let writing = self.writing.lock();
        writing.iter().any(|(key, inode)| key.as_str().starts_with(prefix.as_str()) && inode.strong_count() > 0)
    }

    fn ask(&self, key: &ObjectKey) -> Result<Node> {
        if let Some(object) = self.head(key)? {
            return Ok(Node::File(object));
        }
        if self.is_directory_of_open_files(key)
            || self.bucket.has_any(key.prefix().as_str()).map_err(|e| Errno(e.errno()))?
        {
            return Ok(Node::Directory);
        }
        Ok(Node::Missing)
    }

    /// Asks the bucket for an object, and remembers the answer.
    pub(super) fn head(&self, key: &ObjectKey) -> Result<Option<Object>> {
        let found = self.bucket.head(key.as_str()).map_err(|error| Errno(error.errno()))?.map(Object::from);
        let mut names = self.names.lock();
        match &found {
            Some(object) => names.found(key, object.clone(), Instant::now()),
            None => {
                names.gone(key);
            }
        }
        Ok(found)
    }

    /// What `stat` says of a place.
    pub fn attributes(&self, place: &Place) -> Result<Attributes> {
        let Some(key) = place.key() else { return Ok(Attributes::directory(place.prefix().as_str())) };
        match self.node(key)? {
            Node::Open(inode) => inode.attributes(),
            Node::File(object) => Ok(Attributes::file(key.as_str(), object.size, object.modified)),
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
        let Some((bytes, object)) = self.bytes(key)? else {
            return match self.node(key)? {
                Node::Directory => self.open_directory(key.prefix(), flags),
                _ => Err(Errno(libc::ENOENT)),
            };
        };
        let memfd = Memfd::new(key.name(), &bytes)?;
        memfd.set_modified(object.modified)?;
        let fd = memfd.open(flags)?;
        let attributes = Attributes::file(key.as_str(), object.size, object.modified);
        Ok((fd.into_raw_fd(), Handle::File(Arc::new(OpenFile::Read { attributes }))))
    }

    /// An object's bytes, from memory if they were checked lately. `None`: there is no such object.
    pub(super) fn bytes(&self, key: &ObjectKey) -> Result<Option<(Bytes, Object)>> {
        if self.doomed.lock().contains(key) {
            return Ok(None);
        }
        let known = self.names.lock().look_up(key);
        if known == Known::Directory {
            return Ok(None);
        }
        let seen_at = self.names.lock().seen_at(key);
        if let Known::File(object) = &known
            && let Some(bytes) = self.cache.lock().get(key.as_str(), &object.etag)
        {
            if seen_at.is_none_or(|at| at.elapsed() > self.fresh) {
                super::later::look_again(key.clone(), Duration::ZERO);
            }
            self.bucket.metrics().r2_cache_hits.add(1);
            return Ok(Some((bytes, object.clone())));
        }
        let Some((bytes, meta)) = self.bucket.get(key.as_str()).map_err(|error| Errno(error.errno()))? else {
            self.names.lock().gone(key);
            return Ok(None);
        };
        let object = Object::from(meta);
        self.remember(key, object.clone(), &bytes);
        Ok(Some((bytes, object)))
    }

    /// The bucket holds these bytes under this key.
    pub(super) fn remember(&self, key: &ObjectKey, object: Object, bytes: &Bytes) {
        self.cache.lock().insert(key.as_str(), &object.etag, bytes.clone());
        self.names.lock().found(key, object, Instant::now());
    }

    fn open_to_write(&self, key: &ObjectKey, flags: c_int) -> Result<(RawFd, Handle)> {
        let (creates, must_be_new) = (flags & libc::O_CREAT != 0, flags & libc::O_EXCL != 0);
        let truncates = flags & libc::O_TRUNC != 0;
        // "w": whatever is there is replaced, so nobody has to be asked. A directory is found out from what is known.
        if creates && truncates && !must_be_new {
            if self.names.lock().look_up(key) == Known::Directory {
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
        let meta = self.bucket.put(key.as_str(), bytes.clone(), mode).map_err(|error| Errno(error.errno()))?;
        {
            let mut state = file.state.lock();
            state.stored = Some(bytes.clone());
            state.must_be_new = false;
        }
        self.remember(&key, Object::from(meta), &bytes);
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
        // SAFETY-free: the descriptor is only needed to keep `open`'s contract; the bytes are reached through the handle.
        super::close_raw(fd);
        let Handle::File(file) = handle else { return Err(Errno(libc::EISDIR)) };
        if let OpenFile::Shared { inode, .. } = &*file {
            inode.memfd.set_len(len)?;
        }
        self.closed(file)
    }

    /// The entries of a directory.
    pub fn entries(&self, place: &Place) -> Result<Vec<Entry>> {
        let prefix = place.prefix();
        self.list(&prefix)?;
        let mut entries = self.names.lock().entries(&prefix);
        let doomed = self.doomed.lock().clone();
        entries.retain(|entry| entry.is_directory || !doomed.contains(&prefix.join(&entry.name)));
        for key in self.writing.lock().iter().filter(|(_, inode)| inode.strong_count() > 0).map(|(key, _)| key) {
            if let Some(rest) = key.as_str().strip_prefix(prefix.as_str()) {
                let (name, is_directory) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
                if !entries.iter().any(|entry| entry.name == name) {
                    entries.push(Entry { name: name.to_string(), is_directory });
                }
            }
        }
        if entries.is_empty()
            && let Some(key) = place.key()
        {
            return match self.node(key)? {
                Node::Directory => Ok(entries),
                Node::Missing => Err(Errno(libc::ENOENT)),
                _ => Err(Errno(libc::ENOTDIR)),
            };
        }
        Ok(entries)
    }

    /// Makes sure that the names below a prefix are known, and not older than the refresh interval.
    pub(super) fn list(&self, prefix: &Prefix) -> Result<()> {
        if self.names.lock().is_listed(prefix, self.fresh, Instant::now()) {
            return Ok(());
        }
        let asked = Instant::now();
        let listed = self.bucket.list(prefix.as_str()).map_err(|error| Errno(error.errno()))?;
        let objects = listed.into_iter().map(|meta| (meta.key.clone(), Object::from(meta))).collect();
        self.names.lock().listed(prefix, objects, asked);
        Ok(())
    }
}

impl From<crate::r2::Meta> for Object {
    fn from(meta: crate::r2::Meta) -> Object {
        Object { size: meta.size, etag: meta.etag, modified: SystemTime::from(meta.modified) }
    }
}
