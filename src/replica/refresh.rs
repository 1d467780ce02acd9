//! A replica forward to what D1 holds now.
//!
//! `_lf_commit` names the rows that each commit changed. The present values of those rows are read in one batch together with
//! the log itself: if nobody has committed meanwhile, the rows and the last seq are one state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value as Json;

use super::Replica;
use super::changes::Changes;
use super::hydrate::{Bounds, hydrate};
use super::rows::{self, Fetched, Inserts, Row};
use super::writer::Writer;
use crate::d1::{Client, Rows, SendError, Statement};
use crate::error::Error;
use crate::image::{Image, Seq};
use crate::runtime::Runtime;
use crate::schema::Schema;
use crate::schema::Table;
use crate::vfs::scratch::Scratch;

/// Above so many changed rows a new replica is built instead.
const MOST_ROWS: u64 = 10_000;
/// So often the changed rows are asked for by their keys, which others' commits may outrun.
const ROUNDS_BY_KEY: usize = 3;
/// So often at all: large values come by themselves, and commits may outrun those too.
const MOST_ROUNDS: usize = 20;

impl Replica {
    /// Brings this replica to what D1 holds now. Returns its seq.
    pub fn sync(&self) -> Result<Seq, Error> {
        let mut writer = self.writer.lock();
        self.refresh(&mut writer)?;
        Ok(self.newest().seq)
    }

    /// Asks D1 for newer commits if nobody has for `interval`, and fetches them. Nobody waits for it, and a commit does not either
    /// unless there is something to fetch: the question is asked without the writer's lock.
    pub(super) fn refresh_in_background(self: &Arc<Replica>, interval: Duration) {
        {
            let mut checked = self.checked.lock();
            if checked.elapsed() < interval {
                return;
            }
            *checked = Instant::now();
        }
        let replica = Arc::downgrade(self);
        let Ok(runtime) = Runtime::current() else { return };
        runtime.later(Duration::ZERO, move || {
            let Some(replica) = replica.upgrade() else { return };
            let seq = replica.newest().seq;
            // A failure shows when somebody commits; reads go on from what there is.
            let is_behind = replica.client.send(&[log_since(seq)]).is_ok_and(|log| !log[0].results.rows.is_empty());
            if is_behind && let Err(error) = replica.sync() {
                error.report();
            }
        });
    }

    pub(super) fn refresh(&self, writer: &mut Writer) -> Result<(), Error> {
        let base = self.newest();
        let scratch = Scratch::new(Image::clone(&base));
        let connection = scratch.writer()?;
        connection.execute_batch("BEGIN")?;
        let caught_up = catch_up(&self.client, &connection, &writer.catalog.schema, base.seq, false)?;
        if caught_up == Some(base.seq) {
            return Ok(());
        }
        // A counter that no transaction on `base` can have used, so that every connection sees that the file changed.
        let counter = base.header_u32(24).wrapping_add(2);
        let after = if let Some(seq) = caught_up {
            connection.execute_batch("COMMIT")?;
            drop(connection);
            let (mut after, changed) = scratch.image();
            after.seq = seq;
            let after = after.with_change_counter(counter);
            match writer.decode(&base, &after, &changed) {
                Ok(decoded) => writer.advance(decoded, &after),
                Err(_) => *writer = Writer::new(&after)?,
            }
            after
        } else {
            let after = hydrate(&self.client, &Bounds::default())?.with_change_counter(counter);
            *writer = Writer::new(&after)?;
            after
        };
        self.metrics().refreshes.add(1);
        self.publish(after);
        Ok(())
    }
}

/// Reads what commits after `from` changed into the database behind `connection`. Returns the seq it stands at then; `None` when
/// the log does not tell enough, and only a new replica will do.
///
/// `is_new`: the database was read while D1 went on, so that the state beside the rows has to be read even if no commit came.
pub(super) fn catch_up(
    client: &Client,
    connection: &Connection,
    schema: &Schema,
    from: Seq,
    is_new: bool,
) -> Result<Option<Seq>, Error> {
    let mut seen = from;
    let mut changes = Changes::default();
    let mut exact = false;
    for round in 0..MOST_ROUNDS {
        // Others commit faster than we ask: then D1 shall take the keys from its log as it is at that moment.
        let by_log = round >= ROUNDS_BY_KEY;
        if by_log {
            (seen, changes) = (from, Changes::default());
        }
        let reads_rows = is_new || by_log || seen != from;
        let named = named(schema, &changes);
        let Some(selects) = (if by_log { Some(by_logged_keys(schema, from, exact)) } else { by_keys(named, exact) })
        else {
            return Ok(None);
        };
        let mut batch = vec![log_since(seen)];
        if reads_rows {
            batch.push(Statement::new("SELECT key,CAST(value AS TEXT) FROM _lf_state"));
            batch.push(sequences(schema));
            batch.extend(selects.iter().map(|(_, select)| select.clone()));
        }
        let mut answers = match client.send_idempotent(&batch) {
            // A table that is gone by now: so says the log, or something else is wrong.
            Err(SendError::Refused(_)) if reads_rows && has_gone_on(client, seen)? => return Ok(None),
            answers => answers?,
        };

        let log = &answers[0].results.rows;
        match read_log(log, seen, &mut changes) {
            Some(last) => seen = last,
            None => return Ok(None),
        }
        if !log.is_empty() && !by_log {
            continue;
        }
        if !reads_rows {
            return Ok(Some(seen));
        }
        let tables: Vec<&Table> = selects.into_iter().map(|(table, _)| table).collect();
        let fetched: Vec<Fetched> = tables
            .iter()
            .zip(answers.split_off(3))
            .map(|(table, answer)| rows::parse(table, answer.results))
            .collect::<Result<_, _>>()?;
        if !exact && fetched.iter().any(|fetched| fetched.is_doubtful) {
            exact = true;
            continue;
        }
        let mut found: Vec<Vec<Row>> = fetched.into_iter().map(|fetched| fetched.rows).collect();
        if !complete(client, &tables, &mut found, seen)? {
            continue;
        }
        let Some(named) = self::named(schema, &changes) else { return Ok(None) };
        write(connection, &named, &tables, &found)?;
        write_state(connection, &answers[1])?;
        write_sequences(connection, schema, &answers[2])?;
        return Ok(Some(seen));
    }
    Ok(None)
}

/// The tables with changed rows, and their keys as a parameter. `None`: one of them is not in `schema`.
fn named<'a>(schema: &'a Schema, changes: &Changes) -> Option<Vec<(&'a Table, String)>> {
    changes.params().into_iter().map(|(name, keys)| Some((schema.table(name)?, keys))).collect()
}

fn by_keys(named: Option<Vec<(&Table, String)>>, exact: bool) -> Option<Vec<(&Table, Statement)>> {
    let select = |(table, keys)| (table, Statement::with(rows::select_changed(table, exact), [keys]));
    Some(named?.into_iter().map(select).collect())
}

fn by_logged_keys(schema: &Schema, from: Seq, exact: bool) -> Vec<(&Table, Statement)> {
    let select = |table| Statement::with(rows::select_logged(table, exact), [from.to_string(), table.name.clone()]);
    schema.tables.values().map(|table| (table, select(table))).collect()
}

/// Whether anyone has committed after `seq`.
pub(super) fn has_gone_on(client: &Client, seq: Seq) -> Result<bool, Error> {
    let log = client.send_idempotent(&[log_since(seq)])?;
    Ok(!log[0].results.rows.is_empty())
}

fn log_since(seq: Seq) -> Statement {
    let sql = "SELECT CAST(seq AS TEXT),changes FROM _lf_commit WHERE seq>CAST(?1 AS INTEGER) ORDER BY seq";
    Statement::with(sql, [seq.to_string()])
}

fn sequences(schema: &Schema) -> Statement {
    let exists = schema.tables.values().any(|table| table.autoincrement);
    Statement::new(if exists { "SELECT name,CAST(seq AS TEXT) FROM sqlite_sequence" } else { "SELECT 1 WHERE 0" })
}

/// Adds the rows that the log names. `None`: the log has a gap, or names no rows, or too many.
fn read_log(log: &[Vec<Json>], seen: Seq, changes: &mut Changes) -> Option<Seq> {
    let mut last = seen;
    for row in log {
        let seq = Seq(row.first()?.as_str()?.parse().ok()?);
        if seq != last.next() {
            return None;
        }
        last = seq;
        changes.add(row.get(1)?.as_str()?)?;
    }
    (changes.row_count() <= MOST_ROWS).then_some(last)
}

/// Fetches large values. `false`: D1 went on with these tables meanwhile, and the rows may be of two states.
fn complete(client: &Client, tables: &[&Table], found: &mut [Vec<Row>], seen: Seq) -> Result<bool, Error> {
    let mut completed = Vec::new();
    for (table, rows) in tables.iter().zip(found) {
        for row in rows.iter_mut().filter(|row| !row.is_complete()) {
            if !row.complete(client, table)? {
                return Ok(false);
            }
            completed.push(table.name.as_str());
        }
    }
    if completed.is_empty() {
        return Ok(true);
    }
    let log = client.send_idempotent(&[log_since(seen)])?;
    let mut later = Changes::default();
    let is_known = read_log(&log[0].results.rows, seen, &mut later).is_some();
    Ok(is_known && later.params().iter().all(|(name, _)| !completed.contains(name)))
}

/// Deletes first: a row may have taken a unique value from another one.
fn write(
    connection: &Connection,
    named: &[(&Table, String)],
    tables: &[&Table],
    found: &[Vec<Row>],
) -> Result<(), Error> {
    for (table, keys) in named {
        connection.prepare_cached(&rows::delete_changed(table))?.execute([keys])?;
    }
    for (table, rows) in tables.iter().zip(found) {
        let mut inserts = Inserts::into(connection, table)?;
        for row in rows {
            inserts.insert(row)?;
        }
    }
    Ok(())
}

fn pairs(answer: &Rows) -> impl Iterator<Item = (&str, i64)> {
    answer.results.rows.iter().filter_map(|row| Some((row.first()?.as_str()?, row.get(1)?.as_str()?.parse().ok()?)))
}

/// `encoding` is left out: it cannot change once there is a table.
fn write_state(connection: &Connection, answer: &Rows) -> Result<(), Error> {
    for (name, value) in pairs(answer).filter(|(name, _)| ["user_version", "application_id"].contains(name)) {
        let present: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
        if present != value {
            connection.pragma_update(None, name, value)?;
        }
    }
    Ok(())
}

fn write_sequences(connection: &Connection, schema: &Schema, answer: &Rows) -> Result<(), Error> {
    if !schema.tables.values().any(|table| table.autoincrement) {
        return Ok(());
    }
    connection.execute("DELETE FROM sqlite_sequence", [])?;
    for (name, value) in pairs(answer).filter(|(name, _)| schema.table(name).is_some()) {
        connection.execute("INSERT INTO sqlite_sequence(name,seq) VALUES (?1,?2)", (name, value))?;
    }
    Ok(())
}
