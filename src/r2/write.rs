//! Copies within R2, and deletions. Neither has a condition, so one whose answer was lost and that was done again may do harm when it
//! arrives late: what was done to its object since is watched (`guard`).

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use object_store::path::Path;
use object_store::{ClientOptions, CopyOptions, ObjectStore};

use super::bucket::{Bucket, Remote, path};
use super::content_type::content_type;
use super::error::{Cause, Error};
use super::guard::Wanted;
use super::versions::Version;

/// Keys in one deletion; R2's documentation, DeleteObjects.
const DELETE_KEYS: usize = 1000;

/// Deletions on the way at once.
const DELETIONS: usize = 4;

impl Bucket {
    /// Copies an object within R2. The copy has the content type of its own key's extension.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        let arguments = (from.to_owned(), path(from)?, to.to_owned(), path(to)?);
        self.run(arguments, async |remote, (source, from, key, to)| remote.copy((&source, &from), (&key, &to)).await)
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

/// An object's key, and the same as `object_store` has it.
type Place<'a> = (&'a str, &'a Path);

impl Remote {
    async fn copy(self: &Arc<Remote>, (source, from): Place<'_>, (key, to): Place<'_>) -> Result<(), Error> {
        let task = self.task("copy", source, Duration::ZERO);
        let replaced;
        let store = if content_type(from.as_ref()) == content_type(to.as_ref()) {
            &self.store
        } else {
            replaced = self.retyping(content_type(to.as_ref()))?;
            &replaced
        };
        let in_doubt = AtomicBool::new(false);
        self.begin(key).await;
        let attempt = || async {
            let copied = store.copy_opts(from, to, CopyOptions::default()).await.map_err(Cause::from);
            in_doubt.fetch_or(matches!(copied, Err(Cause::Transient { .. })), Ordering::Relaxed);
            copied
        };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))?;
        if in_doubt.load(Ordering::Relaxed)
            && let Ok(copy) = self.version(&task, to).await
        {
            let mut versions = self.versions.lock();
            versions.saw(key, copy.clone());
            versions.doubt(key, None, copy, Instant::now());
        }
        Ok(())
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

    async fn delete(self: &Arc<Remote>, batch: Vec<Path>) -> Result<(), Error> {
        let task = self.task("delete", batch.first().map_or("nothing", Path::as_ref), Duration::ZERO);
        for path in &batch {
            self.begin(path.as_ref()).await;
        }
        let attempt = || async {
            let paths = stream::iter(batch.clone().into_iter().map(Ok)).boxed();
            let deleted = self.store.delete_stream(paths).try_for_each(|_| ready(Ok(()))).await.map_err(Cause::from);
            if let Err(Cause::Transient { .. }) = deleted {
                let mut versions = self.versions.lock();
                batch.iter().for_each(|path| versions.doubt(path.as_ref(), None, Version::Absent, Instant::now()));
            }
            deleted
        };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))?;
        batch.iter().for_each(|path| self.settle(path.as_ref(), path, Version::Absent, Wanted::Absent));
        Ok(())
    }
}
