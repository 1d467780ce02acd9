//! What this process knows of the bucket, so that it need not ask again: names, and the bytes of objects read or written lately.
//! In: what R2 has answered and when it was asked, what was written here, and the time. Out: answers, and whether they may be relied on.
//! Pure data: no request, no clock, no lock.
//!
//! Facts carry the time of the question, not of the answer: a slow listing knows nothing of a name that was written meanwhile.

mod bytes;
mod name;
mod names;

use std::time::Instant;

use ::bytes::Bytes;

use self::bytes::ByteCache;
pub use self::name::Name;
use self::names::Names;
use super::meta::{Level, Meta};
use crate::config::Refresh;

/// Names and bytes known.
#[derive(Debug)]
pub struct Cache {
    names: Names,
    bytes: ByteCache,
}

impl Cache {
    /// An empty cache that keeps at most `budget_bytes` of objects.
    pub fn new(refresh: Refresh, budget_bytes: usize) -> Cache {
        Cache { names: Names::new(refresh), bytes: ByteCache::new(budget_bytes) }
    }

    /// What is known of a name.
    pub fn name(&mut self, key: &str, now: Instant) -> Name {
        self.names.name(key, now)
    }

    /// What stands directly below `prefix`, if all of it is known and recent. `is_ours`: nobody else writes there.
    pub fn level(&self, prefix: &str, now: Instant, is_ours: bool) -> Option<Level> {
        self.names.level(prefix, now, is_ours)
    }

    /// Whether anything stands below `prefix`, if that is known.
    pub fn any_below(&self, prefix: &str, now: Instant) -> Option<bool> {
        self.names.any_below(prefix, now)
    }

    /// The bytes of the object in the state with this ETag.
    pub fn bytes(&mut self, key: &str, etag: &str) -> Option<Bytes> {
        self.bytes.get(key, etag)
    }

    /// R2 has told of an object; it was `asked` then.
    pub fn saw(&mut self, meta: Meta, asked: Instant) {
        self.names.saw(meta, asked);
    }

    /// R2 had no such object.
    pub fn saw_nothing(&mut self, key: &str, asked: Instant) {
        self.names.saw_nothing(key, asked);
        self.bytes.remove(key);
    }

    /// R2 has told of all objects below `prefix`.
    pub fn saw_all(&mut self, prefix: &str, objects: &[Meta], asked: Instant) {
        self.names.saw_all(prefix, objects, asked);
    }

    /// This process has written an object.
    pub fn wrote(&mut self, meta: Meta, now: Instant) {
        self.names.wrote(meta, now);
    }

    /// This process has deleted an object.
    pub fn deleted(&mut self, key: &str, now: Instant) {
        self.names.deleted(key, now);
        self.bytes.remove(key);
    }

    /// An operation on an object has ended in the unknown.
    pub fn doubt(&mut self, key: &str, now: Instant) {
        self.names.doubt(key, now);
        self.bytes.remove(key);
    }

    /// Keeps an object's bytes.
    pub fn keep(&mut self, key: &str, etag: &str, bytes: Bytes) {
        self.bytes.put(key, etag, bytes);
    }

    /// An object's bytes are not held any more.
    pub fn forget_bytes(&mut self, key: &str) {
        self.bytes.remove(key);
    }

    /// Other processes may have written until now.
    pub fn others_write(&mut self, now: Instant) {
        self.names.others_write(now);
    }
}

#[cfg(test)]
mod tests;
