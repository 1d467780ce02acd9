//! The application's folder, which relative paths among the settings start from.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::env::env;
use super::origin::Origin;
use crate::invokeai;

/// The setting's variable.
pub(super) const VARIABLE: &str = "LITEFLARE_ROOT";

/// What a command's `--root` said.
static ARGUMENT: OnceLock<PathBuf> = OnceLock::new();

/// Makes `root` the application's folder for the rest of this process, whatever the environment says: a command's `--root`.
/// The first call counts.
pub fn use_root(root: PathBuf) {
    let absolute = std::path::absolute(&root).unwrap_or(root);
    let _ = ARGUMENT.set(absolute); // set already: the first call counts
}

/// The application's folder: that of [`use_root`], else of the setting, else the application's own.
pub fn root() -> PathBuf {
    root_and_origin().0
}

pub(super) fn root_and_origin() -> (PathBuf, Origin) {
    if let Some(root) = ARGUMENT.get() {
        return (root.clone(), Origin::Argument);
    }
    for name in [VARIABLE, invokeai::ROOT_VARIABLE] {
        if let Some(root) = env(name) {
            return (root.into(), Origin::Environment(name));
        }
    }
    (PathBuf::from(env("HOME").unwrap_or_else(|| "/".into())).join(invokeai::ROOT_FOLDER), Origin::Default)
}
