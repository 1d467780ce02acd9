//! Putting whole objects. Each put has a condition, so that it does nothing once something newer was put, should it arrive late
//! (`versions`): it replaces the version known, or nothing.
//!
//! A put whose answer was lost is done again. The object that is then in its way may be its own: recognized by its ETag where any
//! object with these bytes will do, else by its `upload_id`.

use std::future::ready;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use md5::{Digest, Md5};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode as Mode, PutOptions, UpdateVersion};

use super::bucket::{Bucket, Remote, Task, path};
use super::error::{Cause, Error};
use super::guard::Wanted;
use super::meta::{Meta, quoted, unquoted};
use super::multipart::PART_BYTES;
use super::upload_id::{UploadId, typed};
use super::versions::Version;
use super::wire::time_for;

/// Larger objects are uploaded in parts.
pub(super) const SINGLE_BYTES: usize = 2 * PART_BYTES;

/// The largest body of one request; R2's documentation, "Limits": 5 GiB less 5 MiB.
const REQUEST_BYTES: u64 = (5 << 30) - (5 << 20);

/// How often another writer may be faster while an object is overwritten.
const ROUNDS: usize = 20;

/// What becomes of an object that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutMode {
    /// It is replaced.
    Overwrite,
    /// It stays, and the put fails.
    Create,
    /// It is replaced if it is the version with this ETag; else it stays, and the put fails.
    Replace {
        /// The version's ETag.
        etag: String,
    },
}

/// A put that may be attempted several times.
struct Upload {
    /// Goes with an object that must be new.
    id: UploadId,
    /// Whether it has been sent: then it may be there, whatever we know of it.
    in_doubt: AtomicBool,
}

impl Bucket {
    /// Uploads an object; its content type is that of its key's extension. Large ones go in parts, except those that must be new:
    /// R2 checks that for whole objects only.
    pub fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<Meta, Error> {
        let upload = Arc::new(Upload { id: UploadId::new(), in_doubt: AtomicBool::new(false) });
        let arguments = (key.to_owned(), path(key)?, bytes, mode, upload);
        self.run(arguments, async |remote, (key, path, bytes, mode, upload)| {
            let size = bytes.len() as u64;
            let known = remote.begin(&key).await;
            let etag = match mode {
                PutMode::Create if size > REQUEST_BYTES => return Err(Error::TooBig { key, size }),
                PutMode::Create => remote.create(&key, &path, bytes.clone(), &upload).await?,
                mode if bytes.len() > SINGLE_BYTES => {
                    let part = |range: Range<u64>| bytes.slice(range.start as usize..range.end as usize);
                    let read = |range| ready(Ok::<_, Error>(part(range)));
                    remote.put_parts(&key, &path, size, &mode, read).await?
                }
                mode => remote.put_whole(&key, &path, &bytes, mode, known, &upload.in_doubt).await?,
            };
            remote.settle(&key, &path, Version::Is(etag.clone()), Wanted::Bytes(bytes));
            Ok(Meta { key, size, etag, modified: SystemTime::now() })
        })
    }

    /// Others have told what stands under a key, which saves a put of it two requests.
    pub(super) fn expect(&self, key: &str, etag: &str) {
        self.0.versions.lock().saw(key, Version::Is(etag.to_owned()));
    }
}

impl Remote {
    /// Puts an object over the version it is to replace. `known`: what is believed to be there.
    async fn put_whole(
        &self,
        key: &str,
        path: &Path,
        bytes: &Bytes,
        mode: PutMode,
        known: Option<Version>,
        in_doubt: &AtomicBool,
    ) -> Result<String, Error> {
        let task = self.task("put", key, time_for(bytes.len() as u64));
        let must_be = match mode {
            PutMode::Replace { etag } => Some(Version::Is(etag)),
            PutMode::Overwrite | PutMode::Create => None,
        };
        let mut expected = must_be.clone().or(known).unwrap_or(Version::Absent);
        for _ in 0..ROUNDS {
            let attempt = || async {
                let was_in_doubt = in_doubt.swap(true, Ordering::Relaxed);
                let put = self.put_over(&task, path, bytes, &expected).await;
                match &put {
                    Err(Cause::Transient { .. }) => self.doubt(key, Some(expected.clone()), bytes),
                    _ => in_doubt.store(was_in_doubt, Ordering::Relaxed),
                }
                put
            };
            match self.retrying(&task, attempt).await {
                Err(Cause::Changed | Cause::Exists) => {}
                put => return put.map_err(|cause| task.error(cause)),
            }
            let found = self.version(&task, path).await.map_err(|cause| task.error(cause))?;
            match found {
                Version::Is(etag) if in_doubt.load(Ordering::Relaxed) && etag == etag_of(bytes) => return Ok(etag),
                _ if must_be.is_some() => return Err(Error::Changed { key: key.to_owned() }),
                found => expected = found,
            }
        }
        Err(task.error(Cause::Changed))
    }

    /// Puts an object once, over this version and no other.
    pub(super) async fn put_over(
        &self,
        task: &Task<'_>,
        path: &Path,
        bytes: &Bytes,
        over: &Version,
    ) -> Result<String, Cause> {
        let mode = match over {
            Version::Absent => Mode::Create,
            Version::Is(etag) => Mode::Update(UpdateVersion { e_tag: Some(quoted(etag)), version: None }),
        };
        let options = PutOptions { mode, attributes: typed(task.key), ..PutOptions::default() };
        let put = self.store.put_opts(path, bytes.clone().into(), options).await?;
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
                Err(cause) => {
                    if matches!(cause, Cause::Transient { .. }) {
                        self.doubt(key, Some(Version::Absent), &bytes);
                    }
                    Err(cause)
                }
            }
        };
        self.retrying(&task, attempt).await.map_err(|cause| task.error(cause))
    }

    /// A put of these bytes got no answer.
    fn doubt(&self, key: &str, replaces: Option<Version>, bytes: &Bytes) {
        let leaves = Version::Is(etag_of(bytes));
        self.versions.lock().doubt(key, replaces, leaves, Instant::now());
    }
}

/// The ETag that R2 gives an object that was put whole.
fn etag_of(bytes: &Bytes) -> String {
    hex::encode(Md5::digest(bytes))
}
