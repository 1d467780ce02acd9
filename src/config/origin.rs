//! Where the value of a setting came from.

use std::path::PathBuf;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This variable of the environment.
    Environment(&'static str),
    /// The settings file.
    File {
        /// Its path.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The built-in value.
    Default,
    /// It follows from something else.
    Derived(&'static str),
    /// Given to the command.
    Argument,
    /// Nobody gave one.
    NotSet,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Environment(name) => write!(f, "environment, {name}"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Default => f.write_str("default"),
            Origin::Derived(from) => write!(f, "from {from}"),
            Origin::Argument => f.write_str("command line"),
            Origin::NotSet => f.write_str("not set"),
        }
    }
}
