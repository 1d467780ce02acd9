//! Watching objects that a late request may still change, and undoing what it does.
//!
//! A deletion and a copy have no condition in R2, and a condition may hold once more when an object is again what it was. Where such a
//! request got no answer, was sent again, and something newer was done since, the object is looked at for as long as the first one may
//! still arrive. This is for a bad moment of the network alone: without one, nothing is watched and nothing is asked.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};

use super::bucket::{Remote, Task};
use super::error::Cause;
use super::meta::unquoted;
use super::versions::Version;

/// The first wait before an object is looked at, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));

/// What an object has to be.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    Absent,
    Bytes(Bytes),
}

impl Remote {
    /// What is known of a key that is about to be changed. Whoever watches the object gives way.
    pub(super) async fn begin(&self, key: &str) -> Option<Version> {
        let is_doubtful = self.versions.lock().is_doubtful(key);
        let undoing = self.undoing.lock();
        // Not for ever: should the runtime have ended in the middle, nobody gives the turn back.
        let _turn = if is_doubtful { tokio::time::timeout(self.timeout, undoing).await.ok() } else { None };
        self.versions.lock().take(key)
    }

    /// A change has succeeded. Should a late request be able to undo it, the object is watched.
    pub(super) fn settle(self: &Arc<Remote>, key: &str, path: &Path, version: Version, wanted: Wanted) {
        let in_danger = {
            let mut versions = self.versions.lock();
            versions.saw(key, version);
            versions.in_danger(key, Instant::now())
        };
        if let Some(version) = in_danger {
            let (remote, key, path) = (Arc::clone(self), key.to_owned(), path.clone());
            tokio::spawn(async move { remote.watch(&key, &path, version, &wanted).await });
        }
    }

    /// Watches an object as long as it is meant to be `version` and a late request may change it.
    async fn watch(&self, key: &str, path: &Path, mut version: Version, wanted: &Wanted) {
        let mut wait = WAITS.0;
        loop {
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAITS.1);
            let _turn = self.undoing.lock().await;
            if self.versions.lock().in_danger(key, Instant::now()).as_ref() != Some(&version) {
                return;
            }
            let task = self.task("look after", key, Duration::ZERO);
            let Ok(found) = self.version(&task, path).await else { continue };
            if found == version {
                continue;
            }
            if !self.versions.lock().is_late(key, &version, &found) {
                return; // another writer's
            }
            match self.undo(&task, path, &found, wanted).await {
                Ok(now) => {
                    let mut versions = self.versions.lock();
                    versions.undone(key, &version, &found);
                    versions.saw(key, now.clone());
                    version = now;
                    drop(versions);
                    crate::log::warn(&format_args!(
                        "a request about the object {key:?} arrived at R2 long after it was sent, and was undone"
                    ));
                }
                Err(cause) => tracing::debug!(?cause, key, "a late request is not undone yet"),
            }
        }
    }

    /// Makes an object again what it has to be, unless another writer is faster.
    async fn undo(&self, task: &Task<'_>, path: &Path, found: &Version, wanted: &Wanted) -> Result<Version, Cause> {
        match wanted {
            Wanted::Absent => {
                self.store.delete(path).await?;
                Ok(Version::Absent)
            }
            Wanted::Bytes(bytes) => self.put_over(task, path, bytes, found).await.map(Version::Is),
        }
    }

    /// What stands under a key now.
    pub(super) async fn version(&self, task: &Task<'_>, path: &Path) -> Result<Version, Cause> {
        let head = || GetOptions { head: true, ..GetOptions::default() };
        match self.retrying(task, || async { Ok(self.store.get_opts(path, head()).await?) }).await {
            Ok(found) => Ok(Version::Is(unquoted(found.meta.e_tag))),
            Err(Cause::NotFound) => Ok(Version::Absent),
            Err(cause) => Err(cause),
        }
    }
}
