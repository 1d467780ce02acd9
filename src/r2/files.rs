//! Objects and local files: what is too large for memory travels part by part.
//!
//! Whoever sends a file has the checksum of what was read, to compare with the ETag of what arrived, and the other way round.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::bucket::{Bucket, path};
use super::checksum::Checksum;
use super::error::{Cause, Error};
use super::meta::Meta;
use super::multipart::{PART_BYTES, PARTS_AT_ONCE};
use super::write::SINGLE_BYTES;

/// Why a file and an object did not become the same.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// R2's side.
    #[error(transparent)]
    R2(#[from] Error),
    /// The file's side.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl Bucket {
    /// Whether a file of this size should be sent by [`Bucket::put_file`].
    pub fn is_large(size: u64) -> bool {
        size > SINGLE_BYTES as u64
    }

    /// Uploads a large file in parts, with a few of them in memory at a time.
    pub fn put_file(&self, key: &str, file: File, size: u64) -> Result<Meta, FileError> {
        let (key, path) = (key.to_owned(), path(key)?);
        let file = Arc::new(file);
        let put = self.run_once(async move |remote| {
            let read = |range| read_part(Arc::clone(&file), range);
            let etag = remote.put_parts(&key, &path, size, read).await;
            Ok(etag.map(|etag| Meta { key, size, etag, modified: SystemTime::now() }))
        });
        put?
    }

    /// Writes an object's bytes into `file`, which is empty. Returns what it was like, and the checksum of what came.
    pub fn get_file(&self, key: &str, meta: &Meta, file: &File) -> Result<(Meta, Checksum), FileError> {
        let mut file = file.try_clone()?;
        if !Bucket::is_large(meta.size) {
            let (bytes, meta) = self.get(key)?;
            let mut checksum = Checksum::new(meta.size);
            checksum.add(&bytes);
            file.write_all(&bytes)?;
            return Ok((meta, checksum));
        }
        let (path, meta, mut checksum) = (path(key)?, meta.clone(), Checksum::new(meta.size));
        let got = self.run_once(async move |remote| {
            let ranges =
                (0..meta.size).step_by(PART_BYTES).map(|start| start..(start + PART_BYTES as u64).min(meta.size));
            let mut parts =
                stream::iter(ranges).map(|range| remote.range(&path, &meta, range)).buffered(PARTS_AT_ONCE).boxed();
            let task = remote.task("get", &meta.key, Duration::ZERO);
            loop {
                match parts.try_next().await {
                    Ok(Some(part)) => {
                        checksum.add(&part);
                        if let Err(error) = file.write_all(&part) {
                            return Ok(Err(FileError::File(error)));
                        }
                    }
                    Ok(None) => break,
                    Err(Cause::Changed | Cause::NotFound) => return Err(Error::NotFound { key: meta.key.clone() }),
                    Err(cause) => return Err(task.error(cause)),
                }
            }
            drop(parts);
            Ok(Ok((meta, checksum)))
        });
        got?
    }
}

/// On a thread that may wait for a disk.
async fn read_part(file: Arc<File>, range: Range<u64>) -> Result<Bytes, FileError> {
    let read = tokio::task::spawn_blocking(move || {
        let mut part = vec![0; (range.end - range.start) as usize];
        file.read_exact_at(&mut part, range.start).map(|()| Bytes::from(part))
    });
    Ok(read.await.map_err(std::io::Error::other)??)
}
