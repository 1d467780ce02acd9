//! A replica from nothing: reads all of D1's rows and builds the first image.
//!
//! Rows come in pages of bounded size, so they are read at different moments. What other replicas commit meanwhile stands in the
//! log; `catch_up` reads the rows named there again, so that the result is one state D1 was in.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;

use super::catch_up::{Aside, catch_up};
use super::company::Company;
use super::newest::Replica;
use super::rows::{self, Fetched, Inserts};
use crate::config::Settings;
use crate::d1::{Client, Statement, StatementResult};
use crate::error::Error;
use crate::image::{Image, Position};
use crate::ledger::tables::{self, Beside, Standing, StoredObject, There, Unseen};
use crate::ledger::{CommitError, header, log};
use crate::metrics::Metrics;
use crate::schema::{Identity, Kind, Schema, Table, guard, quoted};
use crate::vfs::scratch::Scratch;

/// How much is asked for in one request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of values; a larger row comes alone.
    pub bytes: usize,
    /// Rows of each table.
    pub rows: usize,
    /// Tables.
    pub tables: usize,
}

impl Default for Bounds {
    /// D1 answers with up to 15 MB (seen on workerd); as hex digits in JSON, bytes take twice their size.
    fn default() -> Bounds {
        Bounds { bytes: 4_000_000, rows: 20_000, tables: 20 }
    }
}

/// What a connection may do, by the way it was opened: it may make no database that is not there (`mode=rw`), or only read (`mode=ro`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    Create,
}

/// How often the schema may change while it is read before we give up.
const ATTEMPTS: usize = 5;

impl Replica {
    /// Connects to D1, makes sure of our tables there and builds the first image.
    pub(crate) fn open(settings: &Settings, access: Access) -> Result<Replica, Error> {
        let client = Client::connect(settings, Arc::new(Metrics::default()))?;
        let is_there = match access {
            Access::Create => true,
            Access::Write => tables::is_there(&client)?.is_some(),
            Access::Read => tables::is_there(&client)? == Some(There::Prepared),
        };
        if !is_there {
            return Err(Error::NotThere);
        }
        let company = Company::new();
        let (image, asked) = hydrate_at(&client, &Bounds::default(), Some(&company))?;
        Replica::new(client, settings.refresh, company, image, asked)
    }
}

/// Builds an image of what D1 holds. Makes liteflare's tables there when they are missing.
pub fn hydrate(client: &Client, bounds: &Bounds) -> Result<Image, Error> {
    hydrate_at(client, bounds, None).map(|(image, _)| image)
}

/// The same, and a moment at or after which D1 held it. `company`: this process takes part in it.
pub(super) fn hydrate_at(
    client: &Client,
    bounds: &Bounds,
    company: Option<&Company>,
) -> Result<(Image, Instant), Error> {
    for _ in 0..ATTEMPTS {
        let asked = Instant::now();
        let mut beside = Beside { statements: company.map_or_else(Vec::new, Company::enter), ..Beside::default() };
        let start = tables::open(client, &mut beside)?;
        if let Some(company) = company {
            company.learn(beside.answers.last(), Instant::now());
        }
        if start.state.is_importing() {
            return Err(Error::Importing);
        }
        if let Some(unseen) = &start.unseen {
            adopt(client, &start, unseen)?;
            continue;
        }
        if let Some(built) = build(client, &start, asked, bounds)? {
            return Ok(built);
        }
        tracing::info!("the schema changed while the replica was built; starting anew");
    }
    let reason = "its schema changes again and again while it is read".to_string();
    Err(Error::Hydrate { table: "sqlite_schema".into(), reason })
}

/// Looks after a schema that somebody else made or changed: its triggers get their guard (R13), and its tables those that note what is
/// written past liteflare. When somebody else is faster, they have done it.
fn adopt(client: &Client, start: &Standing, unseen: &Unseen) -> Result<(), Error> {
    let mut guards = Vec::new();
    for trigger in start.objects.iter().filter(|object| object.kind == Kind::Trigger.word()) {
        let guarded = guard::guard(&trigger.name, &trigger.declared())?;
        if guarded != trigger.sql {
            guards.push(Statement::new(format!("DROP TRIGGER {}", quoted(&trigger.name))));
            guards.push(Statement::new(guarded));
        }
    }
    let scratch = Scratch::new(Image::default());
    let schema = create_tables(&scratch.writer()?, &start.objects)?;
    tracing::info!("D1's schema was made or changed past liteflare, which looks after it now");
    let position = start.position.clone().unwrap_or_default();
    match tables::adopt(client, &position, unseen, guards, &schema) {
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the tables among `objects`.
fn create_tables(connection: &Connection, objects: &[StoredObject]) -> Result<Schema, Error> {
    for object in objects.iter().filter(|object| object.kind == Kind::Table.word()) {
        create(connection, object)?;
    }
    let schema = Schema::read(connection)?;
    if let Some(table) = schema.tables.values().find(|table| table.is_virtual) {
        let reason = "it is a virtual table, whose rows are kept in tables of its own".to_string();
        return Err(Error::Hydrate { table: table.name.clone(), reason });
    }
    Ok(schema)
}

/// A database without a table that has its first page, where the numbers are by which SQLite tells one state from another.
pub(super) fn blank(position: Position) -> Result<Image, Error> {
    let scratch = Scratch::new(Image::default());
    scratch.writer()?.pragma_update(None, "user_version", 0)?;
    let (mut image, _) = scratch.image();
    image.position = position;
    Ok(image)
}

/// What D1 holds, and a moment at or after which it did; `start` was asked for at `asked`. `None`: the schema changed meanwhile.
fn build(
    client: &Client,
    start: &Standing,
    asked: Instant,
    bounds: &Bounds,
) -> Result<Option<(Image, Instant)>, Error> {
    let from = start.position.clone().unwrap_or_default();
    if start.objects.is_empty() && !header::is_in(&start.state) {
        return Ok(Some((Image::empty(from), asked)));
    }
    let scratch = Scratch::new(Image::default());
    let connection = scratch.writer()?;
    header::write_encoding(&connection, &start.state)?;
    connection.execute_batch("BEGIN")?;
    let schema = create_tables(&connection, &start.objects)?;
    match read_tables(client, &connection, &schema, bounds) {
        // A table is gone by now.
        Err(Error::Refused(_)) if log::has_moved(client.send_idempotent(&[log::newest()]), &from)? => return Ok(None),
        read => read?,
    }
    let asked = Instant::now();
    let Some(position) = catch_up(client, &connection, &schema, &from, true, &mut Aside::default())? else {
        return Ok(None);
    };
    // After the rows: an index is built faster over a full table.
    for object in start.objects.iter().filter(|object| object.kind != Kind::Table.word()) {
        create(&connection, object)?;
    }
    connection.execute_batch("COMMIT")?;
    drop(connection);
    let (mut image, _) = scratch.image();
    image.position = position;
    Ok(Some((image, asked)))
}

fn create(connection: &Connection, object: &StoredObject) -> Result<(), Error> {
    object.create(connection).map_err(|error| Error::Schema { reason: error.to_string() })
}

/// A table that is being read.
struct Cursor<'a> {
    table: &'a Table,
    /// The key of the last row read, as a parameter.
    after: Option<String>,
    exact: bool,
    /// Bytes of a row, judging by the rows read last.
    row_bytes: Option<usize>,
}

fn read_tables(client: &Client, connection: &Connection, schema: &Schema, bounds: &Bounds) -> Result<(), Error> {
    let cursor = |table| Cursor { table, after: None, exact: false, row_bytes: None };
    let mut cursors: Vec<Cursor<'_>> = schema.tables.values().map(cursor).collect();
    for cursor in &cursors {
        if cursor.table.identity == Identity::Unnamed {
            let reason = "columns took all names of its rowid".to_string();
            return Err(Error::Hydrate { table: cursor.table.name.clone(), reason });
        }
    }
    while !cursors.is_empty() {
        let count = cursors.len().min(bounds.tables);
        let page = Bounds { bytes: bounds.bytes / count, ..*bounds };
        let batch: Vec<Statement> = cursors[..count].iter().flat_map(|cursor| cursor.page(&page)).collect();
        let mut answers = client.send_idempotent(&batch)?.into_iter();
        let mut unfinished = Vec::new();
        for mut cursor in cursors.drain(..count) {
            let (sizes, rows) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
            if !cursor.take(client, connection, sizes, rows, &page)? {
                unfinished.push(cursor);
            }
        }
        unfinished.append(&mut cursors);
        cursors = unfinished;
    }
    Ok(())
}

impl Cursor<'_> {
    /// Two statements: one counts the rows that come next and tells whether they are the last ones, the other reads them.
    fn page(&self, bounds: &Bounds) -> [Statement; 2] {
        let (table, bytes, most) = (self.table, bounds.bytes, self.limit(bounds));
        let (name, order) = (table.quoted(), rows::key_order(table));
        let after = if self.after.is_some() { format!(" WHERE {}", rows::after_key(table)) } else { String::new() };
        let sizes: Vec<String> =
            table.written().map(|i| format!("coalesce(length(CAST({} AS BLOB)),0)", column(table, i))).collect();
        // A row comes along while all before it have less than `bytes`: the first always does.
        let sized = format!(
            "SELECT sum(size) OVER (ROWS UNBOUNDED PRECEDING)-size AS before FROM \
             (SELECT {} AS size FROM {name}{after} ORDER BY {order} LIMIT {most})",
            balanced_sum(&sizes)
        );
        let count = format!("SELECT coalesce(sum(before<{bytes}),0),count(*) FROM ({sized})");
        let list = rows::select_list(table, self.exact);
        let page = format!(
            "SELECT {list} FROM {name}{after} ORDER BY {order} \
             LIMIT (SELECT coalesce(sum(before<{bytes}),0) FROM ({sized}))"
        );
        [count, page].map(|sql| Statement::with(sql, self.after.clone()))
    }

    /// Takes the answers to [`Cursor::page`]. Returns whether the table is finished.
    fn take(
        &mut self,
        client: &Client,
        connection: &Connection,
        count: StatementResult,
        page: StatementResult,
        bounds: &Bounds,
    ) -> Result<bool, Error> {
        let Fetched { mut rows, is_doubtful } = rows::parse(self.table, page.results)?;
        if is_doubtful && !self.exact {
            self.exact = true; // the same page once more
            return Ok(false);
        }
        self.exact = false;
        let mut inserts = Inserts::into(connection, self.table)?;
        for row in &mut rows {
            // If the row is gone by now, the log names it, as it names every change since we began.
            if row.is_complete() || row.complete(client, self.table)? {
                inserts.insert(row)?;
            }
        }
        let number = |index: usize| count.results.rows.first()?.get(index)?.as_u64();
        let (taken, seen) = (number(0).unwrap_or(0), number(1).unwrap_or(0));
        self.after = rows.last().and_then(|row| row.key(self.table)).map(|key| rows::key_param(&key));
        let is_last = taken == seen && seen < self.limit(bounds) as u64;
        // All that were measured came along: they were too few, and more are worth measuring next time.
        let rows_for_bytes = if taken == seen { taken.saturating_mul(4) } else { taken };
        self.row_bytes = Some(bounds.bytes / usize::try_from(rows_for_bytes).unwrap_or(usize::MAX).max(1));
        Ok(self.after.is_none() || is_last)
    }

    /// How many rows D1 measures to find those that fit: only a few more than will probably fit, since each is read, and billed, twice.
    fn limit(&self, bounds: &Bounds) -> usize {
        let limit = self.row_bytes.map_or(bounds.rows / 4, |bytes| bounds.bytes / bytes.max(1) / 4 * 5 + 16);
        limit.clamp(1, bounds.rows)
    }
}

fn column(table: &Table, index: usize) -> String {
    quoted(&table.columns[index].name)
}

/// `a+b+…` as a balanced tree: D1 allows expressions of depth 100 only.
fn balanced_sum(terms: &[String]) -> String {
    match terms {
        [] => "0".into(),
        [term] => term.clone(),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            format!("({}+{})", balanced_sum(left), balanced_sum(right))
        }
    }
}
