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
    /// The application's own configuration: a variable of its own, or its settings file.
    Application(String),
    /// The built-in value.
    Default,
    /// It follows from something else.
    Derived(&'static str),
    /// Given to the command.
    Argument,
    /// Nobody gave one.
    NotSet,
}

impl Origin {
    /// Whether one person has said both: in the environment and on the command line, or in one file.
    pub(super) fn is_same_source(&self, other: &Origin) -> bool {
        let is_told = |origin: &Origin| matches!(origin, Origin::Environment(_) | Origin::Argument);
        match (self, other) {
            (Origin::File { path: one, .. }, Origin::File { path: other, .. }) => one == other,
            (one, other) => is_told(one) && is_told(other),
        }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Environment(name) => write!(f, "environment, {name}"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
            Origin::Application(place) => f.write_str(place),
            Origin::Default => f.write_str("default"),
            Origin::Derived(from) => write!(f, "from {from}"),
            Origin::Argument => f.write_str("command line"),
            Origin::NotSet => f.write_str("not set"),
        }
    }
}
