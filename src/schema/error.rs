//! Why a schema cannot be understood. Each message names the object and what to do about it.

use crate::vfs::inner::told;

/// A schema that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// SQLite failed on it.
    #[error("reading the schema failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// SQLite does not take an object's text.
    #[error("{object}: SQLite does not take its text ({}); drop it and create it anew", told(.error))]
    Refused {
        /// The object as a person calls it, e.g. `table notes`.
        object: String,
        /// Why not.
        error: rusqlite::Error,
    },
    /// An object's text says something that this room cannot follow.
    #[error("{object}: {problem}; {advice}")]
    Unreadable {
        /// The object as a person calls it, e.g. `table notes`.
        object: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        advice: &'static str,
    },
}
