//! Commits without a replica: how an import brings a database to D1, in batches that carry the same fence and log as every commit.
//! It holds no pages, so that a database of any size costs the memory of one batch.

use super::batch::{Batch, Body, Fence};
use super::capture;
use super::send::send;
use super::tables::{self, Beside};
use crate::d1::{Client, Statement};
use crate::error::Error;
use crate::image::Position;
use crate::schema::Schema;

/// A writer of whole databases.
pub(crate) struct Loader<'c> {
    client: &'c Client,
    position: Position,
}

impl Loader<'_> {
    /// Makes sure of liteflare's tables on D1, and finds its place in the log.
    pub(crate) fn begin(client: &Client) -> Result<Loader<'_>, Error> {
        let position = tables::open(client, &mut Beside::default())?.position;
        let position = position.ok_or_else(|| Error::Unreachable("D1's answer has no seq".into()))?;
        Ok(Loader { client, position })
    }

    /// The newest commit.
    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Commits `body`, which drops what there is, or finds nothing, and makes a schema. Whoever changed that before does not matter.
    pub(crate) fn begin_anew(&mut self, mut body: Vec<Statement>) -> Result<(), Error> {
        body.push(tables::note());
        self.send(body, Batch::with_any_schema)
    }

    /// Commits `body`, the last one: from then on what is written past liteflare to the tables of `schema` is noted.
    pub(crate) fn end(&mut self, mut body: Vec<Statement>, schema: &Schema) -> Result<(), Error> {
        body.extend(capture::create_all(schema));
        body.push(tables::note());
        self.commit(body)
    }

    /// Commits `body`. Triggers stay silent. An error means that nothing of it happened, unless it says what is in doubt.
    pub(crate) fn commit(&mut self, body: Vec<Statement>) -> Result<(), Error> {
        self.send(body, Batch::new)
    }

    fn send(&mut self, body: Vec<Statement>, batch: impl Fn(Fence, Body) -> Batch) -> Result<(), Error> {
        // Rows are not named: whoever has a replica of what was there before needs a new one anyway.
        let fence = Fence::unnamed(&self.position);
        self.position = send(self.client, &batch(fence, Body { statements: body, ..Body::default() }))?.position;
        Ok(())
    }
}
