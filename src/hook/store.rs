//! The files of the mapped folders: what POSIX asks of one file, answered from what is known, else by requests to the bucket.
//! (`tree` has what changes names.)
//!
//! Order of locks: an inode's turn and `deleting` (4), then tables (5), then an inode's state (6), then what is known of names (7, 8).
//! Only those of rank 4 are held during a request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::c_int;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use super::errno::{Errno, Result};
use super::file::{Inode, OpenFile, Stored};
use super::made::{Entry, Made};
use super::memfd::{self, Memfd};
use super::paths::{ObjectKey, Paths, Place, Prefix};
use super::stat::Attributes;
use super::table::Handle;
use crate::config::Refresh;
use crate::r2::{self, Meta, Name, Objects, PutMode};

/// The longest name of a file, as on a disk.
const NAME_BYTES: usize = 255;
/// The longest key; R2's documentation, "Limits".
const KEY_BYTES: usize = 1024;

/// The files of the mapped folders.
pub struct Store {
    pub(super) objects: Objects,
    /// The mapped folders' prefixes: directories that are always there.
    roots: Vec<String>,
    /// Directories without files. Rank 7.
    pub(super) made: Mutex<Made>,
    /// Files that are open here, by key. Rank 5.
    pub(super) open: Mutex<HashMap<ObjectKey, Weak<Inode>>>,
    /// Objects whose deletion waits for `rmdir`, so that removing a small tree is one request. Rank 5.
    pub(super) doomed: Mutex<BTreeSet<ObjectKey>>,
    /// Held while doomed objects are deleted. Rank 4.
    pub(super) deleting: Mutex<()>,
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
    pub fn new(objects: Objects, paths: Paths, refresh: Refresh) -> Store {
        Store {
            objects,
            roots: paths.prefixes().map(str::to_owned).collect(),
            made: Mutex::new(Made::new(paths, refresh)),
            open: Mutex::default(),
            doomed: Mutex::default(),
            deleting: Mutex::default(),
        }
    }

    /// Takes every lock that is never held during a request, in their order: for `fork`.
    pub(super) fn lock_all(&self) -> impl Sized + '_ {
        (self.open.lock(), self.doomed.lock(), self.made.lock(), self.objects.lock())
    }

    /// In a child made by `fork`: what waits for its deletion is the parent's to delete.
    pub(super) fn forked(&self) {
        self.doomed.lock().clear();
        for inode in self.open.lock().values().filter_map(Weak::upgrade) {
            inode.forked();
        }
    }

    /// A file that was open before there was a store: this process has inherited it.
    pub(super) fn inherited(&self, inode: &Arc<Inode>) {
        let key = inode.state.lock().key.clone();
        if let Some(key) = key {
            remember(&mut self.open.lock(), &key, inode);
        }
    }

    fn open_file(&self, key: &ObjectKey) -> Option<Arc<Inode>> {
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

    /// What a name stands for, by a request when it is not known.
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
        if self.doomed.lock().contains(key) {
            return Ok(Node::Missing);
        }
        match self.objects.stat(key.as_str()) {
            Ok(meta) => Ok(Node::File(meta)),
            Err(r2::Error::NotFound { .. }) if self.made.lock().has(&prefix) => Ok(Node::Directory),
            Err(r2::Error::NotFound { .. }) if self.any_below(&prefix)? => {
                self.made.lock().saw(&prefix);
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
            || (self.made.lock().has(prefix) && !self.is_known_file(prefix.folder()))
    }

    /// Whether the bucket had a file of this name when it was last asked. (Also where a directory stands on the disk: another machine's.)
    pub(super) fn is_known_file(&self, key: &str) -> bool {
        matches!(self.objects.known_name(key), Name::Present { .. })
            && !self.doomed.lock().contains(&ObjectKey::listed(key.to_owned()))
    }

    /// A child process has begun, or has ended: it may have written anything.
    pub fn others_write(&self) {
        self.made.lock().share();
        self.objects.others_write();
    }

    fn any_below(&self, prefix: &Prefix) -> Result<bool> {
        Ok(self.objects.any_below(prefix.folder())?)
    }

    /// Why there is nothing of this name: ENOTDIR below a file, else ENOENT.
    pub(super) fn absent(&self, key: &ObjectKey) -> Errno {
        let is_file = |key: &ObjectKey| {
            self.open_for_writing(key).is_some()
                || matches!(self.objects.known_name(key.as_str()), Name::Present { .. })
                    && !self.doomed.lock().contains(key)
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
    pub fn attributes(&self, place: &Place) -> Result<Attributes> {
        let Some(key) = place.key() else { return Ok(Attributes::directory(place.prefix().as_str())) };
        match self.node(key)? {
            Node::Directory => Ok(Attributes::directory(place.prefix().as_str())),
            Node::Missing => Err(self.absent(key)),
            Node::Open(_) | Node::File(_) if place.says_folder() => Err(Errno(libc::ENOTDIR)),
            Node::Open(inode) => inode.attributes(),
            Node::File(meta) => Ok(Attributes::file(key.as_str(), meta.size, meta.modified)),
        }
    }

    /// Opens a place. The descriptor is the caller's to register.
    pub fn open(&self, place: &Place, flags: c_int) -> Result<(RawFd, Handle)> {
        if flags & libc::O_TMPFILE == libc::O_TMPFILE {
            return Err(Errno(libc::EOPNOTSUPP)); // Python's tempfile then takes a name instead
        }
        let Some(key) = place.key() else { return open_directory(place.prefix(), flags) };
        if place.says_folder() && flags & libc::O_CREAT != 0 {
            return Err(Errno(libc::EISDIR));
        }
        if place.says_folder() || flags & libc::O_DIRECTORY != 0 {
            return match self.node(key)? {
                Node::Directory => open_directory(key.prefix(), flags),
                Node::Missing => Err(self.absent(key)),
                Node::Open(_) | Node::File(_) => Err(Errno(libc::ENOTDIR)),
            };
        }
        if let Some(inode) = self.open_for_writing(key) {
            return open_shared(inode, flags);
        }
        if reads_only(flags) && flags & libc::O_CREAT == 0 {
            self.open_to_read(key, flags)
        } else {
            self.open_to_write(key, flags)
        }
    }

    fn open_to_read(&self, key: &ObjectKey, flags: c_int) -> Result<(RawFd, Handle)> {
        match self.bytes(key)? {
            Some((bytes, meta)) => open_shared(self.stored_inode(key, bytes, &meta)?, flags),
            None => match self.node(key)? {
                Node::Directory => open_directory(key.prefix(), flags),
                _ => Err(self.absent(key)),
            },
        }
    }

    /// An object's bytes. `None`: there is no such object.
    pub(super) fn bytes(&self, key: &ObjectKey) -> Result<Option<(Bytes, Meta)>> {
        match check_name(key) {
            Err(Errno(libc::EINVAL)) => return Ok(None),
            other => other?,
        }
        if self.doomed.lock().contains(key) || self.is_known_directory(&key.prefix()) {
            return Ok(None);
        }
        // That a name is absent is only believed for `stat`: a program started a moment ago may have made the file to be read now.
        let is_absent = matches!(self.objects.known_name(key.as_str()), Name::Absent { fresh: true });
        let read = if is_absent { self.objects.read_anew(key.as_str()) } else { self.objects.read(key.as_str()) };
        match read {
            Ok(read) => Ok(Some(read)),
            Err(r2::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn open_to_write(&self, key: &ObjectKey, flags: c_int) -> Result<(RawFd, Handle)> {
        let (creates, must_be_new) = (flags & libc::O_CREAT != 0, flags & libc::O_EXCL != 0);
        let truncates = flags & libc::O_TRUNC != 0;
        if creates && must_be_new {
            return match self.node(key)? {
                Node::Missing => {
                    self.check_new(key)?;
                    self.open_new(key, true, flags)
                }
                _ => Err(Errno(libc::EEXIST)),
            };
        }
        // "w": whatever is there is replaced, so nobody has to be asked. A directory is found out from what is known.
        if creates && truncates {
            if self.is_known_directory(&key.prefix()) {
                return Err(Errno(libc::EISDIR));
            }
            self.check_new(key)?;
            return self.open_new(key, false, flags);
        }
        if let Some((bytes, meta)) = self.bytes(key)? {
            return open_shared(self.stored_inode(key, bytes, &meta)?, flags);
        }
        match self.node(key)? {
            Node::Directory => Err(Errno(libc::EISDIR)),
            _ if creates => {
                self.check_new(key)?;
                self.open_new(key, false, flags)
            }
            _ => Err(self.absent(key)),
        }
    }

    /// The open file of an object: all who have this version of it open share one.
    fn stored_inode(&self, key: &ObjectKey, bytes: Bytes, meta: &Meta) -> Result<Arc<Inode>> {
        let is_this = |inode: &Arc<Inode>| inode.is_written() || inode.is_version(&meta.etag);
        if let Some(inode) = self.open_file(key).filter(is_this) {
            return Ok(inode);
        }
        let memfd = Memfd::new(key.name(), &bytes)?;
        memfd.set_modified(meta.modified)?;
        let stored = Stored::Object { bytes, etag: meta.etag.clone() };
        let made = Arc::new(Inode::new(memfd, key.clone(), stored, false));
        let mut open = self.open.lock();
        // Another thread may have opened it meanwhile.
        if let Some(other) = open.get(key).and_then(Weak::upgrade).filter(is_this) {
            return Ok(other);
        }
        remember(&mut open, key, &made);
        Ok(made)
    }

    /// Opens a file that is empty, whatever the bucket has under its name.
    fn open_new(&self, key: &ObjectKey, must_be_new: bool, flags: c_int) -> Result<(RawFd, Handle)> {
        let was_doomed = self.spare(key);
        let memfd = Memfd::new(key.name(), &[])?;
        let made = Arc::new(Inode::new(memfd, key.clone(), Stored::Nothing, must_be_new && !was_doomed));
        let shared = {
            let mut open = self.open.lock();
            match open.get(key).and_then(Weak::upgrade) {
                // Another thread was first.
                Some(other) if must_be_new && (other.is_written() || other.is_unstored()) => {
                    return Err(Errno(libc::EEXIST));
                }
                // Who has it open already sees it emptied and written, as on a disk.
                Some(other) if !must_be_new => {
                    other.state.lock().stored = Stored::Nothing;
                    other
                }
                // It was so much faster that it has closed the file already.
                _ if must_be_new && !was_doomed && self.is_known_object(key) => return Err(Errno(libc::EEXIST)),
                _ => {
                    remember(&mut open, key, &made);
                    made
                }
            }
        };
        open_shared(shared, flags & !libc::O_EXCL)
    }

    fn is_known_object(&self, key: &ObjectKey) -> bool {
        matches!(self.objects.known_name(key.as_str()), Name::Present { .. })
    }

    /// A name is used again: an object of that name that waits for its deletion is replaced instead. Whether there was one.
    pub(super) fn spare(&self, key: &ObjectKey) -> bool {
        if !self.doomed.lock().contains(key) {
            return false;
        }
        // A deletion that is on its way must have arrived before anything new does.
        let _turn = self.deleting.lock();
        self.doomed.lock().remove(key)
    }

    /// Puts a file's bytes into the bucket if they have changed. `fsync`, and the last `close` of a file open for writing.
    pub fn flush(&self, file: &Inode) -> Result<()> {
        let _turn = file.turn();
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
        let meta = self.objects.write(key.as_str(), bytes.clone(), mode)?;
        let mut state = file.state.lock();
        state.stored = Stored::Object { bytes, etag: meta.etag };
        state.must_be_new = false;
        Ok(())
    }

    /// The last descriptor of an open file was closed.
    pub fn closed(&self, file: Arc<OpenFile>) -> Result<()> {
        if file.is_ours_to_put() { self.flush(&file.inode) } else { Ok(()) }
    }

    /// Sets a file's length by its path.
    pub fn truncate(&self, place: &Place, len: u64) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EISDIR))?;
        check_name(key)?;
        let (fd, handle) = self.open(place, libc::O_WRONLY | libc::O_CLOEXEC)?;
        // The bytes are reached through the handle.
        super::close_raw(fd);
        let Handle::File(file) = handle else { return Err(Errno(libc::EISDIR)) };
        file.inode.memfd.set_len(len)?;
        self.closed(file)
    }

    /// The entries of a directory, by name.
    pub fn entries(&self, place: &Place) -> Result<Vec<Entry>> {
        let prefix = place.prefix();
        let mut entries = self.listed(&prefix)?;
        let doomed = self.doomed.lock().clone();
        entries.retain(|name, is_directory| *is_directory || !doomed.contains(&prefix.join(name)));
        entries.extend(self.made.lock().names_in(&prefix).into_iter().map(|name| (name, true)));
        for key in self.written_below(&prefix) {
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
                Node::Missing => return Err(self.absent(key)),
                Node::Open(_) | Node::File(_) => return Err(Errno(libc::ENOTDIR)),
            }
        }
        Ok(entries.into_iter().map(|(name, is_directory)| Entry { name, is_directory }).collect())
    }

    /// Names directly below a prefix, and whether they are directories. All that lies below is listed at once: from then on every
    /// name there is known, down to the thumbnails of the images.
    fn listed(&self, prefix: &Prefix) -> Result<BTreeMap<String, bool>> {
        let name = |key: &str| key.strip_prefix(prefix.as_str()).unwrap_or(key).to_string();
        let is_ours = self.made.lock().is_private(&prefix.join("x"));
        if let Some(level) = self.objects.known_level(prefix.folder(), is_ours) {
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

fn remember(open: &mut HashMap<ObjectKey, Weak<Inode>>, key: &ObjectKey, inode: &Arc<Inode>) {
    open.retain(|_, inode| inode.strong_count() > 0);
    open.insert(key.clone(), Arc::downgrade(inode));
}

fn open_directory(prefix: Prefix, flags: c_int) -> Result<(RawFd, Handle)> {
    if !reads_only(flags) || flags & libc::O_CREAT != 0 {
        return Err(Errno(libc::EISDIR));
    }
    Ok((memfd::directory(flags)?.into_raw_fd(), Handle::Directory(prefix)))
}

fn open_shared(inode: Arc<Inode>, flags: c_int) -> Result<(RawFd, Handle)> {
    if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 {
        return Err(Errno(libc::EEXIST));
    }
    let fd = inode.memfd.open(flags)?;
    let writes = !reads_only(flags) || flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
    Ok((fd.into_raw_fd(), Handle::File(Arc::new(OpenFile::new(inode, writes)))))
}
