//! The statements that make a whole database on a D1 that is empty, and those that empty one. For `import`, which moves rows from a
//! file to D1 with no image before and none after.
//!
//! In: a schema and rows. Out: statements under the same rules as a commit's (R5 to R10, R13, R14). What D1 cannot hold is refused by
//! name before anything is sent: [`schema`], [`check_foreign_keys`] and [`check_row`] together see everything the statements need.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::statements::{StatementWriter, check, insert_cells};
use super::{After, Before, Options, PlanError, Side, TableChanges, plan, refuse, sequence};
use crate::d1::Statement;
use crate::schema::quoted;
use crate::schema::{Kind, Schema, Table};
use crate::value::Value;
use crate::vfs::inner::{Task, empty};

/// Creates everything: tables, indexes, views, triggers (with their guard). `texts`: a database with this schema and no rows.
pub fn schema(texts: &Connection, schema: &Schema) -> Result<Vec<Statement>, PlanError> {
    let created = |table: &Table| TableChanges { after: Some(table.name.clone()), ..TableChanges::default() };
    let changes: Vec<TableChanges> = schema.tables.values().map(created).collect();
    let nothing = empty(Task::Read)?;
    let before = Before(Side { connection: &nothing, schema: &Schema::default() });
    let after = After(Side { connection: texts, schema });
    let plan = plan(before, after, &changes, &Options::default())?;
    Ok(plan.statements.into_iter().chain(plan.counters).collect())
}

/// Refuses foreign keys that make D1 refuse every write to a table that has rows, or to such a table's children.
pub fn check_foreign_keys(schema: &Schema, has_rows: &BTreeMap<String, bool>) -> Result<(), PlanError> {
    let filled = |table: &&Table| has_rows.get(&table.name).copied().unwrap_or(false);
    schema.tables.values().filter(filled).try_for_each(|table| refuse::keys_of(schema, table))
}

/// Refuses a row that D1 does not take: its cells are those of [`insert_names`].
pub fn check_row(table: &Table, row: &[Value]) -> Result<(), PlanError> {
    check(table, &insert_cells(table), row)
}

/// Tables with the parents first: while a parent is missing, SQLite searches a child's whole table for each parent that is inserted.
pub fn parents_first(schema: &Schema) -> Vec<&Table> {
    let mut tables = schema.children_first(schema.tables.values().collect());
    tables.reverse();
    tables
}

/// INSERT statements for the rows of one table.
pub struct Inserts<'t>(StatementWriter<'t>);

impl<'t> Inserts<'t> {
    /// Rows for `table`; their cells are those of [`insert_names`].
    pub fn into(table: &'t Table) -> Inserts<'t> {
        Inserts(StatementWriter::insert(table))
    }

    /// Takes one row.
    pub fn push(&mut self, row: Vec<Value>) -> Result<(), PlanError> {
        self.0.push(row)
    }

    /// The statements for all rows taken.
    pub fn finish(self) -> Result<Vec<Statement>, PlanError> {
        self.0.finish()
    }
}

/// Makes the counters of AUTOINCREMENT tables what they are in `source`.
pub fn counters(source: &Connection, schema: &Schema) -> Result<Vec<Statement>, PlanError> {
    sequence::all(Side { connection: source, schema })
}

/// Drops everything, children before their parents: a parent's rows go faster when nothing refers to them.
pub fn drop_all(schema: &Schema) -> Vec<Statement> {
    let of_kind = |kind| schema.objects.values().filter(move |object| object.kind == kind);
    let others = [Kind::Trigger, Kind::View].into_iter().flat_map(of_kind);
    let others = others.map(|object| format!("DROP {} {}", object.kind.keyword(), quoted(&object.name)));
    let tables = schema.children_first(schema.tables.values().collect()).into_iter();
    others.chain(tables.map(|table| format!("DROP TABLE {}", table.quoted()))).map(Statement::new).collect()
}
