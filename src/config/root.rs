//! The application's folder, which relative paths among the settings start from.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::env::env;
use super::links::followed;
use super::origin::Origin;
use crate::invokeai::{self, Told};

/// The setting's variable.
pub(super) const VARIABLE: &str = "LITEFLARE_ROOT";

/// Python's variable for the folder of the active virtual environment.
const ENVIRONMENT_VARIABLE: &str = "VIRTUAL_ENV";

/// What a command's `--root` said.
static ARGUMENT: OnceLock<PathBuf> = OnceLock::new();

/// Makes `root` the application's folder for the rest of this process, whatever the environment says: a command's `--root`.
/// The first call counts.
pub fn use_root(root: PathBuf) {
    let absolute = std::path::absolute(&root).unwrap_or(root);
    let _ = ARGUMENT.set(absolute); // set already: the first call counts
}

/// The application's folder, absolute: that of [`use_root`], else of the setting, else the application's own, which it finds on its
/// command line, in its variable, above the active virtual environment, or below the home folder.
pub fn root() -> PathBuf {
    root_and_origin().0
}

pub(super) fn root_and_origin() -> (PathBuf, Origin) {
    if let Some(root) = ARGUMENT.get() {
        return (root.clone(), Origin::Argument);
    }
    if let Some(root) = env(VARIABLE) {
        return (absolute(&root), Origin::Environment(VARIABLE));
    }
    if let Some(root) = &told().root {
        return (absolute(root), Origin::Application(format!("{}'s command line", invokeai::NAME)));
    }
    if let Some(root) = env(invokeai::ROOT_VARIABLE) {
        return (absolute(&root), Origin::Environment(invokeai::ROOT_VARIABLE));
    }
    if let Some(folder) = env(ENVIRONMENT_VARIABLE) {
        let folder = absolute(&folder);
        let root = folder.parent().unwrap_or(Path::new("/"));
        return (followed(root).unwrap_or_else(|| root.to_path_buf()), Origin::Environment(ENVIRONMENT_VARIABLE));
    }
    (home().join(invokeai::ROOT_FOLDER), Origin::Default)
}

/// What this process is told on its command line, if it is one of the application's own.
pub(super) fn told() -> &'static Told {
    static TOLD: OnceLock<Told> = OnceLock::new();
    TOLD.get_or_init(|| invokeai::command_line(&std::env::args_os().collect::<Vec<_>>()).unwrap_or_default())
}

/// As Python's `expanduser().absolute()` has it. The working directory is the one at the first call: the application looks at its start,
/// too.
fn absolute(path: impl AsRef<Path>) -> PathBuf {
    static START: OnceLock<PathBuf> = OnceLock::new();
    let path = path.as_ref();
    let path = path.strip_prefix("~").map_or_else(|_| path.to_path_buf(), |below| home().join(below));
    if path.is_absolute() {
        return path;
    }
    START.get_or_init(|| std::env::current_dir().unwrap_or_default()).join(path)
}

fn home() -> PathBuf {
    PathBuf::from(env("HOME").unwrap_or_else(|| "/".into()))
}
