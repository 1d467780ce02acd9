//! Directories without files. A bucket has none: there, a directory is the common beginning of some keys. On a disk a directory stays
//! until it is removed; so each one that is made is made on the disk as well (`disk`), where the machine's other processes find it.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::time::Instant;

use super::disk;
use super::errno::{Errno, Result};
use super::paths::{ObjectKey, Paths, Prefix};
use crate::config::Refresh;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is a directory.
    pub(crate) is_directory: bool,
}

/// The directories that are there without a file in them.
pub(crate) struct Directories {
    paths: Paths,
    refresh: Refresh,
    /// Those that could not be made on the disk, which may be read-only.
    kept: BTreeSet<String>,
    /// Those that were made here and did not exist before, so that nobody else has put anything there.
    private: BTreeSet<String>,
    /// Those that had something in them when the bucket was asked, and when that was.
    seen: HashMap<String, Instant>,
}

impl Directories {
    /// Of these mapped folders. What was seen in the bucket holds for the refresh interval.
    pub(crate) fn new(paths: Paths, refresh: Refresh) -> Directories {
        let (kept, private, seen) = Default::default();
        Directories { paths, refresh, kept, private, seen }
    }

    fn path(&self, prefix: &Prefix) -> Option<PathBuf> {
        self.paths.host_folder(prefix)
    }

    /// A directory was made. `is_private`: it is known not to have been there before.
    pub(crate) fn make(&mut self, prefix: &Prefix, is_private: bool) {
        if self.path(prefix).is_none_or(|path| disk::make(&path).is_err()) {
            self.kept.insert(prefix.as_str().to_string());
        }
        if is_private {
            self.private.insert(prefix.as_str().to_string());
        }
    }

    /// The bucket says that a directory has something in it.
    pub(crate) fn saw(&mut self, prefix: &Prefix) {
        self.seen.insert(prefix.as_str().to_string(), Instant::now());
    }

    /// Other processes may work in the directories that were made here.
    pub(crate) fn share(&mut self) {
        self.private.clear();
        self.seen.clear();
    }

    /// A directory was removed. ENOTEMPTY: there is something in it on the disk that cannot be seen through the hook.
    pub(crate) fn remove(&mut self, prefix: &Prefix) -> Result<()> {
        match self.path(prefix).map(|path| disk::remove(&path)) {
            Some(Err(error @ Errno(libc::ENOTEMPTY))) => return Err(error),
            _ => self.kept.remove(prefix.as_str()),
        };
        self.private.remove(prefix.as_str());
        self.seen.retain(|seen, _| !seen.starts_with(prefix.as_str()));
        Ok(())
    }

    /// Keeps a directory that has lost its last file.
    pub(crate) fn keep_parent(&mut self, key: &ObjectKey) {
        let Some(parent) = key.parent() else { return };
        if !self.paths.prefixes().any(|root| root == parent.as_str()) {
            self.make(&parent.prefix(), false);
        }
    }

    /// A directory was renamed, with those below it.
    pub(crate) fn rename(&mut self, from: &Prefix, to: &Prefix) {
        if let (Some(old), Some(new)) = (self.path(from), self.path(to))
            && disk::is_folder(&old)
            && disk::rename(&old, &new).is_err()
        {
            disk::remove_all(&old);
        }
        self.seen.retain(|seen, _| !seen.starts_with(from.as_str()));
        for set in [&mut self.kept, &mut self.private] {
            let below: Vec<String> = set.iter().filter(|made| made.starts_with(from.as_str())).cloned().collect();
            for made in below {
                set.remove(&made);
                set.insert(format!("{}{}", to.as_str(), &made[from.as_str().len()..]));
            }
        }
        self.make(to, false);
    }

    /// Whether this directory is there.
    pub(crate) fn has(&self, prefix: &Prefix) -> bool {
        self.is_kept(prefix) || self.is_seen(prefix) || self.path(prefix).is_some_and(|path| disk::is_folder(&path))
    }

    fn is_kept(&self, prefix: &Prefix) -> bool {
        self.kept.range(prefix.as_str().to_string()..).next().is_some_and(|made| made.starts_with(prefix.as_str()))
    }

    fn is_seen(&self, prefix: &Prefix) -> bool {
        self.seen.get(prefix.as_str()).is_some_and(|at| self.refresh.covers(at.elapsed()))
    }

    /// Whether the file lies in a directory that nobody else knows of.
    pub(crate) fn is_private(&self, key: &ObjectKey) -> bool {
        key.parent().is_some_and(|parent| self.private.contains(parent.prefix().as_str()))
    }

    /// The names of directories directly below this one.
    pub(crate) fn names_in(&self, prefix: &Prefix) -> Vec<String> {
        let below = self.kept.range(prefix.as_str().to_string()..).take_while(|made| made.starts_with(prefix.as_str()));
        let kept = below.filter_map(|made| made[prefix.as_str().len()..].split_once('/'));
        let mut names: Vec<String> = kept.map(|(name, _)| name.to_string()).collect();
        names.extend(self.path(prefix).map(|path| disk::folders_in(&path)).unwrap_or_default());
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn made(folder: &Path) -> Directories {
        Directories::new(Paths::new([(folder.to_path_buf(), "images".to_string())]), Refresh::Never)
    }

    fn prefix(path: &str) -> Prefix {
        ObjectKey::listed(path.to_string()).prefix()
    }

    fn check(folder: &Path) {
        let mut made = made(folder);
        made.make(&prefix("images/a/b"), true);
        assert!(made.has(&prefix("images/a")) && made.has(&prefix("images/a/b")) && !made.has(&prefix("images/ab")));
        assert_eq!(made.names_in(&prefix("images")), ["a"]);
        assert!(made.is_private(&ObjectKey::listed("images/a/b/x".into())));
        made.rename(&prefix("images/a"), &prefix("images/z"));
        assert_eq!(
            (made.names_in(&prefix("images")), made.names_in(&prefix("images/z"))),
            (vec!["z".into()], vec!["b".into()])
        );
        made.remove(&prefix("images/z/b")).unwrap();
        assert!(!made.has(&prefix("images/z/b")));
        made.keep_parent(&ObjectKey::listed("images/k/x".into()));
        made.make(&prefix("images/p"), false);
        assert!(made.has(&prefix("images/k")) && !made.is_private(&ObjectKey::listed("images/p/x".into())));
    }

    #[test]
    fn a_directory_is_there_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        check(&folder.path().join("images"));
        let left = made(&folder.path().join("images"));
        assert_eq!(left.names_in(&prefix("images")), ["k", "p", "z"], "another process finds them");
    }

    #[test]
    fn a_disk_that_takes_no_folders_does_not_matter() {
        check(Path::new("/proc/nothing/can/be/made/here"));
    }

    #[test]
    fn a_folder_that_holds_files_on_the_disk_stays() {
        let folder = tempfile::tempdir().unwrap();
        let mut made = made(folder.path());
        made.make(&prefix("images/a"), true);
        std::fs::write(folder.path().join("a/file"), "from before").unwrap();
        assert_eq!(made.remove(&prefix("images/a")), Err(Errno(libc::ENOTEMPTY)));
        assert!(made.has(&prefix("images/a")));
    }
}
