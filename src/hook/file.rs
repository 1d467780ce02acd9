//! Open files. Everyone who has a file open shares its bytes, an [`Inode`]; `close` and `fsync` upload them if they have changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use super::errno::Result;
use super::fingerprint::Fingerprint;
use super::locks::Locks;
use super::memfd::Memfd;
use super::paths::ObjectKey;
use super::stat::{Attributes, inode};
use crate::lock::{Mutex, MutexGuard};

/// A file that is open.
pub(crate) struct Inode {
    /// The bytes.
    pub(crate) memfd: Memfd,
    /// Rank 6. Held to look at or change the fields.
    pub(crate) state: Mutex<State, 6>,
    /// How many open files may write the bytes.
    writers: AtomicUsize,
    /// Whether it was opened for writing elsewhere than at its end.
    writes_anywhere: AtomicBool,
    /// The locks that this process has on it.
    pub(crate) locks: Locks,
    /// Whether somebody here has locked it, or tried to.
    is_locked_with: AtomicBool,
    /// Whether another process has it open too, by `fork` or `exec`, and may upload the same bytes.
    is_shared: AtomicBool,
    /// Held while the bytes are uploaded, or renamed in the bucket, so that of two requests about one file neither overtakes the
    /// other. Rank 4.
    uploading: Mutex<(), 4>,
    /// Whether the turn was held by a thread that does not exist in this process.
    is_turn_lost: AtomicBool,
}

/// Where a file's bytes belong, and what the bucket has of them.
pub(crate) struct State {
    /// Where they belong; `None`: unlinked, they go nowhere.
    pub(crate) key: Option<ObjectKey>,
    /// What the bucket holds.
    pub(crate) stored: Stored,
    /// What the first upload of it may meet.
    pub(crate) begun: Begun,
}

/// What the first upload of a file may meet under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Anything, which it replaces: it was opened to be written anew, or it is in the bucket already.
    Replacing,
    /// Nothing. It was opened with O_EXCL: if somebody else has made the file in the meantime, theirs stays.
    New,
    /// Nothing, since nothing was there when it was opened. What somebody else has made in the meantime may be appended to.
    Missing,
}

/// What the bucket holds of a file, as far as this process knows.
#[derive(Clone)]
pub(crate) enum Stored {
    /// Nothing, or something that this file replaces: even an empty file has to be uploaded.
    Nothing,
    /// This object.
    Object {
        /// Its bytes.
        bytes: Bytes,
        /// Its version.
        etag: String,
    },
    /// This object, which is too large to be held beside the file.
    Large {
        /// Its version.
        etag: String,
        /// What its bytes are recognized by. `None`: the file cannot have been written yet.
        fingerprint: Option<Fingerprint>,
    },
    /// What the file held at this time: it was inherited from another process, which has uploaded that, or will.
    Before(SystemTime),
}

impl Inode {
    /// A file with these bytes.
    pub(crate) fn new(memfd: Memfd, key: ObjectKey, stored: Stored, begun: Begun) -> Inode {
        let state = Mutex::new(State { key: Some(key), stored, begun });
        Inode {
            memfd,
            state,
            writers: AtomicUsize::new(0),
            writes_anywhere: AtomicBool::new(false),
            locks: Locks::default(),
            is_locked_with: AtomicBool::new(false),
            is_shared: AtomicBool::new(false),
            uploading: Mutex::new(()),
            is_turn_lost: AtomicBool::new(false),
        }
    }

    /// What `fstat` says.
    pub(crate) fn attributes(&self) -> Result<Attributes> {
        let (size, modified) = (self.memfd.len()?, self.memfd.modified()?);
        let key = self.state.lock().key.clone();
        // Made from the name; a file that has lost its name keeps a number of its own, so that a new file of that name differs from it.
        let inode = key.as_ref().map_or(self.memfd.identity().inode, |key| inode(key.as_str()));
        Ok(Attributes { inode, is_directory: false, size, modified, is_unlinked: key.is_none() })
    }

    /// Whether the bytes differ from what the bucket holds.
    pub(crate) fn is_changed(&self) -> Result<bool> {
        let stored = self.state.lock().stored.clone();
        match stored {
            Stored::Nothing => Ok(true),
            Stored::Object { bytes, .. } => Ok(!self.memfd.holds(&bytes)?),
            Stored::Large { fingerprint, .. } => Ok(!fingerprint.map_or(Ok(false), |print| print.is_of(&self.memfd))?),
            Stored::Before(then) => Ok(self.memfd.modified()? != then),
        }
    }

    /// Whether it has a name but is not in the bucket yet. (A file that was made this moment may not have its writer counted yet.)
    pub(crate) fn is_unstored(&self) -> bool {
        let state = self.state.lock();
        state.key.is_some() && matches!(state.stored, Stored::Nothing)
    }

    /// Whether these are the bytes of the object's version with this ETag.
    pub(crate) fn is_version(&self, etag: &str) -> bool {
        self.version().is_some_and(|stored| stored == etag)
    }

    /// The version of the object, if it is too large to be in the cache.
    pub(crate) fn large_version(&self) -> Option<String> {
        match &self.state.lock().stored {
            Stored::Large { etag, .. } => Some(etag.clone()),
            _ => None,
        }
    }

    /// Somebody is about to get a descriptor that can write: what the bucket holds must be known from now on.
    pub(crate) fn prepare_to_write(&self) -> Result<()> {
        let is_unread = |state: &State| matches!(state.stored, Stored::Large { fingerprint: None, .. });
        if !is_unread(&self.state.lock()) {
            return Ok(());
        }
        // One reads the file; who comes second must not see what the first one may write then.
        let _turn = self.turn();
        if !is_unread(&self.state.lock()) {
            return Ok(());
        }
        let read = Fingerprint::of(&self.memfd)?;
        if let Stored::Large { fingerprint, .. } = &mut self.state.lock().stored {
            *fingerprint = Some(read);
        }
        Ok(())
    }

    /// Whether somebody may write it.
    pub(crate) fn is_written(&self) -> bool {
        self.writers.load(Ordering::Acquire) > 0
    }

    /// Whether all that was written stands at the end, wherever that is.
    pub(crate) fn appends_only(&self) -> bool {
        !self.writes_anywhere.load(Ordering::Relaxed)
    }

    /// Whether it is a file that processes lock.
    pub(crate) fn is_locked_with(&self) -> bool {
        self.is_locked_with.load(Ordering::Relaxed)
    }

    /// Somebody locks it.
    pub(crate) fn lock_with(&self) {
        self.is_locked_with.store(true, Ordering::Relaxed);
    }

    /// Whether another process may upload the same bytes.
    pub(crate) fn is_shared(&self) -> bool {
        self.is_shared.load(Ordering::Relaxed)
    }

    /// Another process gets the file.
    pub(crate) fn share(&self) {
        self.is_shared.store(true, Ordering::Relaxed);
    }

    /// It goes by another name, and so does what the bucket has of it.
    pub(crate) fn renamed(&self, to: ObjectKey) {
        // The copy of an object uploaded in parts may have another ETag in R2.
        let is_in_parts = self.version().is_some_and(|etag| etag.contains('-'));
        let unchanged = (is_in_parts && self.is_changed() == Ok(false)).then(|| self.memfd.modified().ok()).flatten();
        let mut state = self.state.lock();
        state.key = Some(to);
        state.begun = Begun::Replacing; // whatever is there is replaced now
        if is_in_parts {
            state.stored = unchanged.map_or(Stored::Nothing, Stored::Before);
        }
    }

    /// The version of the object that the bucket has of it, as far as this process knows.
    fn version(&self) -> Option<String> {
        match &self.state.lock().stored {
            Stored::Object { etag, .. } | Stored::Large { etag, .. } => Some(etag.clone()),
            Stored::Nothing | Stored::Before(_) => None,
        }
    }

    /// The turn to ask the bucket for something that concerns this file.
    pub(crate) fn turn(&self) -> Option<MutexGuard<'_, (), 4>> {
        (!self.is_turn_lost.load(Ordering::Relaxed)).then(|| self.uploading.lock())
    }

    /// In a child made by `fork`: a thread that does not exist here never gives its turn back.
    pub(crate) fn forked(&self) {
        self.is_turn_lost.store(self.uploading.is_locked(), Ordering::Relaxed);
    }
}

/// What an open file may do with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Reads,
    Writes,
    /// It writes at the end alone.
    Appends,
}

/// An open file: what descriptors made by `dup` share.
pub(crate) struct OpenFile {
    /// Its bytes.
    pub(crate) inode: Arc<Inode>,
    /// Whether this open file may write them.
    pub(crate) writes: bool,
    /// The locks that belong to it.
    pub(crate) locks: Locks,
    /// The process that has opened it, and uploads its bytes. A child made by `fork` shares the file and leaves that to its parent.
    pid: u32,
}

impl OpenFile {
    /// An open file of this process.
    pub(crate) fn new(inode: Arc<Inode>, access: Access) -> OpenFile {
        let writes = access != Access::Reads;
        if writes {
            inode.writers.fetch_add(1, Ordering::AcqRel);
        }
        if access == Access::Writes {
            inode.writes_anywhere.store(true, Ordering::Relaxed);
        }
        OpenFile { inode, writes, locks: Locks::default(), pid: std::process::id() }
    }

    /// Whether it is up to this process to upload the bytes: it has opened the file, or the process that did has ended.
    pub(crate) fn is_ours_to_put(&self) -> bool {
        self.writes && (self.pid == std::process::id() || !is_alive(self.pid))
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if self.writes {
            self.inode.writers.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn is_alive(pid: u32) -> bool {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed());
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}
