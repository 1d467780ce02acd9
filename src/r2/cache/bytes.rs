//! The bytes of objects, the longest unused ones going first.

use ::bytes::Bytes;
use lru::LruCache;

#[derive(Debug)]
pub(super) struct ByteCache {
    budget: usize,
    used: usize,
    objects: LruCache<String, (String, Bytes)>,
}

impl ByteCache {
    pub(super) fn new(budget: usize) -> ByteCache {
        ByteCache { budget, used: 0, objects: LruCache::unbounded() }
    }

    pub(super) fn get(&mut self, key: &str, etag: &str) -> Option<Bytes> {
        self.objects.get(key).filter(|(kept, _)| kept == etag).map(|(_, bytes)| bytes.clone())
    }

    pub(super) fn put(&mut self, key: &str, etag: &str, bytes: Bytes) {
        self.remove(key);
        // One object must not push out all others.
        if bytes.len() > self.budget / 4 {
            return;
        }
        self.used += bytes.len();
        self.objects.put(key.to_owned(), (etag.to_owned(), bytes));
        while self.used > self.budget
            && let Some((_, (_, bytes))) = self.objects.pop_lru()
        {
            self.used -= bytes.len();
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Some((_, bytes)) = self.objects.pop(key) {
            self.used -= bytes.len();
        }
    }
}
