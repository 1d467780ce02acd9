//! Why a transaction cannot become a batch. Each message names the object and what to do about it.

use crate::schema::SchemaError;
use crate::vfs::inner::told;

/// A transaction that D1 cannot hold, or that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The images, or the copy on which schema changes are tried, could not be read; the transaction is rolled back.
    #[error("reading the changed rows failed: {0}")]
    Sqlite(#[from] rusqlite::Error),

    /// A single value is over D1's limit.
    #[error("table {table}, column {column}: a value of {len} bytes is over D1's limit of 2000000; keep it in a file")]
    ValueTooBig {
        /// The table in AFTER.
        table: String,
        /// The column that holds the value.
        column: String,
        /// The value's bytes.
        len: usize,
    },

    /// The values of a row fit one by one, but not together.
    #[error(
        "table {table}: a row of {len} bytes is over D1's limit of 2000000; split its large columns into a second table"
    )]
    RowTooBig {
        /// The table in AFTER.
        table: String,
        /// The record's bytes as SQLite stores it.
        len: usize,
    },

    /// The schema holds something that D1, or liteflare's way of writing to it, cannot do.
    #[error("{object}: {problem}; {advice}")]
    Unsupported {
        /// The object as a person calls it, e.g. `table notes`.
        object: String,
        /// What is wrong with it.
        problem: String,
        /// What to do.
        advice: &'static str,
    },

    /// A foreign key that SQLite accepts while it is not used, but that makes D1 refuse every write to the table.
    #[error(
        "table {table}: its foreign key to {parent} cannot be checked ({problem}), so D1 refuses writes; create the \
         parent table or a unique index on the referenced columns, or remove the key"
    )]
    ForeignKey {
        /// The child table.
        table: String,
        /// The parent it names.
        parent: String,
        /// What SQLite misses.
        problem: &'static str,
    },

    /// A statement's text is over D1's limit.
    #[error("{object}: a statement of {len} bytes is over D1's limit of 100000; shorten its names or its text")]
    StatementTooLong {
        /// The object the statement writes.
        object: String,
        /// The statement's bytes.
        len: usize,
    },

    /// The changed keys do not fit the images: a fault of ours, never of the application.
    #[error("table {table}: a changed row is in neither image; please report this, the transaction was rolled back")]
    Inconsistent {
        /// The table in AFTER.
        table: String,
    },
}

impl From<SchemaError> for PlanError {
    fn from(error: SchemaError) -> PlanError {
        match error {
            SchemaError::Sqlite(error) => PlanError::Sqlite(error),
            SchemaError::Refused { object, error } => {
                let problem = format!("SQLite does not take its text ({})", told(&error));
                PlanError::Unsupported { object, problem, advice: "drop it and create it anew" }
            }
            SchemaError::Unreadable { object, problem, advice } => PlanError::Unsupported { object, problem, advice },
        }
    }
}
