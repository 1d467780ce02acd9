//! What can be wrong with a setting. Each message names the setting and its place, and shows no secret.

use std::path::PathBuf;

/// A missing or wrong setting; the message names it and says what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SettingError {
    /// A setting without a default that nobody gave.
    #[error("{name} is not set: {hint} (environment, or `{key}` in liteflare.toml)")]
    Missing {
        /// The environment variable.
        name: &'static str,
        /// The key in `liteflare.toml`.
        key: &'static str,
        /// What belongs there.
        hint: &'static str,
    },
    /// A setting whose value cannot be understood.
    #[error("{place} is wrong: expected {expected}")]
    Wrong {
        /// The variable and its value, or the file, the line and the key; of a file no value, since a token may stand there.
        place: String,
        /// What is expected.
        expected: String,
    },
    /// A secret that cannot be one. The message does not show it.
    #[error("{place} is wrong: {problem}; copy it again")]
    WrongSecret {
        /// The variable, or the file, the line and the key.
        place: String,
        /// What it has that it cannot have.
        problem: &'static str,
    },
    /// A variable or a key that is none of ours, where a mistake must not go unseen.
    #[error("{place}: {advice}")]
    Unknown {
        /// The variable, or the file, the line and the key.
        place: String,
        /// The nearest right name, or all of them.
        advice: String,
    },
    /// `liteflare.toml` cannot be read.
    #[error("{path}: {reason}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
}
