//! One SQL statement as D1's query API takes it.

use serde::Serialize;

/// One SQL statement of a batch. D1's API types `params` as strings, so exact values travel inside JSON texts (`value::to_d1`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The SQL text; at most [`super::limits::SQL_BYTES`] long.
    pub sql: String,
    /// Bound as `?1`, `?2`, …; at most [`super::limits::PARAMS`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<String>,
}

impl Statement {
    /// A statement without parameters.
    pub fn new(sql: impl Into<String>) -> Statement {
        Statement { sql: sql.into(), params: Vec::new() }
    }

    /// A statement with parameters.
    pub fn with(sql: impl Into<String>, params: impl IntoIterator<Item = String>) -> Statement {
        Statement { sql: sql.into(), params: params.into_iter().collect() }
    }
}
