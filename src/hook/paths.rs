//! Which paths lie in a bucket: the mapped folders, and the object keys their files have.
//!
//! Every file operation of the process asks here first, so the answer "not mapped" has to be cheap: one look at the path's bytes.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// A key in the bucket: not empty, no leading `/`, valid UTF-8. Only this module makes one from a host path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ObjectKey(String);

impl ObjectKey {
    /// The key as the bucket has it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// A key that the bucket listed.
    pub(crate) fn listed(key: String) -> ObjectKey {
        ObjectKey(key)
    }

    /// The prefix of the keys below this one, if it is a directory.
    pub(crate) fn prefix(&self) -> Prefix {
        Prefix(format!("{}/", self.0))
    }

    /// The directory the key is in, as a key; `None` at the bucket's top.
    pub(crate) fn parent(&self) -> Option<ObjectKey> {
        self.0.rsplit_once('/').map(|(above, _)| ObjectKey(above.to_owned()))
    }

    /// The last part of the key.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

/// A directory in the bucket: what the keys in it begin with, up to and including the `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Prefix(String);

impl Prefix {
    /// The prefix as the bucket has it.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The prefix without the `/` at its end, as `r2` has it.
    pub(crate) fn folder(&self) -> &str {
        self.0.trim_end_matches('/')
    }

    /// The key of an entry of this directory.
    pub(crate) fn join(&self, name: &str) -> ObjectKey {
        ObjectKey(format!("{}{name}", self.0))
    }

    /// The directory above, unless this is the bucket's top.
    pub(crate) fn parent(&self) -> Option<Prefix> {
        let (above, _) = self.0.trim_end_matches('/').rsplit_once('/')?;
        Some(Prefix(format!("{above}/")))
    }
}

/// A place in a mapped folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The mapped folder itself: always a directory.
    Root(Prefix),
    /// Something below it, a file or a directory.
    Below(ObjectKey),
    /// The same, named by a path that ends with `/`: it can only be a directory.
    Folder(ObjectKey),
}

impl Place {
    /// The prefix this place has as a directory.
    pub(crate) fn prefix(&self) -> Prefix {
        match self {
            Place::Root(prefix) => prefix.clone(),
            Place::Below(key) | Place::Folder(key) => key.prefix(),
        }
    }

    /// The key it has as a file.
    pub(crate) fn key(&self) -> Option<&ObjectKey> {
        match self {
            Place::Root(_) => None,
            Place::Below(key) | Place::Folder(key) => Some(key),
        }
    }

    /// Whether the path said "directory".
    pub(crate) fn says_folder(&self) -> bool {
        matches!(self, Place::Folder(_))
    }
}

/// One mapped folder.
#[derive(Clone, Debug)]
struct Mapping {
    /// Absolute, with the symbolic links of its existing part resolved, and without a `/` at its end.
    folder: PathBuf,
    prefix: String,
}

/// The mapped folders of this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    mappings: Vec<Mapping>,
    /// The common beginning of the folders' paths; a path that begins otherwise is not mapped.
    common: Vec<u8>,
}

impl Paths {
    /// `folders`: absolute folder and prefix (without `/` at either end). A folder below symbolic links is mapped under both names.
    pub(crate) fn new(folders: impl IntoIterator<Item = (PathBuf, String)>) -> Paths {
        let mut mappings = Vec::new();
        for (folder, prefix) in folders {
            let folder = normalized(&folder);
            let real = resolved(&folder);
            if real != folder {
                mappings.push(Mapping { folder: real, prefix: prefix.clone() });
            }
            mappings.push(Mapping { folder, prefix });
        }
        // The longest folder first: one mapped folder may lie inside another.
        mappings.sort_by_key(|mapping| std::cmp::Reverse(mapping.folder.as_os_str().len()));
        let common = mappings.iter().map(|mapping| mapping.folder.as_os_str().as_bytes().to_vec()).reduce(common_start);
        Paths { mappings, common: common.unwrap_or_default() }
    }

    /// Whether no path is mapped.
    pub(crate) fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// Where an absolute path lies; `None`: not in a mapped folder.
    pub(crate) fn find(&self, path: &Path) -> Option<Place> {
        let bytes = path.as_os_str().as_bytes();
        let plain = is_plain(bytes);
        if plain && !bytes.starts_with(&self.common) {
            return None;
        }
        let place = if plain { self.place(path) } else { self.place(&normalized(path)) }?;
        let says_folder = [&b"/"[..], b"/.", b"/.."].iter().any(|end| bytes.ends_with(end));
        Some(match place {
            Place::Below(key) if says_folder => Place::Folder(key),
            place => place,
        })
    }

    /// Whether `path` can be told apart at a glance: absolute, without `.`, `..` or `//`, and outside of all mapped folders.
    pub(crate) fn is_elsewhere(&self, path: &CStr) -> bool {
        let bytes = path.to_bytes();
        self.is_empty() || bytes.first() == Some(&b'/') && !bytes.starts_with(&self.common) && is_plain(bytes)
    }

    fn place(&self, path: &Path) -> Option<Place> {
        let bytes = path.as_os_str().as_bytes();
        let near = self.mappings.iter().filter(|mapping| bytes.starts_with(mapping.folder.as_os_str().as_bytes()));
        let (mapping, rest) =
            near.filter_map(|mapping| Some((mapping, path.strip_prefix(&mapping.folder).ok()?))).next()?;
        let rest = rest.to_str()?; // keys are UTF-8; any other name cannot be in the bucket and stays local
        Some(if rest.is_empty() {
            Place::Root(Prefix(format!("{}/", mapping.prefix)))
        } else {
            Place::Below(ObjectKey(format!("{}/{rest}", mapping.prefix)))
        })
    }

    /// Whether a path lies in a mapped folder, or above one.
    pub(crate) fn meets(&self, path: &Path) -> bool {
        let path = normalized(path);
        self.mappings.iter().any(|mapping| path.starts_with(&mapping.folder) || mapping.folder.starts_with(&path))
    }

    /// The prefixes of the mapped folders.
    pub(crate) fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.mappings.iter().map(|mapping| mapping.prefix.as_str())
    }

    /// The host path of a directory.
    pub(crate) fn host_folder(&self, prefix: &Prefix) -> Option<PathBuf> {
        Some(self.host_path(&prefix.join("x"))?.parent()?.to_path_buf())
    }

    /// The host path of a key, for `realpath` and messages.
    pub(crate) fn host_path(&self, key: &ObjectKey) -> Option<PathBuf> {
        let rest = |mapping: &Mapping| key.0.strip_prefix(&mapping.prefix)?.strip_prefix('/').map(PathBuf::from);
        self.mappings.iter().rev().find_map(|mapping| Some(mapping.folder.join(rest(mapping)?)))
    }
}

/// Whether the path needs no normalizing: it has no `.`, `..` or empty component. Free of branches, so that the compiler can compare
/// sixteen bytes at a time: every path of the process comes through here.
fn is_plain(path: &[u8]) -> bool {
    let pairs = path.iter().zip(path.get(1..).unwrap_or_default());
    !pairs.fold(false, |found, (a, b)| found | ((*a == b'/') & ((*b == b'/') | (*b == b'.'))))
}

fn common_start(mut a: Vec<u8>, b: Vec<u8>) -> Vec<u8> {
    let len = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    a.truncate(len);
    a
}

/// The path without `.`, `..` and `//`. Symbolic links before a `..` are not followed.
pub(crate) fn normalized(path: &Path) -> PathBuf {
    let mut out = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                out.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out
}

/// The path with the symbolic links of its longest existing part resolved.
fn resolved(path: &Path) -> PathBuf {
    let mut rest = PathBuf::new();
    let mut head = path;
    loop {
        if let Ok(real) = head.canonicalize() {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
        let (Some(parent), Some(name)) = (head.parent(), head.file_name()) else { return path.to_path_buf() };
        rest = if rest.as_os_str().is_empty() { PathBuf::from(name) } else { Path::new(name).join(rest) };
        head = parent;
    }
}

/// A C string as a path.
pub(crate) fn as_path(path: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(path.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        let folders = [
            ("/srv/app/outputs/images", "images"),
            ("/srv/app/outputs/images/deep", "deep"),
            ("/srv/app/models/pics", "pics"),
        ];
        Paths::new(folders.map(|(folder, prefix)| (PathBuf::from(folder), prefix.to_string())))
    }

    fn key(path: &str) -> Option<String> {
        match paths().find(Path::new(path))? {
            Place::Root(prefix) => Some(prefix.0),
            Place::Below(key) | Place::Folder(key) => Some(key.0),
        }
    }

    #[test]
    fn a_slash_at_the_end_says_folder() {
        let says = |path: &str| paths().find(Path::new(path)).is_some_and(|place| place.says_folder());
        assert!(
            says("/srv/app/models/pics/a/") && says("/srv/app/models/pics/a/.") && says("/srv/app/models/pics/a/b/..")
        );
        assert!(!says("/srv/app/models/pics/a") && !says("/srv/app/models/pics/a.") && !says("/srv/app/models/pics/"));
    }

    #[test]
    fn paths_are_found_whatever_their_spelling() {
        assert_eq!(key("/srv/app/outputs/images/a.png").unwrap(), "images/a.png");
        assert_eq!(key("/srv/app/outputs/images/sub/a.png").unwrap(), "images/sub/a.png");
        assert_eq!(key("/srv/app/outputs/images").unwrap(), "images/");
        assert_eq!(key("/srv/app/outputs/images/").unwrap(), "images/");
        assert_eq!(key("/srv//app/./outputs/x/../images/a.png").unwrap(), "images/a.png");
        assert_eq!(key("/srv/app/outputs/images/deep/x").unwrap(), "deep/x");
        assert_eq!(key("/srv/app/models/pics/.hidden").unwrap(), "pics/.hidden");
        for elsewhere in ["/srv/app/outputs/images2/a", "/srv/app/outputs", "/", "/srv/app/outputs/images/../a"] {
            assert_eq!(key(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_glance_never_says_elsewhere_of_a_mapped_path() {
        let paths = paths();
        for mapped in [c"/srv/app/outputs/images/a", c"/x/../srv/app/outputs/images/a", c"//srv/app/outputs/images/a"] {
            assert!(!paths.is_elsewhere(mapped), "{mapped:?}");
        }
        assert!(paths.is_elsewhere(c"/usr/lib/python3/os.py"));
        assert!(!paths.is_elsewhere(c"outputs/images/a"), "a relative path takes a closer look");
        assert!(Paths::default().is_elsewhere(c"outputs/images/a"), "unless there is nothing to find");
        for path in ["/", "/srv/app", "/srv/app/x/../outputs", "/srv/app/outputs/images/a/b"] {
            assert!(paths.meets(Path::new(path)), "{path}");
        }
        assert!(!paths.meets(Path::new("/srv/app/outputs/other")));
    }

    #[test]
    fn a_key_leads_back_to_its_path() {
        let paths = paths();
        let path = Path::new("/srv/app/models/pics/a/b.png");
        let Some(Place::Below(key)) = paths.find(path) else { panic!() };
        assert_eq!(paths.host_path(&key).as_deref(), Some(path));
    }
}
