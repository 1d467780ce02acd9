//! Questions about one object, and its bytes.

use std::convert::Infallible;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore, ObjectStoreExt};

use super::bounds::OBJECT_BYTES;
use super::bucket::{Bucket, Remote, Task, path};
use super::content::{Content, HELD_BYTES, Sink};
use super::error::{Cause, Error};
use super::meta::{Meta, quoted};
use super::versions::Version;
use super::wire::time_for;
use crate::memory;

/// Objects up to this size come in one request, larger ones in several at a time.
pub(super) const RANGE_BYTES: u64 = 8 << 20;

/// Ranges on the way at once.
const RANGES: usize = 4;

/// How often an object may be overwritten while it is being read.
const READS: usize = 5;

impl Bucket {
    /// What R2 knows of an object.
    pub fn head(&self, key: &str) -> Result<Meta, Error> {
        self.run((key.to_owned(), path(key)?), async |remote, (key, path)| remote.head(&key, &path).await)
    }

    /// An object and its bytes, if it is not too large to be held.
    pub fn get(&self, key: &str) -> Result<(Bytes, Meta), Error> {
        let missing = || Error::NotFound { key: key.to_owned() };
        Ok(held(self.fetch(key, None, only_held)?.ok_or_else(missing)?))
    }

    /// The same, or `None` if it is still the one with this ETag.
    pub fn get_if_changed(&self, key: &str, etag: &str) -> Result<Option<(Bytes, Meta)>, Error> {
        Ok(self.fetch(key, Some(etag), only_held)?.map(held))
    }

    /// An object and its bytes, or `None` if it is still the one whose ETag is `unless`. Those of a large object go into what `make`
    /// gives, which may be called again when they have to be fetched anew.
    pub fn fetch<S: Sink>(
        &self,
        key: &str,
        unless: Option<&str>,
        make: impl Fn(&Meta) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Result<Option<(Content<S>, Meta)>, Error> {
        let arguments = (key.to_owned(), path(key)?, unless.map(quoted), Arc::new(make));
        self.run(arguments, async |remote, (key, path, unless, make)| remote.read(&key, &path, unless, &*make).await)
    }
}

/// For who has no place for large objects.
pub(super) fn only_held(meta: &Meta) -> Result<Infallible, Error> {
    Err(Error::does_not_fit(meta, "are too many to be held", libc::EFBIG))
}

pub(super) fn held((content, meta): (Content<Infallible>, Meta)) -> (Bytes, Meta) {
    match content {
        Content::Held(bytes) => (bytes, meta),
        Content::Poured(none) => match none {},
    }
}

impl Sink for Infallible {
    fn append(&mut self, _: &[u8]) -> io::Result<()> {
        match *self {}
    }
}

impl Remote {
    async fn head(&self, key: &str, path: &Path) -> Result<Meta, Error> {
        let task = self.task("look for", key, Duration::ZERO);
        match self.retrying(&task, || async { Ok(self.store.head(path).await?) }).await {
            Ok(meta) => {
                let meta = Meta::of(meta);
                self.versions.lock().saw(key, Version::Is(meta.etag.clone()));
                Ok(meta)
            }
            Err(Cause::NotFound) => {
                self.need_bucket().await?;
                Err(Error::NotFound { key: key.to_owned() })
            }
            Err(cause) => Err(task.error(cause)),
        }
    }

    async fn read<S: Sink>(
        &self,
        key: &str,
        path: &Path,
        unless: Option<String>,
        make: &(impl Fn(&Meta) -> Result<S, Error> + Send + Sync),
    ) -> Result<Option<(Content<S>, Meta)>, Error> {
        let mut left = READS;
        loop {
            let task = self.task("get", key, Duration::ZERO);
            left -= 1;
            match self.read_once(&task, path, unless.clone(), make).await {
                Ok(read) => return Ok(Some(read)),
                Err(Cause::NotModified) => return Ok(None),
                Err(Cause::Changed) if left > 0 => {}
                Err(cause) => return Err(task.error(cause)),
            }
        }
    }

    async fn read_once<S: Sink>(
        &self,
        task: &Task<'_>,
        path: &Path,
        unless: Option<String>,
        make: &(impl Fn(&Meta) -> Result<S, Error> + Send + Sync),
    ) -> Result<(Content<S>, Meta), Cause> {
        let first = GetOptions {
            range: Some(GetRange::Bounded(0..RANGE_BYTES)),
            if_none_match: unless.clone(),
            ..GetOptions::default()
        };
        let (bytes, meta) = match self.get(task, path, &first).await {
            // An empty object has no first byte. It may have got some since.
            Err(Cause::Refused(answer)) if answer.status == 416 => {
                let whole = GetOptions { if_none_match: unless, ..GetOptions::default() };
                return self.get(task, path, &whole).await.map(|(bytes, meta)| (Content::Held(bytes), meta));
            }
            first => first?,
        };
        if meta.size <= RANGE_BYTES {
            return Ok((Content::Held(bytes), meta));
        }
        if meta.size > OBJECT_BYTES {
            return Err(Cause::Local(Error::does_not_fit(&meta, "are more than R2 has in any object", libc::EFBIG)));
        }
        let content = if meta.size <= HELD_BYTES {
            let mut whole = room_for(&meta)?;
            self.pour(path, &meta, bytes, &mut whole).await?;
            Content::Held(whole.into())
        } else {
            let mut sink = make(&meta).map_err(Cause::Local)?;
            self.pour(path, &meta, bytes, &mut sink).await?;
            Content::Poured(sink)
        };
        Ok((content, meta))
    }

    /// All bytes of the object that `meta` describes and that begins with `first`.
    async fn pour(&self, path: &Path, meta: &Meta, first: Bytes, sink: &mut impl Sink) -> Result<(), Cause> {
        let refused = |error: io::Error| {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            Cause::Local(Error::does_not_fit(meta, &format!("cannot be kept: {error}"), errno))
        };
        sink.append(&first).map_err(refused)?;
        drop(first);
        let mut parts = stream::iter(ranges(meta.size)).map(|range| self.range(path, meta, range)).buffered(RANGES);
        while let Some(part) = parts.try_next().await? {
            sink.append(&part).map_err(refused)?;
        }
        Ok(())
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
            let (meta, said) = (Meta::of(result.meta.clone()), result.range.end - result.range.start);
            let bytes = result.bytes().await?;
            if bytes.len() as u64 == said {
                return Ok((bytes, meta));
            }
            // Somebody on the way has made it shorter: the next one may be whole.
            let reason = format!("{} bytes came instead of {said}", bytes.len());
            Err(Cause::Transient { reason, retry_after: None })
        };
        self.retrying(task, attempt).await
    }
}

/// Memory for an object that is to be held, twice: a program that opens it gets a copy.
fn room_for(meta: &Meta) -> Result<Vec<u8>, Cause> {
    let full = |reason: String| Cause::Local(Error::does_not_fit(meta, &reason, libc::ENOMEM));
    memory::check(meta.size * 2)
        .map_err(|left| full(format!("do not fit into the {left} bytes of memory that are left")))?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(meta.size).unwrap_or(usize::MAX))
        .map_err(|error| full(format!("do not fit: {error}")))?;
    Ok(bytes)
}

impl Sink for Vec<u8> {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

fn ranges(size: u64) -> impl Iterator<Item = Range<u64>> {
    (RANGE_BYTES..size).step_by(RANGE_BYTES as usize).map(move |start| start..(start + RANGE_BYTES).min(size))
}
