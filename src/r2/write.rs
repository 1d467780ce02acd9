//! Changes to objects. Each is there whole or not at all.
//!
//! An overwrite, a copy or a deletion whose answer was lost is simply done again. A put that must make a new object cannot be: the
//! object that is in its way may be its own, which is recognized by its `upload_id`.

use std::future::ready;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use object_store::path::Path;
use object_store::{ClientOptions, CopyOptions, ObjectStore, PutMode as Mode, PutOptions};

use super::bucket::{Bucket, Remote, path};
use super::content_type::content_type;
use super::error::{Cause, Error};
use super::meta::{Meta, unquoted};
use super::multipart::PART_BYTES;
use super::upload_id::{UploadId, typed};
use super::wire::time_for;

/// Larger objects are uploaded in parts.
pub(super) const SINGLE_BYTES: usize = 2 * PART_BYTES;

/// The largest body of one request; R2's documentation, "Limits": 5 GiB less 5 MiB.
const REQUEST_BYTES: u64 = (5 << 30) - (5 << 20);

/// Keys in one deletion; R2's documentation, DeleteObjects.
const DELETE_KEYS: usize = 1000;

/// Deletions on the way at once.
const DELETIONS: usize = 4;

/// How an object that must be new is recognized as our own.
struct Upload {
    /// Goes with the object.
    id: UploadId,
    /// Whether it has been sent: then it may be there, whatever we know of it.
    in_doubt: AtomicBool,
}

impl Upload {
    fn new() -> Upload {
        Upload { id: UploadId::new(), in_doubt: AtomicBool::new(false) }
    }
}

/// What becomes of an object that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// It is replaced.
    Overwrite,
    /// It stays, and the put fails.
    Create,
}

impl Bucket {
    /// Uploads an object; its content type is that of its key's extension. Large ones go in parts, except those that must be new:
    /// R2 checks that for whole objects only.
    pub fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<Meta, Error> {
        let upload = Arc::new(Upload::new());
        let arguments = (key.to_owned(), path(key)?, bytes, mode, upload);
        self.run(arguments, async |remote, (key, path, bytes, mode, upload)| {
            let size = bytes.len() as u64;
            let etag = match mode {
                PutMode::Overwrite if bytes.len() > SINGLE_BYTES => {
                    let part = |range: Range<u64>| bytes.slice(range.start as usize..range.end as usize);
                    remote.put_parts(&key, &path, size, |range| ready(Ok::<_, Error>(part(range)))).await?
                }
                PutMode::Overwrite => remote.overwrite(&key, &path, bytes).await?,
                PutMode::Create if size > REQUEST_BYTES => return Err(Error::TooBig { key, size }),
                PutMode::Create => remote.create(&key, &path, bytes, &upload).await?,
            };
            Ok(Meta { key, size, etag, modified: SystemTime::now() })
        })
    }

    /// Copies an object within R2. The copy has the content type of its own key's extension.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        let arguments = (from.to_owned(), path(from)?, path(to)?);
        self.run(arguments, async |remote, (source, from, to)| remote.copy(&source, &from, &to).await)
    }

    /// Deletes objects, 1,000 in a request. Those that are not there are no error.
    pub fn delete<K: AsRef<str>>(&self, keys: &[K]) -> Result<(), Error> {
        let paths = keys.iter().map(|key| path(key.as_ref())).collect::<Result<Vec<_>, _>>()?;
        self.run(paths, async |remote, paths| {
            let batches: Vec<Vec<Path>> = paths.chunks(DELETE_KEYS).map(<[Path]>::to_vec).collect();
            stream::iter(batches).map(|batch| remote.delete(batch)).buffer_unordered(DELETIONS).try_collect().await
        })
    }
}

impl Remote {
    async fn overwrite(&self, key: &str, path: &Path, bytes: Bytes) -> Result<String, Error> {
        let task = self.task("put", key, time_for(bytes.len() as u64));
        let options = || PutOptions { attributes: typed(key), ..PutOptions::default() };
        let attempt = || async { Ok(self.store.put_opts(path, bytes.clone().into(), options()).await?) };
        let put = self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))?;
        Ok(unquoted(put.e_tag))
    }

    async fn create(&self, key: &str, path: &Path, bytes: Bytes, upload: &Upload) -> Result<String, Error> {
        let task = self.task("create", key, time_for(bytes.len() as u64));
        let Upload { id, in_doubt } = upload;
        let attempt = || async {
            // Until there is an answer; there may be none, not even an error.
            let was_in_doubt = in_doubt.swap(true, Ordering::Relaxed);
            let options = PutOptions { mode: Mode::Create, attributes: id.attributes(key), ..PutOptions::default() };
            match self.store.put_opts(path, bytes.clone().into(), options).await.map_err(Cause::from) {
                Ok(put) => Ok(unquoted(put.e_tag)),
                // Behind an answer that never came, the object in the way may be our own.
                Err(Cause::Exists) if was_in_doubt => self.find_upload(path, id).await?.ok_or(Cause::Exists),
                Err(cause) => Err(cause),
            }
        };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))
    }

    async fn copy(&self, key: &str, from: &Path, to: &Path) -> Result<(), Error> {
        let task = self.task("copy", key, Duration::ZERO);
        let replaced;
        let store = if content_type(from.as_ref()) == content_type(to.as_ref()) {
            &self.store
        } else {
            replaced = self.retyping(content_type(to.as_ref()))?;
            &replaced
        };
        let attempt = || async { Ok(store.copy_opts(from, to, CopyOptions::default()).await?) };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))
    }

    /// A client whose copies get this content type; `object_store` has no such option, but signs headers it is told to add.
    fn retyping(&self, content_type: &'static str) -> Result<object_store::aws::AmazonS3, Error> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-metadata-directive", HeaderValue::from_static("REPLACE"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let options = ClientOptions::new().with_default_headers(headers);
        let client = self.builder.clone().with_client_options(options).build();
        client.map_err(|error| Error::Thread { reason: error.to_string() })
    }

    async fn delete(&self, batch: Vec<Path>) -> Result<(), Error> {
        let task = self.task("delete", batch.first().map_or("nothing", Path::as_ref), Duration::ZERO);
        let attempt = || async {
            let paths = stream::iter(batch.clone().into_iter().map(Ok)).boxed();
            self.store.delete_stream(paths).try_for_each(|_| ready(Ok(()))).await.map_err(Cause::from)
        };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))
    }
}
