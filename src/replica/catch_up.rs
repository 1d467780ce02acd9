//! The log's tail, applied to the rows of an older state: what a replica needs that is behind, or was read while D1 went on.
//!
//! The log names the rows that each commit changed. The present values of those rows are read in one batch together with the log
//! itself: if nobody has committed meanwhile, the rows and the last seq are one state.

use std::time::Duration;

use rusqlite::Connection;

use super::rows::{self, Fetched, Inserts, Row};
use crate::d1::{Client, SendError, Statement, StatementResult};
use crate::error::Error;
use crate::image::Position;
use crate::ledger::{Changes, State, header, log, tables};
use crate::schema::{Schema, Table};

/// Above so many changed rows a new replica is built instead.
const MOST_ROWS: u64 = 10_000;
/// So often the changed rows are asked for by their keys, which others' commits may outrun.
const ROUNDS_BY_KEY: usize = 3;
/// So often at all: large values are fetched one by one, and commits may outrun those too.
const MOST_ROUNDS: usize = 20;

/// Brings the database behind `connection`, which stands at `from`, to what D1 holds now. Returns where it stands then; `None`
/// when the log does not tell enough, and only a new replica will do.
///
/// `is_new`: the database was read while D1 went on, so that the state beside the rows has to be read even if no commit came. `aside`
/// goes with the first request.
pub(super) fn catch_up(
    client: &Client,
    connection: &Connection,
    schema: &Schema,
    from: &Position,
    is_new: bool,
    aside: &mut Aside,
) -> Result<Option<Position>, Error> {
    let is_guessed = !aside.likely_tables.is_empty();
    let (seen, changes) = (from.clone(), Changes::default());
    let mut tail = Tail { client, schema, from, is_new, seen, changes, exact: false, aside };
    for round in 0..MOST_ROUNDS {
        let found = if is_guessed && round == 0 { tail.by_guess()? } else { tail.round(round >= ROUNDS_BY_KEY)? };
        match found {
            Round::Current => return Ok(Some(tail.seen)),
            Round::Found(found) => {
                found.write(connection, schema)?;
                tail.aside.changed = found.changed.iter().map(|(table, _)| table.name.clone()).collect();
                return Ok(Some(tail.seen));
            }
            Round::Again => {}
            Round::Unknown => return Ok(None),
        }
    }
    Ok(None)
}

/// The commits after a place in the log, as far as they are known.
struct Tail<'a> {
    client: &'a Client,
    schema: &'a Schema,
    /// Where the database stands.
    from: &'a Position,
    is_new: bool,
    /// The last commit that is known.
    seen: Position,
    /// What the commits up to there changed.
    changes: Changes,
    /// Text is read as hex, since some of it is not valid UTF-8.
    exact: bool,
    aside: &'a mut Aside,
}

/// What the first request carries besides, and what came of it.
#[derive(Default)]
pub(super) struct Aside {
    pub(super) statements: Vec<Statement>,
    /// Tables that have probably changed: their rows come with the first request.
    pub(super) likely_tables: Vec<String>,
    /// The first request is made once, and has so much time.
    pub(super) patience: Option<Duration>,
    /// The answers to `statements`, if there were any.
    pub(super) answers: Vec<StatementResult>,
    /// The tables that have changed.
    pub(super) changed: Vec<String>,
}

/// How one request ended.
enum Round<'a> {
    /// There was nothing to read.
    Current,
    /// All that changed, in one state.
    Found(Found<'a>),
    /// D1 has gone on, or the rows have to be read in another way.
    Again,
    /// The log does not tell what changed.
    Unknown,
}

/// What D1 holds at the tail's end.
struct Found<'a> {
    /// The tables with changed rows, and which those are.
    changed: Vec<(&'a Table, String)>,
    /// The rows of them that are still there.
    rows: Vec<(&'a Table, Vec<Row>)>,
    state: State,
    sequences: StatementResult,
}

impl<'a> Tail<'a> {
    /// One request. `by_log`: others commit faster than we ask, so D1 takes the keys from its log as it is at that moment.
    fn round(&mut self, by_log: bool) -> Result<Round<'a>, Error> {
        if by_log {
            (self.seen, self.changes) = (self.from.clone(), Changes::default());
        }
        let reads_rows = self.is_new || by_log || self.seen != *self.from;
        let Some(selects) = (if by_log { Some(self.by_logged_keys(|_| true)) } else { self.by_keys() }) else {
            return Ok(Round::Unknown);
        };
        let Some(answers) = self.ask(&selects, reads_rows)? else { return Ok(Round::Unknown) };
        let Some(has_gone_on) = self.take_log(&answers[0]) else { return Ok(Round::Unknown) };
        if has_gone_on && !by_log {
            return Ok(Round::Again);
        }
        if !reads_rows {
            return Ok(Round::Current);
        }
        self.take_rows(selects.into_iter().map(|(table, _)| table).collect(), answers)
    }

    /// The first request, which brings the rows of tables that have probably changed, whatever their keys.
    fn by_guess(&mut self) -> Result<Round<'a>, Error> {
        let likely = std::mem::take(&mut self.aside.likely_tables);
        let selects = self.by_logged_keys(|table| likely.contains(&table.name));
        let Some(answers) = self.ask(&selects, true)? else { return Ok(Round::Unknown) };
        match self.take_log(&answers[0]) {
            None => Ok(Round::Unknown),
            Some(false) => Ok(Round::Current),
            Some(true) if self.changes.params().iter().all(|(name, _)| likely.iter().any(|table| table == name)) => {
                self.take_rows(selects.into_iter().map(|(table, _)| table).collect(), answers)
            }
            Some(true) => Ok(Round::Again),
        }
    }

    /// Asks for the log and, if `reads_rows`, for what stands beside it. `None`: a table is gone by now, the log's own perhaps, or the
    /// schema is another.
    fn ask(
        &mut self,
        selects: &[(&Table, Statement)],
        reads_rows: bool,
    ) -> Result<Option<Vec<StatementResult>>, Error> {
        let mut batch = vec![log::since(&self.seen), tables::seen()];
        if reads_rows {
            batch.extend([State::ask(), sequences(self.schema)]);
            batch.extend(selects.iter().map(|(_, select)| select.clone()));
        }
        let count = batch.len();
        batch.append(&mut self.aside.statements);
        let answers = match self.aside.patience.take() {
            Some(time) => self.client.send_within(&batch, time),
            None => self.client.send_idempotent(&batch),
        };
        match answers {
            // Either D1 has moved, or something else is wrong.
            Err(SendError::Refused(_)) if self.has_moved()? => Ok(None),
            answers => {
                let mut answers = answers?;
                self.aside.answers.extend(answers.drain(count..));
                // Else somebody has changed the schema, and has not said so.
                Ok(tables::is_seen(&answers[1]).then_some(answers))
            }
        }
    }

    fn has_moved(&self) -> Result<bool, SendError> {
        log::has_moved(self.client.send_idempotent(&[log::newest()]), &self.seen)
    }

    /// Whether there were commits. `None`: the log has a gap or does not reach back, or names no rows, or too many.
    fn take_log(&mut self, answer: &StatementResult) -> Option<bool> {
        let last = log::read_since(answer, &self.seen, &mut self.changes)?;
        let has_gone_on = last != self.seen;
        self.seen = last;
        (self.changes.row_count() <= MOST_ROWS).then_some(has_gone_on)
    }

    fn take_rows(&mut self, tables: Vec<&'a Table>, mut answers: Vec<StatementResult>) -> Result<Round<'a>, Error> {
        let fetched = answers.split_off(4).into_iter().zip(&tables);
        let fetched: Vec<Fetched> =
            fetched.map(|(answer, table)| rows::parse(table, answer.results)).collect::<Result<_, _>>()?;
        if !self.exact && fetched.iter().any(|fetched| fetched.is_doubtful) {
            self.exact = true;
            return Ok(Round::Again);
        }
        let mut rows = tables.into_iter().zip(fetched.into_iter().map(|fetched| fetched.rows)).collect::<Vec<_>>();
        if !self.complete(&mut rows)? {
            return Ok(Round::Again);
        }
        let Some(changed) = self.changed() else { return Ok(Round::Unknown) };
        let (state, sequences) = (State::read(&answers[2]), answers.swap_remove(3));
        Ok(Round::Found(Found { changed, rows, state, sequences }))
    }

    /// Fetches large values. `false`: D1 went on with these tables meanwhile, and the rows may be of two states.
    fn complete(&self, found: &mut [(&Table, Vec<Row>)]) -> Result<bool, Error> {
        let mut completed = Vec::new();
        for (table, rows) in found {
            for row in rows.iter_mut().filter(|row| !row.is_complete()) {
                if !row.complete(self.client, table)? {
                    return Ok(false);
                }
                completed.push(table.name.as_str());
            }
        }
        if completed.is_empty() {
            return Ok(true);
        }
        let answers = self.client.send_idempotent(&[log::since(&self.seen)])?;
        let mut later = Changes::default();
        let is_known = log::read_since(&answers[0], &self.seen, &mut later).is_some() && later.row_count() <= MOST_ROWS;
        Ok(is_known && later.params().iter().all(|(name, _)| !completed.contains(name)))
    }

    /// The tables with changed rows, and their keys as a parameter. `None`: one of them is not in the schema.
    fn changed(&self) -> Option<Vec<(&'a Table, String)>> {
        self.changes.params().into_iter().map(|(name, keys)| Some((self.schema.table(name)?, keys))).collect()
    }

    fn by_keys(&self) -> Option<Vec<(&'a Table, Statement)>> {
        let select = |(table, keys)| (table, Statement::with(rows::select_changed(table, self.exact), [keys]));
        Some(self.changed()?.into_iter().map(select).collect())
    }

    fn by_logged_keys(&self, which: impl Fn(&Table) -> bool) -> Vec<(&'a Table, Statement)> {
        let params = |table: &Table| [self.from.seq.to_string(), table.name.clone()];
        let select = |table| (table, Statement::with(rows::select_logged(table, self.exact), params(table)));
        self.schema.tables.values().filter(|table| which(table)).map(select).collect()
    }
}

impl Found<'_> {
    /// Deletes first: a row may have taken a unique value from another one.
    fn write(&self, connection: &Connection, schema: &Schema) -> Result<(), Error> {
        for (table, keys) in &self.changed {
            connection.prepare_cached(&rows::delete_changed(table))?.execute([keys])?;
        }
        for (table, rows) in &self.rows {
            let mut inserts = Inserts::into(connection, table)?;
            for row in rows {
                inserts.insert(row)?;
            }
        }
        header::write(connection, &self.state)?;
        write_sequences(connection, schema, &self.sequences)
    }
}

/// Asks for the counters of AUTOINCREMENT tables. Without such a table there is no `sqlite_sequence`.
fn sequences(schema: &Schema) -> Statement {
    Statement::new(match has_sequences(schema) {
        true => "SELECT name,CAST(seq AS TEXT) FROM sqlite_sequence",
        false => "SELECT 1 WHERE 0",
    })
}

fn has_sequences(schema: &Schema) -> bool {
    schema.tables.values().any(|table| table.autoincrement)
}

fn write_sequences(connection: &Connection, schema: &Schema, answer: &StatementResult) -> Result<(), Error> {
    if !has_sequences(schema) {
        return Ok(());
    }
    connection.execute("DELETE FROM sqlite_sequence", [])?;
    for row in &answer.results.rows {
        let text = |index: usize| row.get(index).and_then(serde_json::Value::as_str);
        let (Some(name), Some(Ok(value))) = (text(0), text(1).map(str::parse::<i64>)) else { continue };
        if schema.table(name).is_some() {
            connection.execute("INSERT INTO sqlite_sequence(name,seq) VALUES (?1,?2)", (name, value))?;
        }
    }
    Ok(())
}
