//! Objects and local files: what is too large for memory travels part by part.
//!
//! Whoever sends a file is told the sum of what was read (`Sum`), to compare with the ETag of what arrived, and the other way round.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use md5::{Digest, Md5};
use object_store::PutMultipartOptions;
use object_store::multipart::{MultipartStore, PartId};
use uuid::Uuid;

use super::bucket::{Bucket, path};
use super::error::Cause;
use super::multipart::{PART_BYTES, PARTS, PARTS_AT_ONCE};
use super::write::{SINGLE_BYTES, with_id};
use super::{Error, Meta};

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

/// The ETag that R2 gives a file's bytes: their MD5, or for an upload in parts the MD5 of the parts' MD5s, and how many there were.
pub struct Sum {
    part_bytes: u64,
    in_part: u64,
    whole: Md5,
    part: Md5,
    parts: Vec<u8>,
    size: u64,
}

impl Sum {
    /// A sum of nothing yet; the file will have `size` bytes.
    pub fn new(size: u64) -> Sum {
        Sum {
            part_bytes: part_bytes(size),
            in_part: 0,
            whole: Md5::new(),
            part: Md5::new(),
            parts: Vec::new(),
            size: 0,
        }
    }

    /// Takes the next bytes.
    pub fn add(&mut self, mut bytes: &[u8]) {
        self.whole.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = usize::try_from(self.part_bytes - self.in_part).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(bytes.len().min(room));
            self.part.update(now);
            self.in_part += now.len() as u64;
            if self.in_part == self.part_bytes {
                self.end_part();
            }
            bytes = rest;
        }
    }

    fn end_part(&mut self) {
        self.parts.extend_from_slice(&self.part.finalize_reset());
        self.in_part = 0;
    }

    /// Bytes taken.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The ETags an object with these bytes may have here: sent in one request, and in parts.
    pub fn etags(mut self) -> [String; 2] {
        if self.in_part > 0 || self.parts.is_empty() {
            self.end_part();
        }
        let count = self.parts.len() / 16;
        [hex::encode(self.whole.finalize()), format!("{}-{count}", hex::encode(Md5::digest(&self.parts)))]
    }
}

/// Parts are of this size in an upload of `size` bytes.
fn part_bytes(size: u64) -> u64 {
    (PART_BYTES as u64).max(size.div_ceil(PARTS as u64))
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
            let task = remote.task("begin the upload of", &key, Duration::ZERO);
            let id = Uuid::new_v4().to_string();
            let begin = || async {
                let options = PutMultipartOptions { attributes: with_id(&key, &id), ..PutMultipartOptions::default() };
                Ok(remote.store.create_multipart_opts(&path, options).await?)
            };
            let upload = remote.patiently(&task, begin).await.map_err(|cause| task.error(cause))?;
            let part_bytes = part_bytes(size);
            let parts: Result<Vec<PartId>, FileError> =
                stream::iter((0..size).step_by(part_bytes as usize).enumerate())
                    .map(async |(index, start)| {
                        let part = read_part(&file, start, part_bytes.min(size - start)).await?;
                        Ok(remote.send_part(&key, &path, &upload, index, part).await?)
                    })
                    .buffered(PARTS_AT_ONCE)
                    .try_collect()
                    .await;
            let done = match parts {
                Ok(parts) => {
                    let task = remote.task("end the upload of", &key, Duration::ZERO);
                    let done = remote.complete(&task, &path, &upload, parts, &id).await;
                    done.map_err(|cause| FileError::R2(task.error(cause)))
                }
                Err(error) => Err(error),
            };
            if done.is_err()
                && let Err(error) = remote.store.abort_multipart(&path, &upload).await
            {
                tracing::debug!(%error, key, "an upload that failed could not be ended");
            }
            Ok(done.map(|etag| Meta { key, size, etag, modified: std::time::SystemTime::now() }))
        });
        put?
    }

    /// Writes an object's bytes into `file`, which is empty. Returns what it was like, and the sum of what came.
    pub fn get_file(&self, key: &str, meta: &Meta, file: &File) -> Result<(Meta, Sum), FileError> {
        let mut file = file.try_clone()?;
        if !Bucket::is_large(meta.size) {
            let (bytes, meta) = self.get(key)?;
            let mut sum = Sum::new(meta.size);
            sum.add(&bytes);
            file.write_all(&bytes)?;
            return Ok((meta, sum));
        }
        let (path, meta, mut sum) = (path(key)?, meta.clone(), Sum::new(meta.size));
        let got = self.run_once(async move |remote| {
            let ranges =
                (0..meta.size).step_by(PART_BYTES).map(|start| start..(start + PART_BYTES as u64).min(meta.size));
            let mut parts =
                stream::iter(ranges).map(|range| remote.range(&path, &meta, range)).buffered(PARTS_AT_ONCE).boxed();
            let task = remote.task("get", &meta.key, Duration::ZERO);
            loop {
                match parts.try_next().await {
                    Ok(Some(part)) => {
                        sum.add(&part);
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
            Ok(Ok((meta, sum)))
        });
        got?
    }
}

/// On a thread that may wait for a disk.
async fn read_part(file: &Arc<File>, start: u64, size: u64) -> std::io::Result<Bytes> {
    let file = Arc::clone(file);
    let read = tokio::task::spawn_blocking(move || {
        let mut part = vec![0; size as usize];
        file.read_exact_at(&mut part, start)?;
        Ok(Bytes::from(part))
    });
    read.await.map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn etags(bytes: &[u8], step: usize) -> [String; 2] {
        let mut sum = Sum::new(bytes.len() as u64);
        bytes.chunks(step).for_each(|chunk| sum.add(chunk));
        sum.etags()
    }

    #[test]
    fn sums_do_not_depend_on_how_the_bytes_come() {
        let bytes: Vec<u8> = (0..PART_BYTES as u32 * 2 + 5).map(|n| n as u8).collect();
        let parts: Vec<u8> = bytes.chunks(PART_BYTES).flat_map(|part| Md5::digest(part).to_vec()).collect();
        let expected = [hex::encode(Md5::digest(&bytes)), format!("{}-3", hex::encode(Md5::digest(&parts)))];
        assert_eq!(etags(&bytes, PART_BYTES), expected);
        assert_eq!(etags(&bytes, 1_000_003), expected);
        assert_eq!(etags(b"", 1), ["d41d8cd98f00b204e9800998ecf8427e".to_owned(), etags(b"", 1)[1].clone()]);
    }
}
