//! What stands under a key as far as its last answers tell, and which requests may still arrive there.
//! In: answers, requests without an answer, and the time. Out: the condition of the next put, and whether a late request can do harm.
//! Pure data: no request, no clock, no lock.
//!
//! A request without an answer may be carried out at any time, also after its retry. So each put has a condition that no longer holds
//! once something newer was put: it replaces the version known, or nothing. That is not enough where the same version comes back, or
//! where R2 has no condition, as for a deletion: then the object is watched (`guard`).

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

/// How many versions are remembered.
const VERSIONS: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// A request that comes later is refused: its signature names the time, and S3 takes it for so long.
const LATEST: Duration = Duration::from_secs(15 * 60);

/// What stands under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Absent,
    /// An object with this ETag.
    Is(String),
}

/// A request that may still arrive.
#[derive(Debug)]
struct Doubt {
    /// The version it replaces; `None`: any.
    replaces: Option<Version>,
    /// What it makes of that.
    leaves: Version,
    until: Instant,
}

impl Doubt {
    /// Whether its arrival would change this version.
    fn changes(&self, version: &Version) -> bool {
        self.leaves != *version && self.replaces.as_ref().is_none_or(|replaces| replaces == version)
    }
}

/// The versions of a bucket's objects, and the doubts about them.
#[derive(Debug)]
pub(super) struct Versions {
    known: LruCache<String, Version>,
    doubts: HashMap<String, Vec<Doubt>>,
    /// The process whose requests they are.
    pid: u32,
}

impl Versions {
    pub(super) fn new() -> Versions {
        Versions { known: LruCache::new(VERSIONS), doubts: HashMap::new(), pid: std::process::id() }
    }

    /// What the last answer said of a key.
    pub(super) fn known(&mut self, key: &str) -> Option<Version> {
        self.known.get(key).cloned()
    }

    /// The same; from now on nothing is known, since it is about to be changed.
    pub(super) fn take(&mut self, key: &str) -> Option<Version> {
        self.known.pop(key)
    }

    /// An answer tells what stands under a key.
    pub(super) fn saw(&mut self, key: &str, version: Version) {
        self.known.put(key.to_owned(), version);
    }

    /// A request got no answer.
    pub(super) fn doubt(&mut self, key: &str, replaces: Option<Version>, leaves: Version, now: Instant) {
        self.forget_old(now);
        let doubts = self.doubts.entry(key.to_owned()).or_default();
        doubts.push(Doubt { replaces, leaves, until: now + LATEST });
    }

    /// Whether a request of this process may still arrive at this key.
    pub(super) fn is_doubtful(&self, key: &str) -> bool {
        self.doubts.contains_key(key) && self.pid == std::process::id()
    }

    /// The version known, if a request that may still arrive would change it.
    pub(super) fn in_danger(&mut self, key: &str, now: Instant) -> Option<Version> {
        if !self.is_doubtful(key) {
            return None;
        }
        let version = self.known(key)?;
        let is_dangerous = |doubt: &Doubt| doubt.until > now && doubt.changes(&version);
        self.doubts.get(key)?.iter().any(is_dangerous).then_some(version)
    }

    /// Whether a version is what a late request leaves where `version` was.
    pub(super) fn is_late(&self, key: &str, version: &Version, found: &Version) -> bool {
        let is_this = |doubt: &Doubt| doubt.leaves == *found && doubt.changes(version);
        self.doubts.get(key).is_some_and(|doubts| doubts.iter().any(is_this))
    }

    /// A late request has arrived, and what it did was undone.
    pub(super) fn undone(&mut self, key: &str, version: &Version, found: &Version) {
        if let Some(doubts) = self.doubts.get_mut(key)
            && let Some(at) = doubts.iter().position(|doubt| doubt.leaves == *found && doubt.changes(version))
        {
            doubts.remove(at);
        }
    }

    fn forget_old(&mut self, now: Instant) {
        self.doubts.retain(|_, doubts| {
            doubts.retain(|doubt| doubt.until > now);
            !doubts.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(etag: &str) -> Version {
        Version::Is(etag.to_owned())
    }

    /// Whether a late put of `one` over `replaces` endangers an object that is at `version` now.
    fn endangers(replaces: Option<Version>, version: Version) -> bool {
        let now = Instant::now();
        let mut versions = Versions::new();
        versions.doubt("k", replaces, is("one"), now);
        versions.saw("k", version.clone());
        let danger = versions.in_danger("k", now);
        assert!(danger.as_ref().is_none_or(|found| *found == version));
        assert_eq!(versions.in_danger("k", now + LATEST), None, "by then it is refused");
        assert_eq!(versions.in_danger("other", now), None);
        danger.is_some()
    }

    #[test]
    fn only_what_a_late_request_would_change_is_in_danger() {
        assert!(!endangers(Some(Version::Absent), is("one")), "it was put");
        assert!(!endangers(Some(Version::Absent), is("two")), "and replaced");
        assert!(endangers(Some(Version::Absent), Version::Absent), "and deleted");
        assert!(!endangers(Some(is("none")), is("two")));
        assert!(endangers(Some(is("none")), is("none")), "and is what it was");
        assert!(endangers(None, is("two")) && endangers(None, Version::Absent));
        assert!(!endangers(None, is("one")));
    }

    #[test]
    fn a_late_request_is_told_from_another_writer_and_undone_once() {
        let mut versions = Versions::new();
        versions.saw("k", is("new"));
        versions.doubt("k", None, Version::Absent, Instant::now());
        assert!(versions.is_late("k", &is("new"), &Version::Absent));
        assert!(!versions.is_late("k", &is("new"), &is("of another")));
        versions.undone("k", &is("new"), &Version::Absent);
        assert!(!versions.is_late("k", &is("new"), &Version::Absent), "the next deletion is somebody's own");
    }

    #[test]
    fn old_doubts_are_forgotten() {
        let (mut versions, now) = (Versions::new(), Instant::now());
        versions.doubt("old", None, Version::Absent, now);
        versions.doubt("new", None, Version::Absent, now + LATEST);
        assert!(!versions.is_doubtful("old") && versions.is_doubtful("new"));
    }
}
