//! `liteflare.toml`: what it must say, whether it says so, and writing it. It may hold secrets: only its owner may read it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::error::InitError;
use crate::config::Source;
use crate::config::table::{self, Setting};
use crate::local_file;

/// A setting and its value. `None`: not known yet, since it is still to be made; empty: it must not stand there.
pub(super) type Entry = (&'static Setting, Option<String>);

/// Owner alone.
const MODE: u32 = 0o600;

/// Refuses a file that says something else, unless it is to be replaced.
pub(super) fn check(source: &Source, entries: &[Entry], force: bool) -> Result<(), InitError> {
    if !source.has_file || force {
        return Ok(());
    }
    let differing = entries.iter().filter(|entry| !is_said(source, entry));
    let keys: Vec<String> = differing.map(|(setting, _)| format!("`{}`", setting.key)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    Err(InitError::Differs { path: source.path.clone(), keys: keys.join(", ") })
}

fn is_said(source: &Source, (setting, value): &Entry) -> bool {
    value.as_deref().is_some_and(|value| source.in_file(setting).unwrap_or_default() == value)
}

/// Writes the file. `false`: it said all of it already.
pub(super) fn write(source: &Source, entries: &[Entry], database: &str) -> Result<bool, InitError> {
    let path = &source.path;
    let failed = |source| InitError::Write { path: path.clone(), source };
    if source.has_file && entries.iter().all(|entry| is_said(source, entry)) {
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
        return Ok(false);
    }
    let mut text = String::from(
        "# Written by `liteflare init`. The environment wins over this file; `liteflare doctor` shows what holds.\n",
    );
    for setting in table::ALL {
        let ours = entries.iter().find(|(other, _)| other.name == setting.name).and_then(|(_, value)| value.as_deref());
        let Some(value) = ours.or_else(|| source.in_file(setting)).filter(|value| !value.is_empty()) else { continue };
        let name = setting.name == table::DATABASE.name && ours.is_some() && database != value;
        let comment = if name { format!(" # {}", database.escape_debug()) } else { String::new() };
        text += &format!("{} = {}{comment}\n", setting.key, toml::Value::from(value));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    local_file::replace(path, text.as_bytes(), MODE).map_err(failed)?;
    Ok(true)
}
