//! The bucket with a memory: what the path hook calls. Most questions cost no request.
//!
//! In a folder that has been listed once, a new file costs its upload and nothing more. What was written or read lately need not be
//! downloaded, and what another writer does is seen within the refresh interval.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::bucket::Bucket;
use super::cache::{Cache, Name};
use super::content::{Content, HELD_BYTES, Sink};
use super::error::Error;
use super::files::{FileError, Source};
use super::list::Listing;
use super::meta::{Level, Meta};
use super::put::PutMode;
use super::read::{held, only_held};

use crate::config::R2Settings;
use crate::lock::Mutex;
use crate::metrics::R2Metrics;

/// Keys that are noted as told: more than that would only fill memory and log.
const MOST_TOLD: usize = 1000;

/// Bytes of objects kept in memory; the cache takes none that is larger than a quarter of it.
const CACHE_BYTES: usize = 4 * HELD_BYTES as usize;

/// The objects of one bucket. After `fork` the child opens its own.
pub struct Objects {
    bucket: Bucket,
    /// What is known. Rank 8. Held to look and to note, never while R2 is asked.
    cache: Mutex<Cache, 8>,
    /// Keys that were told to be no file's name. Rank 9. Held to note some.
    told: Mutex<BTreeSet<String>, 9>,
}

impl Objects {
    /// Opens the settings' bucket.
    pub fn open(settings: &R2Settings, metrics: Arc<R2Metrics>) -> Result<Objects, Error> {
        let cache = Mutex::new(Cache::new(settings.refresh, CACHE_BYTES));
        Ok(Objects { bucket: Bucket::connect(settings, metrics)?, cache, told: Mutex::default() })
    }

    /// The bucket itself, past what is known.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// What is known of a name, without asking.
    pub fn known_name(&self, key: &str) -> Name {
        self.cache.lock().name(key, Instant::now())
    }

    /// Whether anything stands below a prefix, as far as is known without asking.
    pub fn known_below(&self, prefix: &str) -> Option<bool> {
        self.cache.lock().any_below(prefix, Instant::now())
    }

    /// What stands directly below a prefix, if all of it is known and recent. `is_ours`: nobody else writes there, so it need not be
    /// recent.
    pub fn known_level(&self, prefix: &str, is_ours: bool) -> Option<Level> {
        self.cache.lock().level(prefix, Instant::now(), is_ours)
    }

    /// Holds what is known still, for `fork`.
    pub fn lock(&self) -> impl Sized + '_ {
        (self.cache.lock(), self.told.lock(), self.bucket.lock())
    }

    /// What an object is like.
    pub fn stat(&self, key: &str) -> Result<Meta, Error> {
        let asked = Instant::now();
        match self.cache.lock().name(key, asked) {
            Name::Present { meta, fresh: true } => return Ok(meta),
            Name::Absent { fresh: true } => return Err(missing(key)),
            _ => {}
        }
        let answer = self.bucket.head(key);
        match &answer {
            Ok(meta) => self.cache.lock().saw(meta.clone(), asked),
            Err(error) => self.forget(key, asked, error),
        }
        answer
    }

    /// An object's bytes, if it is not too large to be held.
    pub fn read(&self, key: &str) -> Result<(Bytes, Meta), Error> {
        self.fetch(key, only_held).map(held)
    }

    /// An object's bytes; those of a large one go into what `make` gives.
    pub fn fetch<S: Sink>(
        &self,
        key: &str,
        make: impl Fn(&Meta) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Result<(Content<S>, Meta), Error> {
        let asked = Instant::now();
        let (meta, fresh, bytes) = match self.known_bytes(key, asked) {
            Known::Nothing => return self.download(key, asked, make),
            Known::Absence => return Err(missing(key)),
            Known::Bytes { meta, fresh, bytes } => (meta, fresh, bytes),
        };
        if !fresh {
            match self.bucket.fetch(key, Some(&meta.etag), make) {
                Ok(None) => self.cache.lock().saw(meta.clone(), asked),
                Ok(Some(read)) => return Ok(self.keep(read, asked)),
                Err(error) => {
                    self.forget(key, asked, &error);
                    return Err(error);
                }
            }
        }
        self.bucket.metrics().cache_hits.add(1);
        Ok((Content::Held(bytes), meta))
    }

    fn known_bytes(&self, key: &str, now: Instant) -> Known {
        let mut cache = self.cache.lock();
        match cache.name(key, now) {
            Name::Absent { fresh: true } => Known::Absence,
            Name::Present { meta, fresh } => {
                let bytes = cache.bytes(key, &meta.etag);
                bytes.map_or(Known::Nothing, |bytes| Known::Bytes { meta, fresh, bytes })
            }
            _ => Known::Nothing,
        }
    }

    /// The same, asked of R2 whatever is known: another process may have written it just now.
    pub fn fetch_anew<S: Sink>(
        &self,
        key: &str,
        make: impl Fn(&Meta) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Result<(Content<S>, Meta), Error> {
        self.download(key, Instant::now(), make)
    }

    /// An object's bytes, unless it is still the one with this ETag, which is open here and not in the cache.
    pub fn fetch_unless<S: Sink>(
        &self,
        key: &str,
        etag: &str,
        make: impl Fn(&Meta) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Result<Option<(Content<S>, Meta)>, Error> {
        let asked = Instant::now();
        match self.cache.lock().name(key, asked) {
            Name::Present { meta, fresh: true } if meta.etag == etag => return Ok(None),
            _ => {}
        }
        self.fetch_if_changed(key, etag, make)
    }

    /// An object's bytes, unless R2 says that it is still the one with this ETag.
    pub fn fetch_if_changed<S: Sink>(
        &self,
        key: &str,
        etag: &str,
        make: impl Fn(&Meta) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Result<Option<(Content<S>, Meta)>, Error> {
        let asked = Instant::now();
        let fetched = self.bucket.fetch(key, Some(etag), make);
        fetched.map(|read| read.map(|read| self.keep(read, asked))).inspect_err(|error| self.forget(key, asked, error))
    }

    fn download<S: Sink>(
        &self,
        key: &str,
        asked: Instant,
        make: impl Fn(&Meta) -> Result<S, Error> + Send + Sync + 'static,
    ) -> Result<(Content<S>, Meta), Error> {
        match self.bucket.fetch(key, None, make).and_then(|read| read.ok_or_else(|| missing(key))) {
            Ok(read) => Ok(self.keep(read, asked)),
            Err(error) => {
                self.forget(key, asked, &error);
                Err(error)
            }
        }
    }

    /// Writes an object; whoever reads it next gets it from memory.
    pub fn write(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<Meta, Error> {
        if let Name::Present { meta, .. } = self.known_name(key) {
            self.bucket.expect(key, &meta.etag);
        }
        let put = self.bucket.put(key, bytes.clone(), mode);
        let mut cache = self.cache.lock();
        match &put {
            Ok(meta) => {
                cache.wrote(meta.clone(), Instant::now());
                cache.keep(key, &meta.etag, bytes);
            }
            Err(_) => cache.doubt(key, Instant::now()),
        }
        put
    }

    /// Writes a large object from a file, part by part; whoever reads it next fetches it.
    pub fn write_from(&self, key: &str, source: Arc<impl Source>, size: u64, mode: PutMode) -> Result<Meta, FileError> {
        let put = self.bucket.put_from(key, source, size, mode);
        let mut cache = self.cache.lock();
        match &put {
            Ok(meta) => {
                cache.wrote(meta.clone(), Instant::now());
                cache.forget_bytes(key);
            }
            Err(_) => cache.doubt(key, Instant::now()),
        }
        put
    }

    /// Deletes objects; those that are not there are no error.
    pub fn delete<K: AsRef<str>>(&self, keys: &[K]) -> Result<(), Error> {
        let done = self.bucket.delete(keys);
        let mut cache = self.cache.lock();
        for key in keys {
            match done {
                Ok(()) => cache.deleted(key.as_ref(), Instant::now()),
                Err(_) => cache.doubt(key.as_ref(), Instant::now()),
            }
        }
        done
    }

    /// Gives an object another key, replacing what is there: a copy within R2, and a deletion.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        self.copy(from, to)?;
        self.delete(&[from])
    }

    /// Copies an object within R2.
    pub fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        let copied = self.bucket.copy(from, to);
        let now = Instant::now();
        let mut cache = self.cache.lock();
        match (&copied, cache.name(from, now)) {
            // R2 may give the copy of an object uploaded in parts another ETag.
            (Ok(()), Name::Present { meta, .. }) if !meta.etag.contains('-') => {
                if let Some(bytes) = cache.bytes(from, &meta.etag) {
                    cache.keep(to, &meta.etag, bytes);
                }
                cache.wrote(Meta { key: to.to_owned(), modified: std::time::SystemTime::now(), ..meta }, now);
            }
            (Err(Error::NotFound { .. }), _) => cache.saw_nothing(from, now),
            _ => cache.doubt(to, now),
        }
        copied
    }

    /// All objects below a prefix, asked of R2; from then on every name below it is known.
    pub fn list(&self, prefix: &str) -> Result<Vec<Meta>, Error> {
        let asked = Instant::now();
        let Listing { objects, unusable } = self.bucket.listing(prefix)?;
        self.tell(prefix, &unusable);
        self.cache.lock().saw_all(prefix, &objects, asked);
        Ok(objects)
    }

    /// Logs the keys that cannot be shown, those of a listing at once, and each once.
    fn tell(&self, prefix: &str, unusable: &[String]) {
        let mut told = self.told.lock();
        let new: Vec<&String> =
            unusable.iter().filter(|key| told.len() < MOST_TOLD && told.insert((*key).clone())).collect();
        drop(told);
        let Some(first) = new.first() else { return };
        let others = if new.len() > 1 { format!(" ({} more like it)", new.len() - 1) } else { String::new() };
        crate::log::warn(&format_args!(
            "the object {first:?} below {prefix} in the bucket can be no file's name{others} and is not shown: rename or delete it, \
             with any S3 client"
        ));
    }

    /// Whether anything stands below a prefix: whether there is such a folder.
    pub fn any_below(&self, prefix: &str) -> Result<bool, Error> {
        let known = self.cache.lock().any_below(prefix, Instant::now());
        known.map_or_else(|| self.bucket.any_below(prefix), Ok)
    }

    /// Other processes may have written until now: what is known is checked before it is relied on, and for a short while new names
    /// are, too.
    pub fn others_write(&self) {
        self.cache.lock().others_write(Instant::now());
    }

    fn forget(&self, key: &str, asked: Instant, error: &Error) {
        if matches!(error, Error::NotFound { .. }) {
            self.cache.lock().saw_nothing(key, asked);
        }
    }

    fn keep<S>(&self, (content, meta): (Content<S>, Meta), asked: Instant) -> (Content<S>, Meta) {
        let mut cache = self.cache.lock();
        cache.saw(meta.clone(), asked);
        match &content {
            Content::Held(bytes) => cache.keep(&meta.key, &meta.etag, bytes.clone()),
            Content::Poured(_) => cache.forget_bytes(&meta.key),
        }
        (content, meta)
    }
}

enum Known {
    Nothing,
    Absence,
    Bytes { meta: Meta, fresh: bool, bytes: Bytes },
}

fn missing(key: &str) -> Error {
    Error::NotFound { key: key.to_owned() }
}
