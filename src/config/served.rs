//! Which files are databases on D1.

use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::source::{Found, Origin, Source, env};
use super::{SettingError, misspelt, root, table};

/// Whether `path` (absolute) is a database that belongs on D1: `LITEFLARE_DB`, an absolute path or a glob, several
/// separated by `:`; by default `ROOT/databases/invokeai.db`. An error when that cannot be told.
pub fn serves(path: &Path) -> Result<bool, SettingError> {
    let resolved_path = resolved(path);
    let Some(patterns) = patterns()? else { return Ok(resolved_path == resolved(&default_path())) };
    for pattern in patterns.text.split(':') {
        if resolved_path == resolved(Path::new(pattern)) {
            return Ok(true);
        }
        match glob(pattern) {
            Ok(glob) if glob.is_match(&resolved_path) => return Ok(true),
            Err(expected) if !is_literal(pattern) => return Err(patterns.wrong(expected)),
            _ => {}
        }
    }
    Ok(false)
}

/// What was given. From the environment alone, when it says enough: this is asked at each open of any database.
fn patterns() -> Result<Option<Found>, SettingError> {
    let setting = &table::DB;
    match env(setting.name) {
        Some(text) => {
            misspelt().map_or(Ok(()), Err)?;
            Ok(Some(Found { setting, text, origin: Origin::Environment(setting.name) }))
        }
        None => Ok(Source::read()?.given(setting)),
    }
}

/// The database of an application that nothing else is said about.
pub fn default_path() -> PathBuf {
    root().join("databases").join("invokeai.db")
}

/// The databases that are named, globs aside.
pub fn named_paths() -> Result<Vec<PathBuf>, SettingError> {
    let Some(patterns) = patterns()? else { return Ok(vec![default_path()]) };
    let has_wildcard = |pattern: &&str| pattern.contains(['*', '?', '[', '{']) && !is_literal(pattern);
    Ok(patterns.text.split(':').filter(|pattern| !has_wildcard(pattern)).map(PathBuf::from).collect())
}

pub(super) fn check(patterns: &str) -> Result<(), String> {
    let wrong = |pattern: &&str| glob(pattern).is_err() && !is_literal(pattern);
    patterns.split(':').find(wrong).map_or(Ok(()), |pattern| glob(pattern).map(drop))
}

/// A path with a `[` in it.
fn is_literal(pattern: &str) -> bool {
    let path = Path::new(pattern);
    path.is_absolute() && path.parent().is_some_and(Path::is_dir)
}

/// Without symbolic links, which may lead to the same file on several ways. A file that does not exist yet has a folder that does.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let whole = path.canonicalize().ok();
    let by_parent = || Some(path.parent()?.canonicalize().ok()?.join(path.file_name()?));
    whole.or_else(by_parent).unwrap_or_else(|| path.to_path_buf())
}

/// The folders before the first `*` and the like are resolved as those of a path are.
fn glob(pattern: &str) -> Result<globset::GlobMatcher, String> {
    let wrong = |problem: &str| format!("an absolute path or a glob{problem}");
    if !pattern.starts_with('/') {
        return Err(wrong(""));
    }
    let special = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    let (folder, rest) = pattern.split_at(pattern[..special].rfind('/').unwrap_or(0));
    let folder = globset::escape(&resolved(Path::new(folder)).to_string_lossy());
    let glob = GlobBuilder::new(&format!("{folder}{rest}")).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| wrong(&format!(" ({})", error.kind())))
}
