//! The rows of a SELECT on D1 with their exact types, read one at a time.

use super::error::QueryError;
use super::statement::Query;
use crate::d1::{Client, RowStream};
use crate::value::Value;
use crate::value::from_d1::{self, Computed};

/// Asks D1 for the names of a SELECT's columns.
pub(crate) fn names(client: &Client, query: &Query) -> Result<Vec<String>, QueryError> {
    let answer = client.send_idempotent(&[query.names()])?.swap_remove(0);
    let names = answer.results.columns;
    if names.is_empty() { Err(QueryError::NoNames) } else { Ok(names) }
}

pub(crate) struct Scan {
    stream: RowStream,
    names: Vec<String>,
    /// Rows read so far.
    count: u64,
}

impl Scan {
    /// Sends the query. `names`: of its columns.
    pub(crate) fn start(
        client: &Client,
        query: &Query,
        names: Vec<String>,
        limit: Option<i64>,
    ) -> Result<Scan, QueryError> {
        let stream = client.stream(&query.rows(names.len(), from_d1::computed, limit))?;
        Ok(Scan { stream, names, count: 0 })
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next row: one value per column.
    pub(crate) fn next_row(&mut self) -> Result<Option<Vec<Value>>, QueryError> {
        let Some(text) = self.stream.next_row()? else { return Ok(None) };
        self.count += 1;
        let unclear = |reason: String| QueryError::Answer { row: self.count, reason };
        let cells: Vec<Computed> = serde_json::from_slice(&text).map_err(|error| unclear(error.to_string()))?;
        if cells.len() != self.names.len() {
            return Err(unclear(format!("{} cells for {} columns", cells.len(), self.names.len())));
        }
        if let Some(column) = cells.iter().position(|cell| cell.is_mended) {
            return Err(QueryError::Mended { row: self.count, column: self.names[column].clone() });
        }
        Ok(Some(cells.into_iter().map(|cell| cell.value).collect()))
    }
}
