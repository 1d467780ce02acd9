//! The process's environment: the variables that are no settings, and how any of them is read.

/// Tells a program which of the files it inherits are in the bucket. Set by the path hook for child processes, not a setting.
pub const INHERITED: &str = "LITEFLARE_INHERITED";

/// A variable of the environment; an empty one counts as not set.
pub(super) fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the process was started with liteflare switched on.
pub fn is_on() -> bool {
    env("LITEFLARE").as_deref() == Some("1")
}

/// What the parent process has said of the files this process inherits.
pub fn inherited_files() -> Option<String> {
    env(INHERITED)
}
