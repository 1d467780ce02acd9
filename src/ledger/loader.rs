//! Commits without a replica: how an import brings a database to D1, in batches that carry the same fence and log as every commit.
//! It holds no pages, so that a database of any size costs the memory of one batch.

use super::batch::{Batch, Fence};
use super::send::send;
use super::{log, tables};
use crate::d1::{Client, Statement};
use crate::error::Error;
use crate::image::Position;

/// A writer of whole databases.
pub(crate) struct Loader<'c> {
    client: &'c Client,
    position: Position,
}

impl Loader<'_> {
    /// Makes sure of liteflare's tables on D1, and finds its place in the log.
    pub(crate) fn begin(client: &Client) -> Result<Loader<'_>, Error> {
        let mut statements = tables::bookkeeping();
        statements.push(log::newest());
        let answers = client.send_idempotent(&statements)?;
        let position = answers.last().and_then(log::newest_in);
        let position = position.ok_or_else(|| Error::Unreachable("D1's answer has no seq".into()))?;
        Ok(Loader { client, position })
    }

    /// The newest commit.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Commits `body`. Triggers stay silent. An error means that nothing of it happened, unless it says what is in doubt.
    pub(crate) fn commit(&mut self, body: Vec<Statement>) -> Result<(), Error> {
        // Rows are not named: whoever has a replica of what was there before needs a new one anyway.
        let fence = Fence::unnamed(&self.position);
        self.position = send(self.client, &Batch::new(fence, body, true))?.position;
        Ok(())
    }
}
