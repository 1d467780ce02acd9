//! Objects and local files: what is too large for memory travels part by part.
//!
//! Whoever sends a file has the checksum of what was read, to compare with the ETag of what arrived, and the other way round.

use std::fs::File;
use std::io::{Seek, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::bucket::{Bucket, path};
use super::checksum::Checksum;
use super::content::{Content, Sink};
use super::error::{Cause, Error};
use super::meta::Meta;
use super::multipart::{PART_BYTES, PARTS_AT_ONCE};
use super::put::{PutMode, SINGLE_BYTES};
use super::versions::Version;

/// What the bytes of a large object are read from.
pub trait Source: Send + Sync + 'static {
    /// The bytes in this range. It may be called again for the same ones.
    fn read(&self, range: Range<u64>) -> std::io::Result<Bytes>;
}

impl Source for File {
    fn read(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        let mut part = vec![0; (range.end - range.start) as usize];
        self.read_exact_at(&mut part, range.start)?;
        Ok(Bytes::from(part))
    }
}

/// A file, and the checksum of what has gone into it.
struct Summed {
    file: File,
    checksum: Checksum,
}

impl Sink for Summed {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.checksum.add(bytes);
        self.file.write_all(bytes)
    }
}

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
        self.put_from(key, Arc::new(file), size, PutMode::Overwrite)
    }

    /// The same, from anything that has the bytes. It does not look whether the object is new.
    pub fn put_from(&self, key: &str, source: Arc<impl Source>, size: u64, mode: PutMode) -> Result<Meta, FileError> {
        let arguments = (key.to_owned(), path(key)?, source, size, mode);
        self.run(arguments, async |remote, (key, path, source, size, mode)| {
            let read = |range| read_part(Arc::clone(&source), range);
            remote.begin(&key).await;
            let etag = remote.put_parts(&key, &path, size, &mode, read).await;
            Ok(etag.map(|etag| {
                remote.versions.lock().saw(&key, Version::Is(etag.clone()));
                Meta { key, size, etag, modified: SystemTime::now() }
            }))
        })?
    }

    /// Writes an object's bytes into `file`, which is empty. Returns what it was like, and the checksum of what came.
    pub fn get_file(&self, key: &str, meta: &Meta, file: &File) -> Result<(Meta, Checksum), FileError> {
        let mut file = file.try_clone()?;
        if !Bucket::is_large(meta.size) {
            return self.get_small_file(key, file);
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

impl Bucket {
    /// An object that was small a moment ago.
    fn get_small_file(&self, key: &str, file: File) -> Result<(Meta, Checksum), FileError> {
        let target = file.try_clone()?;
        let make = move |meta: &Meta| {
            let anew = || {
                target.set_len(0)?;
                let mut file = target.try_clone()?;
                file.rewind()?;
                Ok(Summed { file, checksum: Checksum::new(meta.size) })
            };
            anew().map_err(|error: std::io::Error| {
                Error::does_not_fit(
                    meta,
                    &format!("cannot be written: {error}"),
                    error.raw_os_error().unwrap_or(libc::EIO),
                )
            })
        };
        let missing = || Error::NotFound { key: key.to_owned() };
        let (content, meta) = self.fetch(key, None, make)?.ok_or_else(missing)?;
        let summed = match content {
            Content::Poured(summed) => summed,
            Content::Held(bytes) => {
                let mut summed = Summed { file, checksum: Checksum::new(meta.size) };
                summed.append(&bytes)?;
                summed
            }
        };
        Ok((meta, summed.checksum))
    }
}

/// On a thread that may wait for a disk.
async fn read_part(source: Arc<impl Source>, range: Range<u64>) -> Result<Bytes, FileError> {
    let read = tokio::task::spawn_blocking(move || source.read(range));
    Ok(read.await.map_err(std::io::Error::other)??)
}
