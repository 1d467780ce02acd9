//! Why a statement on D1 failed. The application sees the message.

use crate::d1::SendError;

/// Why a statement on D1 failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueryError {
    /// The connection's main database is a local one.
    #[error("{who}: this database is not on D1")]
    NotOnD1 {
        /// Which function or module.
        who: &'static str,
    },
    /// The SQL text is missing, or not one statement.
    #[error("{who}: {problem}")]
    Sql {
        /// Which function or module.
        who: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// `params_json` is malformed, or has the wrong number of values.
    #[error("d1_query: params_json {0}")]
    Params(String),
    /// A `d1` table outside of the temp schema, which D1 would have to store.
    #[error(
        "d1: D1 cannot hold a virtual table, so it belongs in the temp schema: CREATE VIRTUAL TABLE temp.{table} USING d1(…)"
    )]
    NotTemporary {
        /// Its name.
        table: String,
    },
    /// D1 refused, in its own words, or did not answer.
    #[error("{0}")]
    D1(#[from] SendError),
    /// A write whose outcome is unknown.
    #[error("{0}; D1 may have carried out the statement: look before you repeat it")]
    Doubt(String),
    /// The answer has no column names: an older gateway sends them only for what it recognizes as a read.
    #[error(
        "D1 did not say what columns the statement has; if LITEFLARE_D1_API is a gateway, deploy its present version"
    )]
    NoNames,
    /// Text that is not valid UTF-8, which D1's JSON cannot carry.
    #[error(
        "row {row}: column {column} holds text that is not valid UTF-8, which D1 cannot send; select hex(CAST({column} AS BLOB)) instead"
    )]
    Mended {
        /// From 1.
        row: u64,
        /// Its name.
        column: String,
    },
    /// The answer does not have the expected form.
    #[error("row {row}: D1's answer cannot be understood: {reason}")]
    Answer {
        /// From 1.
        row: u64,
        /// Why not.
        reason: String,
    },
}
