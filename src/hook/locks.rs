//! Locks on files of the mapped folders. A file in memory is its process's own, so a lock on it would exclude nobody: it is taken on a
//! file in the shadow folder that stands for it, in the manner that the program has asked for.
//!
//! Who gets a lock sees what others have written under theirs, as on a disk: changed bytes are uploaded before a lock is given back, and
//! the bucket is asked when one is taken.

use std::sync::Arc;

use super::descriptor::Descriptor;
use super::errno::Result;
use super::file::{Begun, Inode, OpenFile, Stored};
use super::fingerprint::Fingerprint;
use super::shadow;
use super::store::Store;
use crate::lock::Mutex;
use crate::r2::{self, Content};

/// Whose a lock is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The open file's, with all copies of its descriptor: `flock`, and `fcntl`'s OFD locks.
    OpenFile,
    /// The process's, whatever descriptors it has: `fcntl`'s and `lockf`'s.
    Process,
}

/// What is locked in the place of a file.
#[derive(Default)]
pub(crate) struct Locks {
    /// Rank 7. Held to look, to note, and to open the file in the shadow folder.
    state: Mutex<State, 7>,
}

#[derive(Default)]
struct State {
    file: Option<Arc<Descriptor>>,
    /// What is locked: from where, and up to where.
    held: Vec<(i64, i64)>,
}

impl Locks {
    fn file(&self, open: impl FnOnce() -> Result<Descriptor>) -> Result<Arc<Descriptor>> {
        let mut state = self.state.lock();
        match &state.file {
            Some(file) if file.number().is_ok() => Ok(Arc::clone(file)),
            _ => {
                let file = Arc::new(open()?);
                *state = State { file: Some(Arc::clone(&file)), held: Vec::new() };
                Ok(file)
            }
        }
    }

    /// The file that was locked, if one was.
    pub(crate) fn used(&self) -> Option<Arc<Descriptor>> {
        self.state.lock().file.clone()
    }

    /// A part is locked now. Whether none was before.
    pub(crate) fn took(&self, part: (i64, i64)) -> bool {
        let mut state = self.state.lock();
        let is_first = state.held.is_empty();
        state.held.push(part);
        is_first
    }

    /// A part is locked no more.
    pub(crate) fn gave_back(&self, (start, end): (i64, i64)) {
        self.state.lock().held.retain(|held| held.1 <= start || end <= held.0);
    }
}

impl Store {
    /// What is locked in the place of a file.
    pub(crate) fn lock_file(&self, file: &OpenFile, owner: Owner) -> Result<Arc<Descriptor>> {
        let locks = match owner {
            Owner::OpenFile => &file.locks,
            Owner::Process => &file.inode.locks,
        };
        let key = file.inode.state.lock().key.clone();
        file.inode.lock_with();
        locks.file(|| match key {
            Some(key) => shadow::lock_file(&self.bucket, key.as_str()),
            None => shadow::lock_file("unlinked", &format!("{:?}", file.inode.memfd.identity())),
        })
    }

    /// A lock is about to be given back.
    pub(crate) fn before_unlocking(&self, file: &OpenFile) {
        if file.is_ours_to_put() {
            let _ = self.flush(&file.inode); // it was logged; `fsync` and `close` say so
        }
    }

    /// A lock was taken: another process may have written the file under one, and other files with it.
    pub(crate) fn after_locking(&self, file: &Inode) -> Result<()> {
        let _turn = file.turn();
        let (key, begun, stored) = {
            let state = file.state.lock();
            (state.key.clone(), state.begun, state.stored.clone())
        };
        let Some(key) = key else { return Ok(()) };
        self.others_write();
        let make = Store::file_for(&key);
        let newer = match stored {
            Stored::Object { etag, .. } | Stored::Large { etag, .. } if !file.is_changed()? => {
                self.objects.fetch_if_changed(key.as_str(), &etag, make)
            }
            Stored::Nothing if begun != Begun::Replacing && file.memfd.len()? == 0 => {
                match self.objects.fetch_anew(key.as_str(), make) {
                    Err(r2::Error::NotFound { .. }) => return Ok(()),
                    fetched => fetched.map(Some),
                }
            }
            _ => return Ok(()),
        };
        let (content, meta) = match newer {
            Ok(None) => return Ok(()),
            Ok(Some(newer)) => newer,
            Err(r2::Error::NotFound { .. }) => {
                self.let_go(&key, file);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let etag = meta.etag;
        let stored = match content {
            Content::Held(bytes) => {
                file.memfd.replace(&bytes)?;
                Stored::Object { bytes, etag }
            }
            Content::Poured(other) => {
                file.memfd.replace(&other.read()?)?;
                Stored::Large { etag, fingerprint: Some(Fingerprint::of(&file.memfd)?) }
            }
        };
        file.memfd.set_modified(meta.modified)?;
        file.state.lock().stored = stored;
        Ok(())
    }
}
