//! Questions about one object, and its bytes.

use std::ops::Range;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt};

use super::bucket::{Bucket, Remote, Task, path};
use super::error::{Cause, Error};
use super::meta::{Meta, quoted};
use super::wire::time_for;

/// Objects up to this size come in one request, larger ones in several at a time.
const RANGE_BYTES: u64 = 8 << 20;

/// Ranges on the way at once.
const RANGES: usize = 4;

/// How often an object may be overwritten while it is being read.
const READS: usize = 5;

impl Bucket {
    /// What R2 knows of an object.
    pub fn head(&self, key: &str) -> Result<Meta, Error> {
        self.run((key.to_owned(), path(key)?), async |remote, (key, path)| remote.head(&key, &path).await)
    }

    /// An object and its bytes.
    pub fn get(&self, key: &str) -> Result<(Bytes, Meta), Error> {
        let missing = || Error::NotFound { key: key.to_owned() };
        self.read(key, None)?.ok_or_else(missing)
    }

    /// An object and its bytes, or `None` if it is still the one with this ETag.
    pub fn get_if_changed(&self, key: &str, etag: &str) -> Result<Option<(Bytes, Meta)>, Error> {
        self.read(key, Some(quoted(etag)))
    }

    fn read(&self, key: &str, unless: Option<String>) -> Result<Option<(Bytes, Meta)>, Error> {
        let arguments = (key.to_owned(), path(key)?, unless);
        self.run(arguments, async |remote, (key, path, unless)| remote.read(&key, &path, unless).await)
    }
}

impl Remote {
    async fn head(&self, key: &str, path: &Path) -> Result<Meta, Error> {
        let task = self.task("look for", key, Duration::ZERO);
        match self.retrying(&task, || async { Ok(self.store.head(path).await?) }).await {
            Ok(meta) => Ok(Meta::of(meta)),
            Err(Cause::NotFound) => {
                self.need_bucket().await?;
                Err(Error::NotFound { key: key.to_owned() })
            }
            Err(cause) => Err(task.error(cause)),
        }
    }

    async fn read(&self, key: &str, path: &Path, unless: Option<String>) -> Result<Option<(Bytes, Meta)>, Error> {
        let mut left = READS;
        loop {
            let task = self.task("get", key, Duration::ZERO);
            left -= 1;
            match self.read_once(&task, path, unless.clone()).await {
                Ok(read) => return Ok(Some(read)),
                Err(Cause::NotModified) => return Ok(None),
                Err(Cause::Changed) if left > 0 => {}
                Err(cause) => return Err(task.error(cause)),
            }
        }
    }

    async fn read_once(&self, task: &Task<'_>, path: &Path, unless: Option<String>) -> Result<(Bytes, Meta), Cause> {
        let first = GetOptions {
            range: Some(GetRange::Bounded(0..RANGE_BYTES)),
            if_none_match: unless.clone(),
            ..GetOptions::default()
        };
        let (bytes, meta) = match self.get(task, path, &first).await {
            // An empty object has no first byte. It may have got some since.
            Err(Cause::Refused(answer)) if answer.status == 416 => {
                let whole = GetOptions { if_none_match: unless, ..GetOptions::default() };
                return self.get(task, path, &whole).await;
            }
            first => first?,
        };
        if meta.size <= RANGE_BYTES {
            return Ok((bytes, meta));
        }
        let mut whole = BytesMut::with_capacity(meta.size as usize);
        whole.extend_from_slice(&bytes);
        drop(bytes);
        let mut parts = stream::iter(ranges(meta.size)).map(|range| self.range(path, &meta, range)).buffered(RANGES);
        while let Some(part) = parts.try_next().await? {
            whole.extend_from_slice(&part);
        }
        drop(parts);
        Ok((whole.freeze(), meta))
    }

    /// One more range of the object that `meta` describes, and of no other.
    pub(super) async fn range(&self, path: &Path, meta: &Meta, range: Range<u64>) -> Result<Bytes, Cause> {
        let task = self.task("get", &meta.key, time_for(RANGE_BYTES * RANGES as u64));
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            if_match: Some(quoted(&meta.etag)),
            ..GetOptions::default()
        };
        Ok(self.get(&task, path, &options).await?.0)
    }

    async fn get(&self, task: &Task<'_>, path: &Path, options: &GetOptions) -> Result<(Bytes, Meta), Cause> {
        let attempt = || async {
            let result: GetResult = self.store.get_opts(path, options.clone()).await?;
            let meta = Meta::of(result.meta.clone());
            Ok((result.bytes().await?, meta))
        };
        self.retrying(task, attempt).await
    }
}

fn ranges(size: u64) -> impl Iterator<Item = Range<u64>> {
    (RANGE_BYTES..size).step_by(RANGE_BYTES as usize).map(move |start| start..(start + RANGE_BYTES).min(size))
}
