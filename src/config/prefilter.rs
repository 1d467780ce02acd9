//! Which paths may be those of databases, told by their text alone: for the path hook, which every file operation of the process asks.

use std::path::{Path, PathBuf};

/// What stands between a pattern's ordinary characters.
const SPECIAL: [char; 6] = ['*', '?', '[', ']', '{', '}'];

/// What a database's path looks like: a test that is cheap, and never wrong when it says no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefilter {
    beginning: Vec<u8>,
    ending: Vec<u8>,
}

impl Prefilter {
    /// Whether a path may be one of these. `database_settings` tells whether it is.
    #[inline]
    pub fn may_match(&self, path: &[u8]) -> bool {
        path.ends_with(&self.ending)
            && (self.beginning.is_empty() || path.starts_with(&self.beginning) || !is_plain(path))
    }

    /// Paths with this file's name, in whatever folder: there are many ways to one file.
    pub fn named(path: &Path) -> Option<Prefilter> {
        Some(Prefilter { beginning: Vec::new(), ending: path.file_name()?.as_encoded_bytes().to_vec() })
    }

    /// Those of one path or glob, also where it leads once symbolic links are `resolved`.
    pub(super) fn of(pattern: &str, resolved: impl Fn(&Path) -> PathBuf) -> Vec<Prefilter> {
        let ending = pattern.rsplit(|at: char| at == '/' || SPECIAL.contains(&at)).next().unwrap_or_default();
        if !ending.is_empty() {
            let written = Prefilter { beginning: Vec::new(), ending: ending.into() };
            return [Some(written), Prefilter::named(&resolved(Path::new(pattern)))].into_iter().flatten().collect();
        }
        // The ending tells nothing, so the folder has to.
        let special = pattern.find(SPECIAL).unwrap_or(pattern.len());
        let folder = &pattern[..pattern[..special].rfind('/').unwrap_or(0)];
        let beginnings = [folder.into(), resolved(Path::new(folder)).into_os_string().into_encoded_bytes()];
        beginnings.map(|beginning| Prefilter { beginning, ending: Vec::new() }).into()
    }
}

/// Absolute, and without anything that has to be worked out.
fn is_plain(path: &[u8]) -> bool {
    path.starts_with(b"/") && !path.windows(2).any(|pair| pair[0] == b'/' && (pair[1] == b'/' || pair[1] == b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_match(pattern: &str, path: &str) -> bool {
        Prefilter::of(pattern, Path::to_path_buf).iter().any(|prefilter| prefilter.may_match(path.as_bytes()))
    }

    #[test]
    fn every_spelling_of_a_database_may_match_and_hardly_any_other_path() {
        for path in ["/app/databases/x.db", "x.db", "/link/x.db", "/app/./databases/../databases//x.db"] {
            assert!(may_match("/app/databases/x.db", path) && may_match("/app/**/*.db", path), "{path}");
        }
        for path in ["/app/databases/x", "/usr/lib/python3/os.py", ""] {
            assert!(!may_match("/app/databases/x.db", path) && !may_match("/app/**/*.db", path), "{path}");
        }
        for path in ["/nowhere/x", "/nowhere/a/y.sqlite", "x", "/a/../nowhere/x"] {
            assert!(may_match("/nowhere/*", path) && may_match("/nowhere/x.{db,sqlite}", path), "{path}");
        }
        assert!(!may_match("/nowhere/*", "/usr/lib/python3/os.py"));
    }
}
