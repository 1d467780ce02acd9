//! Sends the rows of a database to D1: tables with the parents first, rows in the order of their keys, in commits of bounded size.
//! Whatever moment it is interrupted in, D1 holds a beginning of that order.

use std::ops::ControlFlow;

use rusqlite::Connection;

use super::check::each_row;
use super::compare::Place;
use super::{Error, Event, Progress};
use crate::d1::Statement;
use crate::ledger::Loader;
use crate::plan::whole::{Inserts, counters, parents_first};
use crate::schema::{Schema, Table};
use crate::value::Value;

/// Bytes of values in a commit. Its request may have 4 MB, and texts grow a little by their escapes, blobs to twice their size.
const COMMIT_BYTES: usize = 2_000_000;
/// Rows in a commit. workerd took 50,000 small ones a second; D1 gives a batch 30 s.
const COMMIT_ROWS: usize = 20_000;

/// Sends what comes after `from`.
pub fn rows(
    loader: &mut Loader<'_>,
    source: &Connection,
    schema: &Schema,
    from: Place,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let mut commit = Commit { loader, progress, body: Vec::new(), bytes: 0, rows: 0 };
    for (index, table) in parents_first(schema).into_iter().enumerate().skip(from.table) {
        let skipped = if index == from.table { from.rows } else { 0 };
        commit.table(source, table, skipped)?;
    }
    commit.body.extend(counters(source, schema)?);
    commit.send()
}

struct Commit<'a, 'c> {
    loader: &'a mut Loader<'c>,
    progress: Progress<'a>,
    body: Vec<Statement>,
    bytes: usize,
    rows: usize,
}

impl Commit<'_, '_> {
    fn table(&mut self, source: &Connection, table: &Table, mut skipped: u64) -> Result<(), Error> {
        let mut inserts = Inserts::into(table);
        each_row(source, table, |row| {
            if skipped > 0 {
                skipped -= 1;
                return Ok(ControlFlow::Continue(()));
            }
            self.bytes += size(&row);
            self.rows += 1;
            inserts.push(row)?;
            if self.bytes >= COMMIT_BYTES || self.rows >= COMMIT_ROWS {
                let full = std::mem::replace(&mut inserts, Inserts::into(table));
                self.body.extend(full.finish()?);
                self.send()?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        self.body.extend(inserts.finish()?);
        Ok(())
    }

    fn send(&mut self) -> Result<(), Error> {
        if !self.body.is_empty() {
            self.loader.commit(std::mem::take(&mut self.body)).map_err(|error| match error {
                crate::error::Error::Conflict => Error::Moved,
                error => Error::D1(error),
            })?;
        }
        (self.progress)(Event::Advances(self.rows as u64));
        (self.bytes, self.rows) = (0, 0);
        Ok(())
    }
}

/// Bytes of a row, about.
pub fn size(row: &[Value]) -> usize {
    let cell = |value: &Value| match value {
        Value::Text(bytes) => bytes.len() + 4,
        Value::Blob(bytes) => 2 * bytes.len() + 4,
        _ => 12,
    };
    row.iter().map(cell).sum()
}
