//! The process's environment: the variables that are no settings, and how any of them is read.

use super::error::SettingError;
use super::form;

/// Tells a program which of the files it inherits are in the bucket. Set by the path hook for child processes, not a setting.
pub const INHERITED: &str = "LITEFLARE_INHERITED";

/// A variable of the environment; an empty one counts as not set.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the process was started with liteflare switched on. An error: nobody can tell, and to take it for off could begin a local
/// database.
pub fn is_on() -> Result<bool, SettingError> {
    let Some(text) = std::env::var_os("LITEFLARE").filter(|text| !text.is_empty()) else { return Ok(false) };
    form::switch(&text.to_string_lossy()).map_err(|_| SettingError::Wrong {
        place: format!("LITEFLARE={text:?}"),
        expected: form::SWITCH_EXPECTED.into(),
    })
}

/// What the parent process has said of the files this process inherits.
pub fn inherited_files() -> Option<String> {
    env(INHERITED)
}
