//! Large uploads, in parts. The object is as it was until the last request of an upload.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::PutMultipartOptions;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use uuid::Uuid;

use super::Error;
use super::bucket::{Remote, Task};
use super::error::Cause;
use super::read::bare;
use super::wire::time_for;
use super::write::with_id;

/// R2 wants parts of at least 5 MiB, all but the last of one size, and at most 10,000 of them.
pub(super) const PART_BYTES: usize = 8 << 20;

pub(super) const PARTS: usize = 10_000;

/// Parts on the way at once. Others have seen R2 slow down beyond that.
pub(super) const PARTS_AT_ONCE: usize = 3;

impl Remote {
    /// Uploads an object in parts and gives its ETag.
    pub(super) async fn put_parts(&self, key: &str, path: &Path, bytes: Bytes) -> Result<String, Error> {
        let task = self.task("begin the upload of", key, Duration::ZERO);
        let id = Uuid::new_v4().to_string();
        let begin = || async {
            let options = PutMultipartOptions { attributes: with_id(key, &id), ..PutMultipartOptions::default() };
            Ok(self.store.create_multipart_opts(path, options).await?)
        };
        let upload = self.patiently(&task, begin).await.map_err(|cause| task.error(cause))?;
        let done = self.send_parts(key, path, &upload, &bytes, &id).await;
        if done.is_err() {
            // Once, and whatever comes of it: R2 itself ends uploads that are seven days old.
            if let Err(error) = self.store.abort_multipart(path, &upload).await {
                tracing::debug!(%error, key, "an upload that failed could not be ended");
            }
        }
        done
    }

    async fn send_parts(
        &self,
        key: &str,
        path: &Path,
        upload: &String,
        bytes: &Bytes,
        id: &str,
    ) -> Result<String, Error> {
        let part_bytes = PART_BYTES.max(bytes.len().div_ceil(PARTS));
        let parts =
            (0..bytes.len()).step_by(part_bytes).map(|start| bytes.slice(start..(start + part_bytes).min(bytes.len())));
        let parts: Vec<PartId> = stream::iter(parts.enumerate())
            .map(|(index, part)| self.send_part(key, path, upload, index, part))
            .buffered(PARTS_AT_ONCE)
            .try_collect()
            .await?;
        let task = self.task("end the upload of", key, Duration::ZERO);
        self.complete(&task, path, upload, parts, id).await.map_err(|cause| task.error(cause))
    }

    pub(super) async fn send_part(
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
        self.patiently(&task, attempt).await.map_err(|cause| task.error(cause))
    }

    pub(super) async fn complete(
        &self,
        task: &Task<'_>,
        path: &Path,
        upload: &String,
        parts: Vec<PartId>,
        id: &str,
    ) -> Result<String, Cause> {
        let in_doubt = AtomicBool::new(false);
        let attempt = || async {
            match self.store.complete_multipart(path, upload, parts.clone()).await.map_err(Cause::from) {
                Ok(put) => Ok(bare(put.e_tag.unwrap_or_default())),
                // The upload is gone: behind an answer that never came, because it has become the object.
                Err(Cause::NotFound) if in_doubt.load(Ordering::Relaxed) => {
                    self.find_upload(path, id).await?.ok_or(Cause::NotFound)
                }
                Err(cause) => {
                    in_doubt.store(true, Ordering::Relaxed);
                    Err(cause)
                }
            }
        };
        self.patiently(task, attempt).await
    }
}
