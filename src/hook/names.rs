//! What is known of the names in the bucket, so that a question about a name seldom costs a request.
//!
//! A prefix that was listed is known as a whole: a name that is not among its keys does not exist, as far as this process knows.
//! Files and directories made here are known at once. What others do becomes known by listing again, by opening, or by the
//! delayed second look of `store`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{Duration, Instant, SystemTime};

use super::paths::{ObjectKey, Prefix};

/// What the bucket says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Bytes.
    pub size: u64,
    /// The version of its content.
    pub etag: String,
    /// When it was written.
    pub modified: SystemTime,
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// An object.
    File(Object),
    /// A directory: some key lies below it, or this process has made it.
    Directory,
    /// Nothing.
    Missing,
    /// Only the bucket can tell.
    Unknown,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// What is known of the bucket's names.
#[derive(Default)]
pub struct Names {
    objects: BTreeMap<String, (Object, Instant)>,
    /// Directories that this process has made and nobody has removed.
    made: BTreeSet<String>,
    /// Those of them that were new, so that nobody else knows them.
    new: BTreeSet<String>,
    /// Prefixes below which every key is known, and since when.
    listed: BTreeMap<String, Instant>,
}

impl Names {
    /// What is known of a name.
    pub fn look_up(&self, key: &ObjectKey) -> Known {
        if let Some((object, _)) = self.objects.get(key.as_str()) {
            return Known::File(object.clone());
        }
        let prefix = key.prefix();
        if self.made.contains(prefix.as_str()) || self.has_keys_below(&prefix) {
            return Known::Directory;
        }
        if self.listed_at(key.as_str()).is_some() { Known::Missing } else { Known::Unknown }
    }

    fn has_keys_below(&self, prefix: &Prefix) -> bool {
        let below = |key: Option<&String>| key.is_some_and(|key| key.starts_with(prefix.as_str()));
        let from = || (Bound::Excluded(prefix.as_str().to_string()), Bound::Unbounded);
        below(self.objects.range(from()).next().map(|(key, _)| key)) || below(self.made.range(from()).next())
    }

    /// Since when all keys around `key` are known, if they are.
    pub fn listed_at(&self, key: &str) -> Option<Instant> {
        let around = self.listed.iter().filter(|(prefix, _)| key.starts_with(prefix.as_str()));
        around.map(|(_, at)| *at).max()
    }

    /// When an object was last seen in the bucket.
    pub fn seen_at(&self, key: &ObjectKey) -> Option<Instant> {
        self.objects.get(key.as_str()).map(|(_, at)| *at)
    }

    /// The bucket has this object.
    pub fn found(&mut self, key: &ObjectKey, object: Object, now: Instant) {
        self.objects.insert(key.as_str().to_string(), (object, now));
    }

    /// The bucket does not have this object.
    pub fn gone(&mut self, key: &ObjectKey) -> Option<Object> {
        self.objects.remove(key.as_str()).map(|(object, _)| object)
    }

    /// The bucket has exactly these objects below `prefix`.
    pub fn listed(&mut self, prefix: &Prefix, objects: Vec<(String, Object)>, now: Instant) {
        let old: Vec<String> = self.below(prefix).map(|(key, _)| key.clone()).collect();
        for key in old {
            self.objects.remove(&key);
        }
        self.objects.extend(objects.into_iter().map(|(key, object)| (key, (object, now))));
        self.listed.retain(|other, _| !other.starts_with(prefix.as_str()));
        self.listed.insert(prefix.as_str().to_string(), now);
    }

    /// Whether the keys below `prefix` were listed no longer than `age` ago.
    pub fn is_listed(&self, prefix: &Prefix, age: Duration, now: Instant) -> bool {
        self.listed_at(prefix.as_str()).is_some_and(|at| now.duration_since(at) <= age)
    }

    /// This process has made a directory.
    pub fn make(&mut self, directory: &ObjectKey, now: Instant) {
        let prefix = directory.prefix();
        // Empty, if it is known to be new. `mkdir` costs no request, so a directory that was not known before may have files.
        if self.look_up(directory) == Known::Missing {
            self.listed.insert(prefix.as_str().to_string(), now);
            self.new.insert(prefix.as_str().to_string());
        }
        self.made.insert(prefix.as_str().to_string());
    }

    /// Whether this process has made this directory, knowing it to be new.
    pub fn is_made_here(&self, prefix: &str) -> bool {
        self.new.contains(prefix)
    }

    /// A directory, and those below it, are called otherwise now.
    pub fn rename_directories(&mut self, from: &Prefix, to: &Prefix) {
        for set in [&mut self.made, &mut self.new] {
            let below: Vec<String> = set.iter().filter(|made| made.starts_with(from.as_str())).cloned().collect();
            for made in below {
                set.remove(&made);
                set.insert(format!("{}{}", to.as_str(), &made[from.as_str().len()..]));
            }
        }
    }

    /// A directory was removed.
    pub fn remove(&mut self, prefix: &Prefix) {
        self.made.remove(prefix.as_str());
        self.new.remove(prefix.as_str());
    }

    /// Keeps a directory that has lost its last file: on a disk it would stay.
    pub fn keep_parent(&mut self, key: &ObjectKey) {
        if let Some((parent, _)) = key.as_str().rsplit_once('/') {
            self.made.insert(format!("{parent}/"));
        }
    }

    /// All objects below `prefix`, with their keys.
    pub fn below<'a>(&'a self, prefix: &'a Prefix) -> impl Iterator<Item = (&'a String, &'a Object)> {
        let from = (Bound::Included(prefix.as_str().to_string()), Bound::Unbounded);
        self.objects
            .range(from)
            .take_while(move |(key, _)| key.starts_with(prefix.as_str()))
            .map(|(key, (object, _))| (key, object))
    }

    /// The entries of a directory, as far as they are known.
    pub fn entries(&self, prefix: &Prefix) -> Vec<Entry> {
        let mut entries: BTreeMap<String, bool> = BTreeMap::new();
        let made = self.made.range((Bound::Excluded(prefix.as_str().to_string()), Bound::Unbounded));
        let made = made.take_while(|key| key.starts_with(prefix.as_str()));
        for key in self.below(prefix).map(|(key, _)| key).chain(made) {
            let rest = &key[prefix.as_str().len()..];
            match rest.split_once('/') {
                Some((name, _)) => entries.insert(name.to_string(), true),
                None => entries.insert(rest.to_string(), false),
            };
        }
        entries.into_iter().map(|(name, is_directory)| Entry { name, is_directory }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::paths::{Paths, Place};
    use std::path::{Path, PathBuf};

    fn key(name: &str) -> ObjectKey {
        let paths = Paths::new([(PathBuf::from("/m"), "images".to_string())]);
        match paths.find(&Path::new("/m").join(name)) {
            Some(Place::Below(key)) => key,
            _ => panic!("{name}"),
        }
    }

    fn object(size: u64) -> Object {
        Object { size, etag: size.to_string(), modified: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn a_listed_prefix_answers_for_all_names_in_it() {
        let (mut names, now) = (Names::default(), Instant::now());
        assert_eq!(names.look_up(&key("a.png")), Known::Unknown);
        let top = key("x").prefix().parent().unwrap();
        names.listed(&top, vec![("images/a.png".into(), object(1)), ("images/thumbs/a.webp".into(), object(2))], now);
        assert_eq!(names.look_up(&key("a.png")), Known::File(object(1)));
        assert_eq!(names.look_up(&key("thumbs")), Known::Directory);
        assert_eq!(names.look_up(&key("b.png")), Known::Missing);
        assert_eq!(names.look_up(&key("thum")), Known::Missing, "a prefix of a name is no directory");
        let entries: Vec<(String, bool)> = names.entries(&top).into_iter().map(|e| (e.name, e.is_directory)).collect();
        assert_eq!(entries, [("a.png".to_string(), false), ("thumbs".to_string(), true)]);
        names.listed(&top, vec![], now);
        assert_eq!(names.look_up(&key("a.png")), Known::Missing, "listing again forgets what is gone");
    }

    #[test]
    fn a_directory_made_here_exists_and_is_empty() {
        let (mut names, now) = (Names::default(), Instant::now());
        names.make(&key("old"), now);
        assert_eq!(names.look_up(&key("old/x")), Known::Unknown, "others may have made it before");
        names.listed(&key("x").prefix().parent().unwrap(), vec![], now);
        let made = key("new").prefix();
        names.make(&key("new"), now);
        assert_eq!(names.look_up(&key("new")), Known::Directory);
        assert_eq!(names.look_up(&key("new/x")), Known::Missing);
        assert!(names.entries(&made).is_empty());
        names.found(&key("new/x"), object(1), now);
        names.remove(&made);
        assert_eq!(names.look_up(&key("new")), Known::Directory, "as long as something is in it");
    }
}
