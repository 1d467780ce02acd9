//! Deletions that wait a short while for others, so that removing a small tree costs one request.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::errno::Result;
use super::paths::{ObjectKey, Prefix};
use crate::lock::{Mutex, MutexGuard};
use crate::r2::Objects;
use crate::runtime::Runtime;

/// How long a deletion waits for others in its directory, or for `rmdir`.
const WAIT: Duration = Duration::from_millis(500);

/// Objects that are deleted as far as this process is concerned, and still in the bucket.
pub(super) struct Deferred {
    objects: Arc<Objects>,
    /// Rank 5. Held to look at or change the set.
    keys: Mutex<BTreeSet<ObjectKey>, 5>,
    /// Held while such objects are deleted. Rank 4.
    deleting: Mutex<(), 4>,
}

impl Deferred {
    /// None so far.
    pub(super) fn new(objects: Arc<Objects>) -> Deferred {
        Deferred { objects, keys: Mutex::default(), deleting: Mutex::default() }
    }

    /// Whether this object is one of them.
    pub(super) fn has(&self, key: &ObjectKey) -> bool {
        self.keys.lock().contains(key)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.lock().is_empty()
    }

    /// All of them.
    pub(super) fn keys(&self) -> BTreeSet<ObjectKey> {
        self.keys.lock().clone()
    }

    /// Deletes an object after a short while.
    pub(super) fn add(self: &Arc<Deferred>, key: ObjectKey) {
        self.keys.lock().insert(key);
        let Ok(runtime) = Runtime::current() else { return };
        let deferred = Arc::clone(self);
        runtime.later(WAIT, move || {
            // A failure was logged; what could not be deleted stays here, and is tried again with the next deletion or at the end.
            let _ = deferred.delete_all();
        });
    }

    /// A name is used again: an object of that name is replaced instead of deleted. Whether there was one.
    pub(super) fn cancel(&self, key: &ObjectKey) -> bool {
        if !self.has(key) {
            return false;
        }
        // A deletion that is on its way must have arrived before anything new does.
        let _turn = self.deleting.lock();
        self.keys.lock().remove(key)
    }

    /// Deletes all of them now.
    pub(super) fn delete_all(&self) -> Result<()> {
        self.delete_where(|_| true)
    }

    /// Deletes those below a directory now.
    pub(super) fn delete_below(&self, prefix: &Prefix) -> Result<()> {
        self.delete_where(|key| key.as_str().starts_with(prefix.as_str()))
    }

    /// Deletes some of them now.
    pub(super) fn delete_where(&self, which: impl Fn(&ObjectKey) -> bool) -> Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        let _turn = self.deleting.lock();
        let keys: Vec<ObjectKey> = self.keys.lock().iter().filter(|key| which(key)).cloned().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = keys.iter().map(ObjectKey::as_str).collect();
        self.objects.delete(&names)?;
        let mut waiting = self.keys.lock();
        for key in &keys {
            waiting.remove(key);
        }
        Ok(())
    }

    /// Keeps the set as it is, for `fork`.
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeSet<ObjectKey>, 5> {
        self.keys.lock()
    }

    /// In a child made by `fork`: they are the parent's to delete.
    pub(super) fn forked(&self) {
        self.keys.lock().clear();
    }
}
