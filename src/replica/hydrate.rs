//! A replica from nothing: reads all of D1's rows and builds the first image.
//!
//! Rows come in pages of bounded size, so they are read at different moments. What other replicas commit meanwhile stands in
//! `_lf_commit`; `refresh` reads the rows named there again, so that the result is one state D1 was in.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde_json::Value as Json;

use super::commit::HEADER_FIELDS;
use super::load;
use super::refresh::{catch_up, has_gone_on};
use super::rows::{self, Fetched, Inserts};
use crate::d1::{Client, Rows, Statement};
use crate::error::Error;
use crate::image::{Image, Seq};
use crate::schema::{Identity, Table};
use crate::schema::{Schema, guard};
use crate::vfs::scratch::Scratch;

/// How much is asked for in one request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of values; a row that is larger comes alone.
    pub bytes: usize,
    /// Rows of one table.
    pub rows: usize,
    /// Tables.
    pub tables: usize,
}

impl Default for Bounds {
    /// D1 answers up to 15 MB (seen on workerd); hex and JSON double what the bytes are.
    fn default() -> Bounds {
        Bounds { bytes: 4_000_000, rows: 20_000, tables: 20 }
    }
}

/// How often the schema may change under our hands before we give up.
const ATTEMPTS: usize = 5;

/// What D1 says at the start.
struct Start {
    seq: Seq,
    state: BTreeMap<String, i64>,
    /// type, name, table, sql
    objects: Vec<[String; 4]>,
}

/// Builds an image of what D1 holds. Makes liteflare's tables there when they are missing.
pub fn hydrate(client: &Client, bounds: &Bounds) -> Result<Image, Error> {
    for _ in 0..ATTEMPTS {
        let start = begin(client)?;
        if start.state.contains_key(load::IMPORTING) {
            return Err(Error::Importing);
        }
        adopt(client, &start.objects)?;
        if let Some(image) = build(client, &start, bounds)? {
            return Ok(image);
        }
        tracing::info!("the schema changed while the replica was built; starting anew");
    }
    let reason = "its schema changes again and again while it is read".to_string();
    Err(Error::Hydrate { table: "sqlite_schema".into(), reason })
}

/// Makes liteflare's own tables where they are missing.
pub(super) fn bookkeeping() -> Vec<Statement> {
    include_str!("../../sql/bookkeeping.sql").split_inclusive(";\n").map(Statement::new).collect()
}

fn begin(client: &Client) -> Result<Start, Error> {
    // Staged parts of a writer that died are of no use after a day; ids grow with time (UUID version 7).
    let yesterday = std::time::SystemTime::now() - std::time::Duration::from_secs(24 * 3600);
    let since_epoch = yesterday.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let time = uuid::Timestamp::from_unix(uuid::NoContext, since_epoch.as_secs(), since_epoch.subsec_nanos());
    let mut statements = bookkeeping();
    let setup_count = statements.len();
    statements.extend([
        Statement::with("DELETE FROM _lf_stage WHERE txn<?1", [uuid::Uuid::new_v7(time).to_string()]),
        Statement::new("SELECT CAST(coalesce(max(seq),0) AS TEXT) FROM _lf_commit"),
        Statement::new("SELECT key,CAST(value AS TEXT) FROM _lf_state"),
        Statement::new(
            "SELECT type,name,tbl_name,sql FROM sqlite_schema WHERE sql IS NOT NULL \
             AND substr(name,1,4) NOT IN ('_cf_','_lf_') AND substr(name,1,7)<>'sqlite_' ORDER BY rowid",
        ),
    ]);
    let answers = client.send_idempotent(&statements)?;
    let rows = |index: usize| answers.get(setup_count + index).map_or(&[][..], |answer| &answer.results.rows);
    let text = |row: &[Json], index: usize| row.get(index).and_then(Json::as_str).unwrap_or_default().to_string();
    Ok(Start {
        seq: Seq(rows(1).first().and_then(|row| text(row, 0).parse().ok()).unwrap_or(0)),
        state: rows(2).iter().filter_map(|row| Some((text(row, 0), text(row, 1).parse().ok()?))).collect(),
        objects: rows(3).iter().map(|row| [0, 1, 2, 3].map(|index| text(row, index))).collect(),
    })
}

/// Triggers of a database that liteflare has not written to yet get their guard (`DECODE.md`, R13).
fn adopt(client: &Client, objects: &[[String; 4]]) -> Result<(), Error> {
    let mut batch = Vec::new();
    for [kind, name, _, sql] in objects {
        if kind == "trigger" && guard::strip(sql) == *sql {
            batch.push(Statement::new(format!("DROP TRIGGER {}", crate::schema::quoted(name))));
            batch.push(Statement::new(guard::guard(sql)?));
        }
    }
    if !batch.is_empty() {
        tracing::info!("{} triggers on D1 are made silent during liteflare's own writes", batch.len() / 2);
        client.send_idempotent(&batch)?;
    }
    Ok(())
}

/// `None`: the schema changed meanwhile.
fn build(client: &Client, start: &Start, bounds: &Bounds) -> Result<Option<Image>, Error> {
    let header: Vec<(&str, i64)> =
        HEADER_FIELDS.iter().filter_map(|(name, _)| Some((*name, *start.state.get(*name)?))).collect();
    if start.objects.is_empty() && header.is_empty() {
        return Ok(Some(Image::empty(start.seq)));
    }
    let scratch = Scratch::new(Image::empty(start.seq));
    let connection = scratch.writer()?;
    if let Some((_, encoding)) = header.iter().find(|(name, _)| *name == "encoding") {
        let name = ["UTF-8", "UTF-8", "UTF-16le", "UTF-16be"].get(*encoding as usize).unwrap_or(&"UTF-8");
        connection.pragma_update(None, "encoding", name)?;
    }
    connection.execute_batch("BEGIN")?;
    let (tables, others): (Vec<_>, Vec<_>) = start.objects.iter().partition(|[kind, ..]| kind == "table");
    for object in tables {
        create(&connection, object)?;
    }
    let schema = Schema::read(&connection)?;
    if let Some(table) = schema.tables.values().find(|table| table.is_virtual) {
        let reason = "it is a virtual table, whose rows are kept in tables of its own".to_string();
        return Err(Error::Hydrate { table: table.name.clone(), reason });
    }
    match read_tables(client, &connection, &schema, bounds) {
        // A table that is gone by now.
        Err(Error::Refused(_)) if has_gone_on(client, start.seq)? => return Ok(None),
        read => read?,
    }
    let Some(seq) = catch_up(client, &connection, &schema, start.seq, true)? else { return Ok(None) };
    // After the rows: an index is built faster from a full table.
    for object in others {
        create(&connection, object)?;
    }
    connection.execute_batch("COMMIT")?;
    drop(connection);
    let (mut image, _) = scratch.image();
    image.seq = seq;
    Ok(Some(image))
}

fn create(connection: &Connection, [kind, name, _, sql]: &[String; 4]) -> Result<(), Error> {
    let sql = if kind == "trigger" { guard::strip(sql) } else { sql.clone() };
    connection
        .execute_batch(&sql)
        .map_err(|error| Error::Hydrate { table: name.clone(), reason: format!("its {kind} {name:?}: {error}") })
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
    /// Two statements: how many rows come next and whether they are the last ones, and the rows.
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
        count: Rows,
        page: Rows,
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
            // A row that is gone by now is named in the log, like every change since we began.
            if row.is_complete() || row.complete(client, self.table)? {
                inserts.insert(row)?;
            }
        }
        let number = |index: usize| count.results.rows.first()?.get(index)?.as_u64();
        let (taken, seen) = (number(0).unwrap_or(0), number(1).unwrap_or(0));
        self.after = rows.last().and_then(|row| row.key(self.table)).map(|key| rows::key_param(&key));
        let is_last = taken == seen && seen < self.limit(bounds) as u64;
        // When all that were measured came along they were too few: more of them are worth measuring.
        let rows_for_bytes = if taken == seen { taken * 4 } else { taken };
        self.row_bytes = Some(bounds.bytes / usize::try_from(rows_for_bytes).unwrap_or(usize::MAX).max(1));
        Ok(self.after.is_none() || is_last)
    }

    /// How many rows D1 measures to find those that fit: a few more than probably will, since it reads and bills each of them twice.
    fn limit(&self, bounds: &Bounds) -> usize {
        let limit = self.row_bytes.map_or(bounds.rows / 4, |bytes| bounds.bytes / bytes.max(1) / 4 * 5 + 16);
        limit.clamp(1, bounds.rows)
    }
}

fn column(table: &Table, index: usize) -> String {
    crate::schema::quoted(&table.columns[index].name)
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
