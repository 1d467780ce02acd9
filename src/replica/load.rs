//! Commits without a replica: how an import brings a database to D1, in batches that carry the same fence and log as every commit.
//! It holds no pages, so that a database of any size costs the memory of one batch.
//!
//! From the first batch to the last `_lf_state` says that an import is going on: nobody hydrates a part of a database.

use super::batch::{Fence, batch};
use super::commit::{explain, source};
use super::hydrate::bookkeeping;
use crate::d1::{Client, Statement};
use crate::error::Error;
use crate::image::Seq;

/// The key in `_lf_state` that is there while an import is going on.
pub const IMPORTING: &str = "importing";

/// A writer of whole databases.
pub struct Loader<'c> {
    client: &'c Client,
    seq: Seq,
}

impl Loader<'_> {
    /// Makes sure of liteflare's tables on D1, and finds its place in the log.
    pub fn begin(client: &Client) -> Result<Loader<'_>, Error> {
        let mut statements = bookkeeping();
        statements.push(Statement::new("SELECT CAST(coalesce(max(seq),0) AS TEXT) FROM _lf_commit"));
        let answers = client.send_idempotent(&statements)?;
        let newest = answers.last().and_then(|answer| answer.results.rows.first()?.first()?.as_str()?.parse().ok());
        let newest = newest.ok_or_else(|| Error::Unreachable("D1's answer has no seq".into()))?;
        Ok(Loader { client, seq: Seq(newest) })
    }

    /// The newest commit.
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Commits `body`. Triggers stay silent. An error means that nothing of it happened, unless it says what is in doubt.
    pub fn commit(&mut self, body: Vec<Statement>) -> Result<(), Error> {
        let txn = uuid::Uuid::now_v7().to_string();
        // Rows are not named: whoever has a replica of what was there before needs a new one anyway.
        let fence = Fence { base: self.seq, txn: &txn, source: &source(), changes: r#"{"all":true}"# };
        let batch = batch(&fence, body, true)?;
        self.client.commit(&batch, &txn).map_err(explain)?;
        self.seq = self.seq.next();
        Ok(())
    }
}

/// Says that an import has begun. Part of its first batch.
pub fn mark() -> Statement {
    Statement::new(format!("INSERT OR REPLACE INTO _lf_state(key, value) VALUES ('{IMPORTING}', 1)"))
}

/// Says that it has ended. Part of its last batch.
pub fn unmark() -> Statement {
    Statement::new(format!("DELETE FROM _lf_state WHERE key='{IMPORTING}'"))
}

/// Sets a field of the database header that D1 does not keep (`user_version`, `application_id`, `encoding`).
pub fn header_field(name: &str, value: i64) -> Statement {
    let sql = "INSERT OR REPLACE INTO _lf_state(key, value) VALUES (?1, CAST(?2 AS INTEGER))";
    Statement::with(sql, [name.to_owned(), value.to_string()])
}

/// Forgets all such fields.
pub fn forget_header_fields() -> Statement {
    Statement::new("DELETE FROM _lf_state WHERE key IN ('user_version','application_id','encoding')")
}
