//! Why a statement on D1 gives no rows; the text is what the application reads.

use crate::d1::SendError;

/// Why a statement on D1 gives no rows.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The connection's main database is a local one.
    #[error("{who}: this database is not on D1")]
    NotOnD1 {
        /// Which function or module.
        who: &'static str,
    },
    /// The SQL text is missing, or none.
    #[error("{who}: {problem}")]
    Sql {
        /// Which function or module.
        who: &'static str,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// The parameters do not fit.
    #[error("d1_query: params_json {0}")]
    Params(String),
    /// A virtual table that would have to be stored.
    #[error(
        "d1: D1 cannot hold a virtual table, so it belongs in the temp schema: CREATE VIRTUAL TABLE temp.{table} USING d1(…)"
    )]
    NotTemporary {
        /// Its name.
        table: String,
    },
    /// D1 said no, in its own words; or nothing.
    #[error("{0}")]
    D1(#[from] SendError),
    /// A write of which nobody knows whether it happened.
    #[error("{0}; D1 may have carried out the statement: look before you repeat it")]
    Doubt(String),
    /// An answer without columns: an older gateway gives them only for what it sees to be a read.
    #[error(
        "D1 did not say what columns the statement has; if LITEFLARE_D1_API is a gateway, deploy its present version"
    )]
    NoNames,
    /// Text that D1's JSON cannot carry.
    #[error(
        "row {row}: column {column} holds text that is not valid UTF-8, which D1 cannot send; select hex(CAST({column} AS BLOB)) instead"
    )]
    Mended {
        /// From 1.
        row: u64,
        /// Its name.
        column: String,
    },
    /// An answer that is none.
    #[error("row {row}: D1's answer cannot be understood: {reason}")]
    Answer {
        /// From 1.
        row: u64,
        /// Why not.
        reason: String,
    },
}
