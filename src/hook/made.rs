//! Directories that this process has made. A bucket has none: there, a directory is what keys have in common, and an empty one
//! is nothing. On a disk it would be there until it is removed, so this process remembers.

use std::collections::BTreeSet;

use super::paths::{ObjectKey, Prefix};

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Whether it is a directory.
    pub is_directory: bool,
}

/// The directories made here and not removed.
#[derive(Default)]
pub struct Made {
    all: BTreeSet<String>,
    /// Those that did not exist before, so that nobody else knows of them.
    new: BTreeSet<String>,
}

impl Made {
    /// A directory was made. `is_new`: it is known not to have been there before.
    pub fn make(&mut self, prefix: &Prefix, is_new: bool) {
        self.all.insert(prefix.as_str().to_string());
        if is_new {
            self.new.insert(prefix.as_str().to_string());
        }
    }

    /// A directory was removed.
    pub fn remove(&mut self, prefix: &Prefix) {
        self.all.remove(prefix.as_str());
        self.new.remove(prefix.as_str());
    }

    /// Keeps a directory that has lost its last file.
    pub fn keep_parent(&mut self, key: &ObjectKey) {
        if let Some((parent, _)) = key.as_str().rsplit_once('/') {
            self.all.insert(format!("{parent}/"));
        }
    }

    /// A directory, and those below it, are called otherwise now.
    pub fn rename(&mut self, from: &Prefix, to: &Prefix) {
        for set in [&mut self.all, &mut self.new] {
            let below: Vec<String> = set.iter().filter(|made| made.starts_with(from.as_str())).cloned().collect();
            for made in below {
                set.remove(&made);
                set.insert(format!("{}{}", to.as_str(), &made[from.as_str().len()..]));
            }
        }
    }

    /// Whether this directory, or one below it, was made here.
    pub fn has(&self, prefix: &Prefix) -> bool {
        self.all.range(prefix.as_str().to_string()..).next().is_some_and(|made| made.starts_with(prefix.as_str()))
    }

    /// Whether the file lies in a directory that nobody else knows of.
    pub fn is_private(&self, key: &ObjectKey) -> bool {
        key.as_str().rsplit_once('/').is_some_and(|(parent, _)| self.new.contains(&format!("{parent}/")))
    }

    /// The names of directories made directly below this one.
    pub fn names_in(&self, prefix: &Prefix) -> Vec<String> {
        let below = self.all.range(prefix.as_str().to_string()..).take_while(|made| made.starts_with(prefix.as_str()));
        below
            .filter_map(|made| made[prefix.as_str().len()..].split_once('/'))
            .map(|(name, _)| name.to_string())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(path: &str) -> Prefix {
        ObjectKey::listed(path.to_string()).prefix()
    }

    #[test]
    fn a_directory_is_there_until_it_is_removed() {
        let mut made = Made::default();
        made.make(&prefix("images/a/b"), true);
        assert!(made.has(&prefix("images/a")) && made.has(&prefix("images/a/b")) && !made.has(&prefix("images/ab")));
        assert_eq!(made.names_in(&prefix("images")), ["a"]);
        assert!(made.is_private(&ObjectKey::listed("images/a/b/x".into())));
        made.rename(&prefix("images/a"), &prefix("images/z"));
        assert_eq!(made.names_in(&prefix("images/z")), ["b"]);
        made.remove(&prefix("images/z/b"));
        assert!(!made.has(&prefix("images/z")));
    }

    #[test]
    fn a_directory_that_was_there_before_is_not_private() {
        let mut made = Made::default();
        made.make(&prefix("images/a"), false);
        made.keep_parent(&ObjectKey::listed("images/b/x".into()));
        assert!(!made.is_private(&ObjectKey::listed("images/a/x".into())));
        assert!(!made.is_private(&ObjectKey::listed("images/b/x".into())));
    }
}
