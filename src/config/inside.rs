//! What a root's own `liteflare.toml` may name: nothing outside of the root. Who downloads a root has not said that its file may bring
//! other folders of this machine into a bucket, or take over other databases.

use std::path::{Path, PathBuf, absolute};

use super::error::SettingError;
use super::folders::folders;
use super::globs::Globs;
use super::links::followed;
use super::table::{self, Setting};

/// A root, as it is when all links are followed.
pub struct Root {
    written: PathBuf,
    real: PathBuf,
}

impl Root {
    pub(super) fn new(root: &Path) -> Root {
        let written = absolute(root).unwrap_or_else(|_| root.to_path_buf());
        Root { real: followed(&written).unwrap_or_else(|| written.clone()), written }
    }

    /// Whether a settings file is in the root, by its own name or by where that leads.
    pub(super) fn owns(&self, file: &Path) -> bool {
        let Ok(file) = absolute(file) else { return true };
        let is_named_inside = file.parent().is_some_and(|folder| self.holds(folder));
        is_named_inside || self.holds(&file)
    }

    /// The first path in a setting's value that leads out of the root. What cannot be understood is refused elsewhere.
    pub(super) fn left_by(&self, setting: &Setting, value: &str) -> Option<PathBuf> {
        let paths: Vec<PathBuf> = match setting.name {
            name if name == table::PATHS.name => {
                let folders = folders(value, &self.written).unwrap_or_default();
                folders.into_iter().map(|folder| folder.dir).collect()
            }
            name if name == table::DB.name => Globs::unchecked(value.to_owned()).beginnings(),
            _ => Vec::new(),
        };
        paths.into_iter().find(|path| path.is_absolute() && !self.holds(path))
    }

    /// Refuses a path that leads out of the root, of a root that is not trusted with what is there.
    pub fn check(&self, path: &Path) -> Result<(), SettingError> {
        let is_inside = absolute(path).is_ok_and(|path| self.holds(&path));
        let led = || SettingError::LedOutside { path: path.to_path_buf(), root: self.written.clone() };
        is_inside.then_some(()).ok_or_else(led)
    }

    /// The root, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.written
    }

    fn holds(&self, path: &Path) -> bool {
        followed(path).is_some_and(|path| path.starts_with(&self.real))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::create_dir;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_followed_to_where_it_leads_or_would_lead() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        create_dir(top.join("root")).unwrap();
        create_dir(top.join("outside")).unwrap();
        symlink("root", top.join("alias")).unwrap();
        symlink("../outside", top.join("root/link")).unwrap();
        symlink("../nowhere/yet", top.join("root/dangling")).unwrap();
        symlink("circle", top.join("root/circle")).unwrap();
        let root = Root::new(&top.join("alias"));
        let inside =
            ["root/a", "alias/a/../b", "root/a/b/../../c", "root", "outside/../root/x", "alias/link/../root/x"];
        let outside =
            ["outside", "root/link", "root/link/a", "root/dangling", "root/circle/a", "root/a/../../b", "rooted", ""];
        for path in inside {
            assert!(root.holds(&top.join(path)), "{path}");
        }
        for path in outside {
            assert!(!root.holds(&top.join(path)), "{path}");
        }
        for value in ["a=x:link=y", "../outside=x", "/etc=x", "a/../../b=x"] {
            assert!(root.left_by(&table::PATHS, value).is_some(), "{value}");
        }
        assert_eq!(root.left_by(&table::PATHS, "a=x:b/c=y"), None);
        let at_top = |value: &str| value.replace('@', &top.to_string_lossy());
        for value in
            ["/**/*.db", "@/root/x.db:@/x.db", "@/root/link/*.db", "@/{root,outside}/*.db", "/x.db", "@/root/link"]
        {
            assert!(root.left_by(&table::DB, &at_top(value)).is_some(), "{value}");
        }
        for value in ["@/root/*.db", "@/alias/a/x.db:@/root/**", "@/root/{a,b}/x.db"] {
            assert_eq!(root.left_by(&table::DB, &at_top(value)), None, "{value}");
        }
        for (file, is_own) in
            [("root/l.toml", true), ("l.toml", false), ("alias/l.toml", true), ("root/link/l.toml", false)]
        {
            assert_eq!(root.owns(&top.join(file)), is_own, "{file}");
        }
    }
}
