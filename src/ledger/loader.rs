//! Commits without a replica: how an import brings a database to D1, in batches that carry the same fence and log as every commit.
//! It holds no pages, so that a database of any size costs the memory of one batch.

use super::batch::{Batch, Fence};
use super::send::send;
use super::{log, tables};
use crate::d1::{Client, Statement};
use crate::error::Error;
use crate::image::Seq;

/// A writer of whole databases.
pub(crate) struct Loader<'c> {
    client: &'c Client,
    seq: Seq,
}

impl Loader<'_> {
    /// Makes sure of liteflare's tables on D1, and finds its place in the log.
    pub(crate) fn begin(client: &Client) -> Result<Loader<'_>, Error> {
        let mut statements = tables::bookkeeping();
        statements.push(log::newest());
        let answers = client.send_idempotent(&statements)?;
        let seq = answers.last().and_then(log::newest_in);
        let seq = seq.ok_or_else(|| Error::Unreachable("D1's answer has no seq".into()))?;
        Ok(Loader { client, seq })
    }

    /// The newest commit.
    pub(crate) fn seq(&self) -> Seq {
        self.seq
    }

    /// Commits `body`. Triggers stay silent. An error means that nothing of it happened, unless it says what is in doubt.
    pub(crate) fn commit(&mut self, body: Vec<Statement>) -> Result<(), Error> {
        // Rows are not named: whoever has a replica of what was there before needs a new one anyway.
        self.seq = send(self.client, &Batch::new(Fence::unnamed(self.seq), body, true))?;
        Ok(())
    }
}
