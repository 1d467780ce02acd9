//! Which names there are.
//!
//! That an object exists, and what it is like, holds for the refresh interval. That a name is free is what saving a new file asks first,
//! about a name that nobody has used: asking R2 would cost a request for nothing. So a listing, however old, answers for a name that
//! has not been asked about since; asked about again after the interval, the name is checked. While others are writing, every name is.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use lru::LruCache;

use super::name::Name;
use crate::config::Refresh;
use crate::r2::meta::{Level, Meta, below};

/// How many absent names are remembered one by one.
const ABSENT: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// For this long after a change that another writer made, more are expected.
const OTHERS: Duration = Duration::from_secs(600);

/// For this long after others may have written, more of it is expected.
const MAYBE: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Names {
    refresh: Refresh,
    facts: BTreeMap<String, Fact>,
    /// Names that were found, made or taken to be absent, and when.
    absent: LruCache<String, Instant>,
    /// Prefixes (with a slash) whose every name is in `facts`, as of then.
    listed: BTreeMap<String, Instant>,
    /// When other writers are no longer expected.
    others_until: Option<Instant>,
    /// What was learned before this moment is checked before it is relied on.
    doubted: Option<Instant>,
}

#[derive(Debug)]
struct Fact {
    state: State,
    learned: Instant,
}

#[derive(Debug)]
enum State {
    Present(Meta),
    /// An operation on it ended in the unknown.
    Doubtful,
}

impl Names {
    pub(super) fn new(refresh: Refresh) -> Names {
        let (facts, listed) = Default::default();
        Names { refresh, facts, absent: LruCache::new(ABSENT), listed, others_until: None, doubted: None }
    }

    pub(super) fn name(&mut self, key: &str, now: Instant) -> Name {
        match self.facts.get(key) {
            Some(Fact { state: State::Doubtful, .. }) => return Name::Unknown,
            Some(Fact { state: State::Present(meta), learned }) => {
                return Name::Present { meta: meta.clone(), fresh: self.fresh(*learned, now) };
            }
            None => {}
        }
        let listed = self.listed(key);
        let known = self.absent.get(key).copied().max(listed.filter(|at| self.fresh(*at, now)));
        match (known, listed) {
            (Some(at), _) => Name::Absent { fresh: self.fresh(at, now) },
            (None, None) => Name::Unknown,
            (None, Some(_)) if self.refresh == Refresh::Always || self.others_expected(now) => {
                Name::Absent { fresh: false }
            }
            (None, Some(_)) => {
                self.absent.put(key.to_owned(), now);
                Name::Absent { fresh: true }
            }
        }
    }

    pub(super) fn level(&self, prefix: &str, now: Instant, is_ours: bool) -> Option<Level> {
        let below = below(prefix);
        self.listed(&below).filter(|at| is_ours || self.fresh(*at, now))?;
        let mut level = Level::default();
        let mut from = below.clone();
        while let Some((key, fact)) = self.facts.range(from..).next().filter(|(key, _)| key.starts_with(&below)) {
            match (key[below.len()..].find('/'), &fact.state) {
                (Some(slash), _) => {
                    let folder = &key[..below.len() + slash];
                    level.folders.push(folder.to_owned());
                    from = format!("{folder}0"); // the character behind the slash
                }
                (None, state) => {
                    match state {
                        State::Present(meta) => level.objects.push(meta.clone()),
                        State::Doubtful => return None,
                    }
                    from = format!("{key}\0");
                }
            }
        }
        Some(level)
    }

    pub(super) fn any_below(&self, prefix: &str, now: Instant) -> Option<bool> {
        let below = below(prefix);
        let mut facts = self.below(&below).map(|(_, fact)| fact);
        let listed = self.listed(&below).is_some_and(|at| self.fresh(at, now) || !self.others_expected(now));
        let present =
            |fact: &Fact| matches!(fact.state, State::Present(_)) && (listed || self.fresh(fact.learned, now));
        match facts.any(present) {
            true => Some(true),
            false => listed.then_some(false),
        }
    }

    pub(super) fn saw(&mut self, meta: Meta, asked: Instant) {
        if self.outdated(&meta.key, asked) {
            return;
        }
        let foreign = match self.facts.get(&meta.key).map(|fact| &fact.state) {
            Some(State::Present(known)) => known.etag != meta.etag,
            Some(State::Doubtful) => false,
            None => self.listed(&meta.key).is_some(),
        };
        if foreign {
            self.others_wrote(asked);
        }
        self.learn(meta, asked);
    }

    pub(super) fn saw_nothing(&mut self, key: &str, asked: Instant) {
        if self.outdated(key, asked) {
            return;
        }
        if matches!(self.facts.remove(key), Some(Fact { state: State::Present(_), .. })) {
            self.others_wrote(asked);
        }
        self.absent.put(key.to_owned(), asked);
    }

    pub(super) fn saw_all(&mut self, prefix: &str, objects: &[Meta], asked: Instant) {
        let below = below(prefix);
        let known_before = self.listed(&below).is_some();
        let mut gone: BTreeMap<String, bool> = self
            .below(&below)
            .filter(|(_, fact)| fact.learned <= asked)
            .map(|(key, fact)| (key.clone(), matches!(fact.state, State::Present(_))))
            .collect();
        for meta in objects {
            gone.remove(&meta.key);
            let new = !self.facts.contains_key(&meta.key);
            if !known_before && new {
                // The first listing of a folder is news of others' writing only where it contradicts something.
                if !self.outdated(&meta.key, asked) {
                    self.learn(meta.clone(), asked);
                }
            } else {
                self.saw(meta.clone(), asked);
            }
        }
        for (key, present) in gone {
            self.facts.remove(&key);
            if present {
                self.others_wrote(asked);
            }
        }
        // Listings within this one say nothing more.
        self.listed.retain(|listed, at| !listed.starts_with(&below) || *at > asked);
        let at = self.listed.entry(below).or_insert(asked);
        *at = asked.max(*at);
    }

    pub(super) fn wrote(&mut self, meta: Meta, now: Instant) {
        self.learn(meta, now);
    }

    pub(super) fn deleted(&mut self, key: &str, now: Instant) {
        self.facts.remove(key);
        self.absent.put(key.to_owned(), now);
    }

    pub(super) fn doubt(&mut self, key: &str, now: Instant) {
        self.absent.pop(key);
        self.facts.insert(key.to_owned(), Fact { state: State::Doubtful, learned: now });
    }

    /// Another writer has been noticed.
    fn others_wrote(&mut self, now: Instant) {
        self.others_until = self.others_until.max(Some(now + OTHERS));
    }

    pub(super) fn others_write(&mut self, now: Instant) {
        self.others_until = self.others_until.max(Some(now + MAYBE));
        self.doubted = self.doubted.max(Some(now));
    }

    fn learn(&mut self, meta: Meta, learned: Instant) {
        self.absent.pop(&meta.key);
        self.facts.insert(meta.key.clone(), Fact { state: State::Present(meta), learned });
    }

    /// Whether something is known of the key that is newer than a question asked then.
    fn outdated(&self, key: &str, asked: Instant) -> bool {
        let fact = self.facts.get(key).map(|fact| fact.learned);
        fact.max(self.absent.peek(key).copied()).is_some_and(|at| at > asked)
    }

    /// When a listing last covered this key.
    fn listed(&self, key: &str) -> Option<Instant> {
        let folders = key.match_indices('/').map(|(slash, _)| &key[..=slash]);
        std::iter::once("").chain(folders).filter_map(|folder| self.listed.get(folder)).max().copied()
    }

    fn below(&self, below: &str) -> impl Iterator<Item = (&String, &Fact)> {
        self.facts.range(below.to_owned()..).take_while(move |(key, _)| key.starts_with(below))
    }

    fn fresh(&self, learned: Instant, now: Instant) -> bool {
        let is_doubted = self.refresh != Refresh::Never && self.doubted.is_some_and(|at| learned <= at);
        !is_doubted && self.refresh.covers(now.saturating_duration_since(learned))
    }

    fn others_expected(&self, now: Instant) -> bool {
        self.others_until.is_some_and(|until| now < until)
    }
}
