//! Uploading an open file's bytes, over the version they were made from and no other: what another writer has done since is not
//! overwritten unseen.

use std::sync::Arc;

use bytes::Bytes;

use super::errno::{Errno, Result};
use super::file::{Begun, Inode, OpenFile, Stored};
use super::fingerprint::{Fingerprint, Fingerprinted};
use super::memfd::Memfd;
use super::paths::ObjectKey;
use super::store::Store;
use crate::r2::{self, Content, FileError, HELD_BYTES, PutMode};

/// How often another writer may be faster while something is appended.
const ROUNDS: usize = 100;

/// Whether the program may go on with its open file after the upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoesOn,
    Ends,
}

impl Store {
    /// Uploads a file's bytes if they have changed: for `fsync`.
    pub(crate) fn flush(&self, file: &Inode) -> Result<()> {
        self.upload(file, Then::GoesOn)
    }

    /// The last descriptor of an open file was closed.
    pub(crate) fn closed(&self, file: &OpenFile) -> Result<()> {
        if file.is_ours_to_put() { self.upload(&file.inode, Then::Ends) } else { Ok(()) }
    }

    fn upload(&self, file: &Inode, then: Then) -> Result<()> {
        let _turn = file.turn();
        let (key, begun, stored) = {
            let state = file.state.lock();
            (state.key.clone(), state.begun, state.stored.clone())
        };
        let Some(key) = key else { return Ok(()) };
        if !file.is_changed()? {
            return Ok(());
        }
        let mode = match (&stored, begun) {
            (Stored::Object { etag, .. } | Stored::Large { etag, .. }, _) => PutMode::Replace { etag: etag.clone() },
            (Stored::Nothing, Begun::New | Begun::Missing) => PutMode::Create,
            (Stored::Nothing, Begun::Replacing) | (Stored::Before(_), _) => PutMode::Overwrite,
        };
        let is_rivals = |error: &r2::Error| match error {
            r2::Error::Changed { .. } => true,
            r2::Error::Exists { .. } => begun == Begun::Missing,
            _ => false,
        };
        // Two processes have made a file to lock it (Python's `filelock`). It holds nothing that could be lost.
        let is_lock = begun == Begun::New && file.is_locked_with() && file.memfd.len()? == 0;
        let stored = match self.put(&key, &file.memfd, mode) {
            // Perhaps a parent's or child's that has the same open file, of which the bytes are newer now.
            Err(FileError::R2(error)) if is_rivals(&error) && file.is_shared() && !file.appends_only() => {
                self.put(&key, &file.memfd, PutMode::Overwrite)?
            }
            Err(FileError::R2(r2::Error::Exists { .. })) if is_lock => Stored::Before(file.memfd.modified()?),
            Err(FileError::R2(error)) if is_rivals(&error) => self.append(&key, file, &stored, then)?,
            put => put?,
        };
        let mut state = file.state.lock();
        state.stored = stored;
        state.begun = Begun::Replacing;
        Ok(())
    }

    /// Uploads the bytes of a file in memory. Those of a large one are not copied, unless it must be new: R2 takes that in one piece.
    fn put(&self, key: &ObjectKey, memfd: &Memfd, mode: PutMode) -> std::result::Result<Stored, FileError> {
        let size = memfd.len().map_err(local)?;
        if size > HELD_BYTES && mode != PutMode::Create {
            let source = Arc::new(Fingerprinted::new(memfd).map_err(local)?);
            let meta = self.objects.write_from(key.as_str(), Arc::clone(&source), size, mode)?;
            return Ok(Stored::Large { etag: meta.etag, fingerprint: Some(source.fingerprint(size)) });
        }
        let bytes = Bytes::from(memfd.read().map_err(local)?);
        let fingerprint = (size > HELD_BYTES).then(|| Fingerprint::of_bytes(&bytes));
        let meta = self.objects.write(key.as_str(), bytes.clone(), mode)?;
        Ok(match fingerprint {
            None => Stored::Object { bytes, etag: meta.etag },
            fingerprint => Stored::Large { etag: meta.etag, fingerprint },
        })
    }

    /// Another writer was faster. What was only appended here is appended to what that one has left; anything else is an error.
    fn append(&self, key: &ObjectKey, file: &Inode, stored: &Stored, then: Then) -> Result<Stored> {
        let stale = || Errno::from(r2::Error::Changed { key: key.as_str().to_owned() });
        let base = match stored {
            Stored::Object { bytes, .. } => bytes.clone(),
            Stored::Nothing => Bytes::new(),
            Stored::Large { .. } | Stored::Before(_) => return Err(stale()),
        };
        let bytes = Bytes::from(file.memfd.read()?);
        // Who has not opened it for appending writes at a place of its own, which others' bytes would move.
        let is_append = file.appends_only() || (then == Then::Ends && !base.is_empty());
        if !is_append || !bytes.starts_with(&base) {
            return Err(stale());
        }
        for _ in 0..ROUNDS {
            let theirs = match self.objects.fetch_anew(key.as_str(), Store::file_for(key)) {
                Ok((Content::Held(theirs), meta)) => Some((theirs, meta.etag)),
                Err(r2::Error::NotFound { .. }) if matches!(stored, Stored::Nothing) => None,
                Ok((Content::Poured(_), _)) | Err(r2::Error::NotFound { .. }) => return Err(stale()),
                Err(error) => return Err(error.into()),
            };
            let (theirs, mode) =
                theirs.map_or((Bytes::new(), PutMode::Create), |(theirs, etag)| (theirs, PutMode::Replace { etag }));
            // A parent or child that has the same open file may have put some of it already.
            let known = if file.is_shared() { common(&theirs, &bytes).max(base.len()) } else { base.len() };
            let whole = Bytes::from([&*theirs, &bytes[known..]].concat());
            match self.objects.write(key.as_str(), whole.clone(), mode) {
                Err(r2::Error::Changed { .. } | r2::Error::Exists { .. }) => {}
                written => {
                    let etag = written?.etag;
                    file.memfd.put_under(&theirs, known, bytes.len())?;
                    return Ok(Stored::Object { bytes: whole, etag });
                }
            }
        }
        Err(stale())
    }
}

/// How many bytes both begin with.
fn common(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn local(Errno(errno): Errno) -> FileError {
    FileError::File(std::io::Error::from_raw_os_error(errno))
}
