//! The parser of `LITEFLARE_R2_PATHS`: `folder=prefix`, separated by `:`. Its errors do not repeat the value.

use std::path::{Path, PathBuf};

/// A folder of the host and the prefix its files have in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappedFolder {
    /// Absolute.
    pub dir: PathBuf,
    /// Without a slash at either end; never empty.
    pub prefix: String,
}

/// The folders in a value, relative ones below `root`.
pub(super) fn folders(value: &str, root: &Path) -> Result<Vec<MappedFolder>, String> {
    let entries = value.split(':').filter(|entry| !entry.is_empty()).enumerate();
    let read = |(index, entry)| folder(entry, root).ok_or_else(|| format!("`folder=prefix` as entry {}", index + 1));
    let folders = entries.map(read).collect::<Result<Vec<MappedFolder>, String>>()?;
    match clash(&folders) {
        Some((one, other)) => {
            let (one, other) = (one + 1, other + 1);
            Err(format!("folders and prefixes apart from each other: entries {one} and {other} overlap"))
        }
        None => Ok(folders),
    }
}

/// The first two folders that are one inside the other, or whose prefixes are: one file must not have two keys, nor one key two files.
pub(super) fn clash(folders: &[MappedFolder]) -> Option<(usize, usize)> {
    let clash = |one: &MappedFolder, other: &MappedFolder| {
        nested(Path::new(&one.prefix), Path::new(&other.prefix)) || nested(&one.dir, &other.dir)
    };
    let first = |at: usize| folders[..at].iter().position(|other| clash(other, &folders[at]));
    (0..folders.len()).find_map(|at| Some((first(at)?, at)))
}

fn folder(entry: &str, root: &Path) -> Option<MappedFolder> {
    let (dir, prefix) = entry.split_once('=')?;
    let prefix = prefix.trim_matches('/');
    let proper = |part: &str| !part.is_empty() && part != "." && part != "..";
    (!dir.is_empty() && prefix.split('/').all(proper))
        .then(|| MappedFolder { dir: root.join(dir).components().collect(), prefix: prefix.to_string() })
}

fn nested(a: &Path, b: &Path) -> bool {
    a.starts_with(b) || b.starts_with(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Vec<MappedFolder>, String> {
        folders(value, Path::new("/app"))
    }

    #[test]
    fn folders_are_relative_to_the_root_or_absolute() {
        let folders = read("a/b/=x/:/srv/media=deep/er").unwrap();
        assert_eq!(folders[0], MappedFolder { dir: "/app/a/b".into(), prefix: "x".into() });
        assert_eq!(folders[1], MappedFolder { dir: "/srv/media".into(), prefix: "deep/er".into() });
    }

    #[test]
    fn wrong_folders_are_refused_without_repeating_them() {
        for value in ["images", "images=", "=images", "a=../images"] {
            assert_eq!(read(value).unwrap_err(), "`folder=prefix` as entry 1", "{value}");
        }
        for value in ["a=x:b=x", "a=x:b=x/y", "a=x:a/b=y"] {
            assert!(read(value).unwrap_err().ends_with("entries 1 and 2 overlap"), "{value}");
        }
        assert!(read("a=x:ab=xy").is_ok(), "a common beginning is no overlap");
    }
}
