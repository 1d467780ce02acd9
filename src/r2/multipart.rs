//! Large uploads, in parts. The object is as it was until the last request of an upload. That one does nothing when it arrives late:
//! the upload is not there any more.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::PutMultipartOptions;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;

use super::bucket::Remote;
use super::error::{Cause, Error};
use super::meta::unquoted;
use super::put::PutMode;
use super::upload_id::UploadId;
use super::wire::{self, time_for};

/// R2 wants parts of at least 5 MiB, all but the last of one size, and at most 10,000 of them.
pub(super) const PART_BYTES: usize = 8 << 20;

const PARTS: u64 = 10_000;

/// Parts on the way at once. Others have seen R2 slow down beyond that.
pub(super) const PARTS_AT_ONCE: usize = 3;

/// The size of the parts of an upload of `size` bytes.
pub(super) fn part_bytes(size: u64) -> u64 {
    (PART_BYTES as u64).max(size.div_ceil(PARTS))
}

impl Remote {
    /// Uploads an object of `size` bytes in parts, which `read` gives, and returns its ETag. (That it must be new is not looked at.)
    pub(super) async fn put_parts<E, F>(
        &self,
        key: &str,
        path: &Path,
        size: u64,
        mode: &PutMode,
        read: impl Fn(Range<u64>) -> F,
    ) -> Result<String, E>
    where
        E: From<Error>,
        F: Future<Output = Result<Bytes, E>>,
    {
        let task = self.task("begin the upload of", key, Duration::ZERO);
        let id = UploadId::new();
        let begin = || async {
            let options = PutMultipartOptions { attributes: id.attributes(key), ..PutMultipartOptions::default() };
            Ok(self.store.create_multipart_opts(path, options).await?)
        };
        let upload = self.retrying(&task, begin).await.map_err(|cause| task.error(cause))?;
        let step = part_bytes(size);
        let ranges = (0..size).step_by(step as usize).map(|start| start..(start + step).min(size));
        let parts = ranges.enumerate().map(|(index, range)| {
            let part = read(range);
            let upload = &upload;
            async move { Ok::<_, E>(self.send_part(key, path, upload, index, part.await?).await?) }
        });
        let parts: Result<Vec<PartId>, E> = stream::iter(parts).buffered(PARTS_AT_ONCE).try_collect().await;
        let done = match parts {
            Ok(parts) => self.complete(key, path, &upload, parts, mode, &id).await.map_err(E::from),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // Once, and whatever comes of it: R2 itself ends uploads that are seven days old.
            if let Err(error) = self.store.abort_multipart(path, &upload).await {
                tracing::debug!(%error, key, "an upload that failed could not be ended");
            }
        }
        done
    }

    async fn send_part(
        &self,
        key: &str,
        path: &Path,
        upload: &String,
        index: usize,
        part: Bytes,
    ) -> Result<PartId, Error> {
        // Those on the way share the line.
        let task = self.task("put a part of", key, time_for((part.len() * PARTS_AT_ONCE) as u64));
        let attempt = || async { Ok(self.store.put_part(path, upload, index, part.clone().into()).await?) };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))
    }

    async fn complete(
        &self,
        key: &str,
        path: &Path,
        upload: &String,
        parts: Vec<PartId>,
        mode: &PutMode,
        id: &UploadId,
    ) -> Result<String, Error> {
        let task = self.task("end the upload of", key, Duration::ZERO);
        let in_doubt = AtomicBool::new(false);
        let attempt = || async {
            let end = self.store.complete_multipart(path, upload, parts.clone());
            let ended = match mode {
                PutMode::Replace { etag } => wire::replacing(etag, end).await,
                PutMode::Overwrite | PutMode::Create => end.await,
            };
            match ended.map_err(Cause::from) {
                Ok(put) => Ok(unquoted(put.e_tag)),
                // The upload is gone, or what it was to replace: behind an answer that never came, because it has become the object.
                Err(cause @ (Cause::NotFound | Cause::Changed)) if in_doubt.load(Ordering::Relaxed) => {
                    self.find_upload(path, id).await?.ok_or(cause)
                }
                Err(cause) => {
                    in_doubt.store(true, Ordering::Relaxed);
                    Err(cause)
                }
            }
        };
        match self.retrying(&task, attempt).await {
            Err(Cause::Changed) => Err(Error::Changed { key: key.to_owned() }),
            ended => ended.map_err(|cause| task.error(cause)),
        }
    }
}
