//! Opening what a place names.

use std::ffi::c_int;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};

use super::errno::{Errno, Result};
use super::file::{Access, Begun, Inode, OpenFile, Stored};
use super::memfd::{self, Memfd};
use super::paths::{ObjectKey, Place, Prefix};
use super::store::{Node, Store, check_name, remember};
use super::table::Handle;
use crate::r2::{self, Content, Meta, Name};

fn reads_only(flags: c_int) -> bool {
    flags & libc::O_ACCMODE == libc::O_RDONLY
}

impl Store {
    /// Opens a place. The descriptor is the caller's to register.
    pub(crate) fn open(&self, place: &Place, flags: c_int) -> Result<(OwnedFd, Handle)> {
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

    fn open_to_read(&self, key: &ObjectKey, flags: c_int) -> Result<(OwnedFd, Handle)> {
        match self.stored(key)? {
            Some(inode) => open_shared(inode, flags),
            None => match self.node(key)? {
                Node::Directory => open_directory(key.prefix(), flags),
                _ => Err(self.absent(key)),
            },
        }
    }

    fn open_to_write(&self, key: &ObjectKey, flags: c_int) -> Result<(OwnedFd, Handle)> {
        let (creates, must_be_new) = (flags & libc::O_CREAT != 0, flags & libc::O_EXCL != 0);
        let truncates = flags & libc::O_TRUNC != 0;
        if creates && must_be_new {
            return match self.node(key)? {
                Node::Missing => {
                    self.check_new(key)?;
                    self.open_new(key, Begun::New, flags)
                }
                _ => Err(Errno(libc::EEXIST)),
            };
        }
        // "w": whatever is there is replaced, so the bucket need not be asked. Whether it is a directory is known, or is not noticed.
        if creates && truncates {
            if self.is_known_directory(&key.prefix()) {
                return Err(Errno(libc::EISDIR));
            }
            self.check_new(key)?;
            return self.open_new(key, Begun::Replacing, flags);
        }
        if let Some(inode) = self.stored(key)? {
            return open_shared(inode, flags);
        }
        match self.node(key)? {
            Node::Directory => Err(Errno(libc::EISDIR)),
            _ if creates => {
                self.check_new(key)?;
                self.open_new(key, Begun::Missing, flags)
            }
            _ => Err(self.absent(key)),
        }
    }

    /// The open file of the object with this key. `None`: there is no such object.
    fn stored(&self, key: &ObjectKey) -> Result<Option<Arc<Inode>>> {
        // A large object that is open here is not fetched again: there might be no room for it a second time.
        let here = self.open_file(key).filter(|_| !self.deferred.has(key));
        let here = here.and_then(|inode| Some((inode.large_version()?, inode)));
        let (content, meta) = match here {
            None => match self.content(key)? {
                Some(fetched) => fetched,
                None => return Ok(None),
            },
            Some((etag, inode)) => match self.objects.fetch_unless(key.as_str(), &etag, Store::file_for(key)) {
                Ok(None) => return Ok(Some(inode)),
                Ok(Some(fetched)) => fetched,
                Err(r2::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        self.stored_inode(key, content, &meta).map(Some)
    }

    /// The open file of an object: everyone who has this version of it open shares one.
    fn stored_inode(&self, key: &ObjectKey, content: Content<Memfd>, meta: &Meta) -> Result<Arc<Inode>> {
        let is_this = |inode: &Arc<Inode>| inode.is_written() || inode.is_version(&meta.etag);
        if let Some(inode) = self.open_file(key).filter(is_this) {
            return Ok(inode);
        }
        let etag = meta.etag.clone();
        let (memfd, stored) = match content {
            Content::Held(bytes) => (Memfd::of_object(key.name(), meta, &bytes)?, Stored::Object { bytes, etag }),
            Content::Poured(memfd) => (memfd, Stored::Large { etag, fingerprint: None }),
        };
        memfd.set_modified(meta.modified)?;
        let made = Arc::new(Inode::new(memfd, key.clone(), stored, Begun::Replacing));
        let mut open = self.open.lock();
        // Another thread may have opened it meanwhile.
        if let Some(other) = open.get(key).and_then(Weak::upgrade).filter(is_this) {
            return Ok(other);
        }
        remember(&mut open, key, &made);
        Ok(made)
    }

    /// Opens a file that is empty, whatever the bucket has under its name.
    fn open_new(&self, key: &ObjectKey, begun: Begun, flags: c_int) -> Result<(OwnedFd, Handle)> {
        let (is_replaced, must_be_new) = (self.deferred.cancel(key), begun == Begun::New);
        let memfd = Memfd::new(key.name(), &[])?;
        let begun = if is_replaced { Begun::Replacing } else { begun };
        let made = Arc::new(Inode::new(memfd, key.clone(), Stored::Nothing, begun));
        let shared = {
            let mut open = self.open.lock();
            match open.get(key).and_then(Weak::upgrade) {
                // Another thread was first.
                Some(other) if must_be_new && (other.is_written() || other.is_unstored()) => {
                    return Err(Errno(libc::EEXIST));
                }
                // Whoever has it open already sees it emptied and written, as on a disk.
                Some(other) if !must_be_new => {
                    let mut state = other.state.lock();
                    (state.stored, state.begun) = (Stored::Nothing, begun);
                    drop(state);
                    other
                }
                // Another thread was so much faster that it has closed the file already.
                _ if must_be_new && !is_replaced && self.is_known_object(key) => return Err(Errno(libc::EEXIST)),
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

    /// Sets a file's length by its path.
    pub(crate) fn truncate(&self, place: &Place, len: u64) -> Result<()> {
        let key = place.key().ok_or(Errno(libc::EISDIR))?;
        check_name(key)?;
        let (fd, handle) = self.open(place, libc::O_WRONLY | libc::O_CLOEXEC)?;
        // The bytes are reached through the handle.
        drop(fd);
        let Handle::File(file) = handle else { return Err(Errno(libc::EISDIR)) };
        file.inode.memfd.set_len(len)?;
        self.closed(&file)
    }
}

fn open_directory(prefix: Prefix, flags: c_int) -> Result<(OwnedFd, Handle)> {
    if !reads_only(flags) || flags & libc::O_CREAT != 0 {
        return Err(Errno(libc::EISDIR));
    }
    Ok((memfd::directory(flags)?, Handle::Directory(prefix)))
}

fn open_shared(inode: Arc<Inode>, flags: c_int) -> Result<(OwnedFd, Handle)> {
    if flags & libc::O_CREAT != 0 && flags & libc::O_EXCL != 0 {
        return Err(Errno(libc::EEXIST));
    }
    if !reads_only(flags) || flags & libc::O_TRUNC != 0 {
        inode.prepare_to_write()?;
    }
    let fd = inode.memfd.open(flags)?;
    let access = match !reads_only(flags) || flags & (libc::O_CREAT | libc::O_TRUNC) != 0 {
        true if flags & libc::O_APPEND != 0 => Access::Appends,
        true => Access::Writes,
        false => Access::Reads,
    };
    Ok((fd, Handle::File(Arc::new(OpenFile::new(inode, access)))))
}
