//! The statements for all rows of a batch, read from AFTER and written table by table.
//! In: deltas, complete with the closure. Out: the DELETE, UPDATE and INSERT parts of the batch.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::params_from_iter;

use super::ablation::{Rule, holds};
use super::delta::{Delta, read_cells, select};
use super::pair::{Fate, Pair};
use super::refuse;
use super::statements::{StatementWriter, delete, insert_names};
use super::{After, Before, PlanError};
use crate::d1::Statement;
use crate::schema::{Kind, Table};
use crate::value::Key;

/// With more different sets of changed columns, one statement that sets all of them is cheaper than one for each.
const MAX_UPDATES: usize = 32;

/// The deletes of D, children before parents: a parent's delete makes D1 look for children, through all of them if no index helps.
pub(super) fn deletes(before: Before<'_>, deltas: &[Delta<'_>]) -> Result<Vec<Statement>, PlanError> {
    let deleting = deltas.iter().filter(|delta| !delta.deleted.is_empty());
    let deltas: BTreeMap<&str, &Delta<'_>> =
        deleting.clone().filter_map(|delta| Some((delta.pair.old?.name.as_str(), delta))).collect();
    let tables = deleting.filter_map(|delta| delta.pair.old).collect();
    let mut statements = Vec::new();
    for table in before.schema.children_first(tables) {
        if let Some(delta) = deltas.get(table.name.as_str()) {
            statements.extend(delete(table, delta.deleted.iter())?);
        }
    }
    Ok(statements)
}

/// Empties tables that will be dropped but have children that stay: DROP comes last and would act on the children's new rows (R14).
/// A table whose own parents are gone refuses DELETE, but not DROP; it is emptied by being made anew.
pub(super) fn empty_dropped(before: Before<'_>, after: After<'_>, deltas: &[Delta<'_>]) -> Vec<Statement> {
    let old = before.schema;
    let pairs = || deltas.iter().map(|delta| &delta.pair);
    let dropped = pairs().filter(|pair| pair.fate == Fate::Dropped).filter_map(|pair| pair.old);
    let has_staying_child = |table: &Table| {
        let stays = |child: &Table| {
            let is = |pair: &&Pair<'_>| pair.old.is_some_and(|old| old.name == child.name);
            pairs().find(is).is_some_and(|pair| pair.fate != Fate::Dropped)
        };
        old.children(&table.name).any(|(child, _)| stays(child)) || after.schema.children(&table.name).next().is_some()
    };
    let mut statements = Vec::new();
    for table in dropped.filter(|table| has_staying_child(table) && holds(Rule::EmptyDropped)) {
        let own_keys = table.foreign_keys.iter().map(|key| (table, key));
        let mut keys = own_keys.chain(old.children(&table.name));
        if keys.all(|(_, key)| refuse::resolves(old, key)) {
            statements.push(Statement::new(format!("DELETE FROM {}", table.quoted())));
        } else if let Some(object) = old.object(Kind::Table, &table.name) {
            statements.push(Statement::new(format!("DROP TABLE {}", table.quoted())));
            statements.push(Statement::new(object.sql.clone()));
        }
    }
    statements
}

/// Updates and inserts, table by table, parents before children: while a child's parent is missing, SQLite searches the child's whole table
/// (without an index on its key) for every parent row that is inserted.
pub(super) fn updates_and_inserts(after: After<'_>, deltas: &[Delta<'_>]) -> Result<Vec<Statement>, PlanError> {
    let written = |delta: &&Delta<'_>| matches!(delta.pair.fate, Fate::Rebuilt | Fate::Created) || !delta.is_empty();
    let written: BTreeMap<&str, &Delta<'_>> =
        deltas.iter().filter(written).filter_map(|delta| Some((delta.pair.new?.name.as_str(), delta))).collect();
    let tables = written.values().filter_map(|delta| delta.pair.new).collect();
    let mut statements = Vec::new();
    for table in after.schema.children_first(tables).into_iter().rev() {
        let Some(delta) = written.get(table.name.as_str()) else { continue };
        if delta.pair.fate == Fate::Kept {
            statements.extend(updates(after, table, &delta.updated)?);
            statements.extend(inserts(after, table, &delta.inserted)?);
        } else {
            statements.extend(insert_all(after, table)?);
        }
    }
    Ok(statements)
}

fn updates(after: After<'_>, table: &Table, updated: &BTreeMap<Key, Vec<usize>>) -> Result<Vec<Statement>, PlanError> {
    let mut groups: BTreeMap<Vec<usize>, Vec<&Key>> = BTreeMap::new();
    for (key, columns) in updated {
        groups.entry(columns.clone()).or_default().push(key);
    }
    if groups.len() > MAX_UPDATES {
        let all: BTreeSet<usize> = updated.values().flatten().copied().collect();
        groups = BTreeMap::from([(all.into_iter().collect(), updated.keys().collect())]);
    }
    let mut statements = Vec::new();
    for (columns, keys) in groups {
        let mut writer = StatementWriter::update(table, &columns);
        let mut statement = after.connection.prepare_cached(&select(table, columns.iter().copied()))?;
        for key in keys {
            read_row(&mut statement, table, key, &mut writer)?;
        }
        statements.extend(writer.finish()?);
    }
    Ok(statements)
}

fn inserts(after: After<'_>, table: &Table, inserted: &BTreeSet<Key>) -> Result<Vec<Statement>, PlanError> {
    let mut writer = StatementWriter::insert(table);
    if !inserted.is_empty() {
        let names = insert_names(table).join(",");
        let sql = format!("SELECT {names} FROM main.{} WHERE {}", table.quoted(), table.key_match(""));
        let mut statement = after.connection.prepare_cached(&sql)?;
        for key in inserted {
            read_row(&mut statement, table, key, &mut writer)?;
        }
    }
    writer.finish()
}

fn read_row(
    statement: &mut rusqlite::Statement<'_>,
    table: &Table,
    key: &Key,
    writer: &mut StatementWriter<'_>,
) -> Result<(), PlanError> {
    let cells = statement.column_count();
    let mut rows = statement.query(params_from_iter(key.values()))?;
    let row = rows.next()?.ok_or_else(|| PlanError::Inconsistent { table: table.name.clone() })?;
    writer.push(read_cells(row, cells)?)
}

/// Every row of AFTER, in the order of their keys.
fn insert_all(after: After<'_>, table: &Table) -> Result<Vec<Statement>, PlanError> {
    let names = insert_names(table);
    let order = table.key_terms("").join(",");
    let sql = format!("SELECT {} FROM main.{} ORDER BY {order}", names.join(","), table.quoted());
    let mut statement = after.connection.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut writer = StatementWriter::insert(table);
    while let Some(row) = rows.next()? {
        writer.push(read_cells(row, names.len())?)?;
    }
    writer.finish()
}
