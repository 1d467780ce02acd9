//! The parser of `LITEFLARE_DB`: absolute paths and globs, separated by `:`. Its errors do not repeat the value.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use super::links::LINKS;
use super::prefilter::Prefilter;

/// Paths and globs, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Globs(String);

impl Globs {
    /// What was written, right or wrong.
    pub(super) fn unchecked(text: String) -> Globs {
        Globs(text)
    }

    /// The same, where every pattern must be right.
    pub(super) fn parse(text: &str) -> Result<Globs, String> {
        let wrong = text.split(':').find_map(|pattern| glob(pattern).err().filter(|_| !is_literal(pattern)));
        wrong.map_or_else(|| Ok(Globs(text.to_owned())), Err)
    }

    /// Whether one of them means `path`. An error when a wrong one comes before any that does.
    pub(super) fn matches(&self, path: &Path) -> Result<bool, String> {
        let path = resolved(path);
        for pattern in self.patterns() {
            if means(Path::new(pattern), &path) {
                return Ok(true);
            }
            match glob(pattern) {
                Ok(glob) if glob.is_match(&path) => return Ok(true),
                Err(expected) if !is_literal(pattern) => return Err(expected),
                _ => {}
            }
        }
        Ok(false)
    }

    /// The paths among them.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let is_path = |pattern: &&str| !pattern.contains(['*', '?', '[', '{']) || is_literal(pattern);
        self.patterns().filter(is_path).map(PathBuf::from).collect()
    }

    /// Where each begins: a path is all beginning, a glob begins with the folders before its first `*` or the like.
    pub(super) fn beginnings(&self) -> Vec<PathBuf> {
        let absolute = self.patterns().filter(|pattern| pattern.starts_with('/'));
        let folders = absolute.map(|pattern| PathBuf::from(format!("{}/", fixed_folder(pattern))));
        self.paths().into_iter().chain(folders).collect()
    }

    /// What the paths they mean look like.
    pub(super) fn prefilters(&self) -> Vec<Prefilter> {
        self.patterns().flat_map(|pattern| Prefilter::of(pattern, resolved)).collect()
    }

    fn patterns(&self) -> impl Iterator<Item = &str> {
        self.0.split(':')
    }
}

/// Where a path leads if it is itself a symbolic link, be there a file or not.
pub(super) fn target(path: &Path) -> Option<PathBuf> {
    let next = |at: &PathBuf| Some(at.parent()?.join(std::fs::read_link(at).ok()?));
    let end = std::iter::successors(Some(path.to_path_buf()), next).take(LINKS).last()?;
    (end != path).then(|| resolved(&end))
}

/// A path with a `[` in it.
fn is_literal(pattern: &str) -> bool {
    let path = Path::new(pattern);
    path.is_absolute() && path.parent().is_some_and(Path::is_dir)
}

/// Whether a path leads to this file. A link to a file that is not there does too: SQLite would make it there.
pub(super) fn means(path: &Path, file: &Path) -> bool {
    file == resolved(path) || target(path).is_some_and(|target| target == file)
}

/// Without symbolic links, since several ways may lead to the same file. A file that does not exist yet has a folder that does.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let whole = path.canonicalize().ok();
    let by_parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    whole.or_else(by_parent).unwrap_or_else(|| path.to_path_buf())
}

/// The folders before the first `*` and the like, without a slash at the end.
fn fixed_folder(pattern: &str) -> &str {
    let special = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    &pattern[..pattern[..special].rfind('/').unwrap_or(0)]
}

/// The folders before the first `*` and the like are resolved as those of a path are.
fn glob(pattern: &str) -> Result<GlobMatcher, String> {
    let wrong = |problem: &str| format!("an absolute path or a glob{problem}");
    if !pattern.starts_with('/') {
        return Err(wrong(""));
    }
    let folder = fixed_folder(pattern);
    let rest = &pattern[folder.len()..];
    let folder = globset::escape(&resolved(Path::new(folder)).to_string_lossy());
    let glob = GlobBuilder::new(&format!("{folder}{rest}")).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| wrong(&format!(" ({})", error.kind())))
}
