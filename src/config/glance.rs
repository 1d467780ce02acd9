//! Which paths may be those of databases, at a glance: for the path hook, which every file operation of the process asks.

use std::path::Path;

use super::served::resolved;
use super::source::Source;
use super::{default_path, table};

/// What stands between a pattern's ordinary characters.
const SPECIAL: [char; 6] = ['*', '?', '[', ']', '{', '}'];

/// How a database's path looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    beginning: Vec<u8>,
    ending: Vec<u8>,
}

impl Glance {
    /// Whether a path may be one of these. `serves` takes the closer look.
    #[inline]
    pub fn fits(&self, path: &[u8]) -> bool {
        path.ends_with(&self.ending)
            && (self.beginning.is_empty() || path.starts_with(&self.beginning) || !is_plain(path))
    }

    /// Paths with this file's name, in whatever folder: there are many ways to one file.
    pub fn named(path: &Path) -> Option<Glance> {
        Some(Glance { beginning: Vec::new(), ending: path.file_name()?.as_encoded_bytes().to_vec() })
    }
}

/// Absolute, and without anything that has to be worked out.
fn is_plain(path: &[u8]) -> bool {
    path.starts_with(b"/") && !path.windows(2).any(|pair| pair[0] == b'/' && (pair[1] == b'/' || pair[1] == b'.'))
}

/// How the paths of this process's databases look: those of `LITEFLARE_DB` as it is now.
pub fn database_glances() -> Vec<Glance> {
    // Settings that cannot be understood are refused when a database is opened; until then the default shall do.
    let patterns = Source::read_all().0.given(&table::DB).map(|found| found.text);
    let default = || default_path().to_string_lossy().into_owned();
    patterns.unwrap_or_else(default).split(':').flat_map(glances).collect()
}

fn glances(pattern: &str) -> Vec<Glance> {
    let literal = Path::new(pattern);
    let ending = pattern.rsplit(|at: char| at == '/' || SPECIAL.contains(&at)).next().unwrap_or_default();
    if !ending.is_empty() {
        let given = Glance { beginning: Vec::new(), ending: ending.into() };
        return [Some(given), Glance::named(&resolved(literal))].into_iter().flatten().collect();
    }
    // The ending tells nothing, so the folder has to.
    let special = pattern.find(SPECIAL).unwrap_or(pattern.len());
    let folder = &pattern[..pattern[..special].rfind('/').unwrap_or(0)];
    let beginnings = [folder.into(), resolved(Path::new(folder)).into_os_string().into_encoded_bytes()];
    beginnings.map(|beginning| Glance { beginning, ending: Vec::new() }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, path: &str) -> bool {
        glances(pattern).iter().any(|glance| glance.fits(path.as_bytes()))
    }

    #[test]
    fn every_spelling_of_a_database_fits_and_hardly_any_other_path() {
        for path in ["/app/databases/x.db", "x.db", "/link/x.db", "/app/./databases/../databases//x.db"] {
            assert!(fits("/app/databases/x.db", path) && fits("/app/**/*.db", path), "{path}");
        }
        for path in ["/app/databases/x", "/usr/lib/python3/os.py", ""] {
            assert!(!fits("/app/databases/x.db", path) && !fits("/app/**/*.db", path), "{path}");
        }
        for path in ["/nowhere/x", "/nowhere/a/y.sqlite", "x", "/a/../nowhere/x"] {
            assert!(fits("/nowhere/*", path) && fits("/nowhere/x.{db,sqlite}", path), "{path}");
        }
        assert!(!fits("/nowhere/*", "/usr/lib/python3/os.py"));
    }
}
