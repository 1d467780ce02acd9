//! Reads the whole local database once and refuses what D1 cannot hold, before anything is changed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::compare::schema::objects_of;
use super::examine::{Depth, problems};
use super::{Error, Event, Progress, Step};
use crate::d1::Statement;
use crate::ledger::{header, state};
use crate::plan::{PlanError, insert_names, whole};
use crate::schema::Schema;
use crate::schema::{Identity, Table};
use crate::value::Value;
use crate::vfs::inner::{Task, empty, is_out_of_bounds};

/// A database that D1 can hold.
pub(crate) struct Checked {
    pub(crate) schema: Schema,
    /// Row counts by table.
    pub(crate) rows: BTreeMap<String, u64>,
    /// The statements that create the schema and set the header's fields.
    pub(crate) creation: Vec<Statement>,
}

impl Checked {
    /// Rows of all tables.
    pub(crate) fn row_count(&self) -> u64 {
        self.rows.values().sum()
    }
}

/// `path`: of the database, for messages.
pub(crate) fn check(connection: &Connection, path: &Path, progress: Progress<'_>) -> Result<Checked, Error> {
    if let Err(damage) = refuse_damage(connection, path) {
        // SQLite's checks run a virtual table's module, which is not allowed here.
        let is_virtual = refuse_virtual_tables(connection).err().filter(|error| matches!(error, Error::Unfit(_)));
        return Err(is_virtual.unwrap_or(damage));
    }
    refuse_virtual_tables(connection)?;
    let schema = Schema::read(connection)?;
    let texts = empty(Task::Rehearse)?;
    copy_texts(connection, &texts)?;
    let mut creation = whole::schema(&texts, &schema)?;
    creation.extend(header::fields_of(connection)?.iter().map(|(name, value)| state::set_field(name, *value)));
    let mut rows = BTreeMap::new();
    for table in schema.tables.values() {
        rows.insert(table.name.clone(), count(connection, table)?);
    }
    let has_rows = rows.iter().map(|(name, count)| (name.clone(), *count > 0)).collect();
    whole::check_foreign_keys(&schema, &has_rows)?;
    progress(Event::Begins(Step::CheckDatabase, rows.values().sum()));
    for table in schema.tables.values().filter(|table| has_rows[&table.name]) {
        refuse_dangling(connection, table)?;
        check_rows(connection, table, progress)?;
    }
    progress(Event::Ends);
    Ok(Checked { schema, rows, creation })
}

fn refuse_damage(connection: &Connection, path: &Path) -> Result<(), Error> {
    let damaged = |problem: String| Error::Damaged { path: path.to_path_buf(), problem };
    match problems(connection, Depth::Quick) {
        Ok(problems) => problems
            .first()
            .map_or(Ok(()), |problem| Err(damaged(problem.lines().last().unwrap_or_default().to_owned()))),
        Err(Error::Sqlite(rusqlite::Error::SqliteFailure(error, message)))
            if matches!(error.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) =>
        {
            Err(damaged(message.unwrap_or_else(|| error.to_string())))
        }
        Err(error) => Err(error),
    }
}

/// Checked before the schema is read, because a virtual table's columns cannot even be read without its module.
fn refuse_virtual_tables(connection: &Connection) -> Result<(), Error> {
    let sql = "SELECT name FROM sqlite_schema WHERE type='table' AND rootpage=0";
    let mut statement = connection.prepare(sql)?;
    match statement.query([])?.next()? {
        None => Ok(()),
        Some(row) => Err(Error::Unfit(PlanError::Unsupported {
            object: format!("table {}", row.get::<_, String>(0)?),
            problem: "it is a virtual table, and D1 does not let clients write their data".to_owned(),
            advice: "keep full-text and spatial indexes in a local database file",
        })),
    }
}

/// Recreates the schema without rows. SQLite creates `sqlite_…` objects by itself.
fn copy_texts(from: &Connection, to: &Connection) -> Result<(), Error> {
    let encoding: String = from.pragma_query_value(None, "encoding", |row| row.get(0))?;
    to.pragma_update(None, "encoding", encoding)?;
    objects_of(from)?.iter().try_for_each(|object| object.create(to))?;
    Ok(())
}

fn refuse_dangling(connection: &Connection, table: &Table) -> Result<(), Error> {
    let sql = "SELECT count(*), min(rowid), (SELECT parent FROM pragma_foreign_key_check(?1) LIMIT 1) \
               FROM pragma_foreign_key_check(?1)";
    let (count, rowid, parent) = connection.query_row(sql, [&table.name], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, Option<i64>>(1)?, row.get::<_, Option<String>>(2)?))
    })?;
    let Some(parent) = parent else { return Ok(()) };
    let rowid = rowid.map_or_else(|| "-".to_owned(), |rowid| rowid.to_string());
    Err(Error::Dangling { table: table.name.clone(), parent, count, rowid })
}

fn check_rows(connection: &Connection, table: &Table, progress: Progress<'_>) -> Result<(), Error> {
    each_row(connection, table, |row| {
        progress(Event::Advances(1));
        whole::check_row(table, &row)?;
        Ok(ControlFlow::Continue(()))
    })
    .map_err(|error| match error {
        Error::Sqlite(error) if is_out_of_bounds(&error) => Error::Unfit(PlanError::Unsupported {
            object: format!("table {}", table.name),
            problem: "it has a value of more than 256 MB, and D1 takes 2 MB".to_owned(),
            advice: "keep it in a file",
        }),
        error => error,
    })
}

pub(crate) fn count(connection: &Connection, table: &Table) -> Result<u64, Error> {
    let sql = format!("SELECT count(*) FROM main.{}", table.quoted());
    Ok(connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?.unsigned_abs())
}

/// Passes each row of a table to `take`, in the order of its key, with the columns of `insert_names`.
pub(crate) fn each_row(
    connection: &Connection,
    table: &Table,
    mut take: impl FnMut(Vec<Value>) -> Result<ControlFlow<()>, Error>,
) -> Result<(), Error> {
    debug_assert!(table.identity != Identity::Unnamed, "refused with the schema");
    let names = insert_names(table);
    let order = table.key_terms("").join(",");
    let mut statement =
        connection.prepare(&format!("SELECT {} FROM main.{} ORDER BY {order}", names.join(","), table.quoted()))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let cells = (0..names.len()).map(|index| Ok(Value::from(row.get_ref(index)?)));
        if take(cells.collect::<Result<_, rusqlite::Error>>()?)?.is_break() {
            break;
        }
    }
    Ok(())
}
