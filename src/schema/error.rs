//! Why a schema cannot be understood. Each message names the object and what to do about it.

/// A schema that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// SQLite failed on it.
    #[error("reading the schema failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
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
