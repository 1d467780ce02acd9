//! The statements for all rows of a batch, read from AFTER and written table by table.
//! In: deltas, complete with the closure. Out: the DELETE, UPDATE and INSERT parts of the batch.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params_from_iter};

use super::PlanError;
use super::ablation::{Rule, holds};
use super::delta::{Delta, read_cells, select};
use super::pair::{Fate, Pair};
use super::refuse;
use super::statements::{Writer, delete, insert_names};
use crate::d1::Statement;
use crate::schema::quoted;
use crate::schema::{Kind, Schema, Table};
use crate::value::Key;

/// With more different sets of changed columns, one statement that sets all of them is cheaper than one for each.
const MAX_UPDATES: usize = 32;

/// The deletes of D, children before parents: a parent's delete makes D1 look for children, through all of them if no index helps.
pub(super) fn deletes(old: &Schema, pairs: &[Pair<'_>], deltas: &[Delta]) -> Result<Vec<Statement>, PlanError> {
    let deltas: BTreeMap<&str, &Delta> = pairs
        .iter()
        .zip(deltas)
        .filter(|(_, delta)| !delta.deleted.is_empty())
        .filter_map(|(pair, delta)| Some((pair.old?.name.as_str(), delta)))
        .collect();
    let tables = pairs.iter().filter_map(|pair| pair.old).filter(|table| deltas.contains_key(table.name.as_str()));
    let mut statements = Vec::new();
    for table in old.children_first(tables.collect()) {
        if let Some(delta) = deltas.get(table.name.as_str()) {
            statements.extend(delete(table, delta.deleted.iter())?);
        }
    }
    Ok(statements)
}

/// Empties tables that will be dropped but have children that stay: DROP comes last and would act on the children's new rows (R14).
/// A table whose own parents are gone refuses DELETE, but not DROP; it is emptied by being made anew.
pub(super) fn empty_dropped(old: &Schema, new: &Schema, pairs: &[Pair<'_>]) -> Vec<Statement> {
    let dropped = pairs.iter().filter(|pair| pair.fate == Fate::Dropped).filter_map(|pair| pair.old);
    let has_staying_child = |table: &Table| {
        let stays = |child: &Table| {
            let is = |pair: &&Pair<'_>| pair.old.is_some_and(|old| old.name == child.name);
            pairs.iter().find(is).is_some_and(|pair| pair.fate != Fate::Dropped)
        };
        old.children(&table.name).any(|(child, _)| stays(child)) || new.children(&table.name).next().is_some()
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
pub(super) fn updates_and_inserts(
    after: &Connection,
    new: &Schema,
    pairs: &[Pair<'_>],
    deltas: &[Delta],
) -> Result<Vec<Statement>, PlanError> {
    let written: BTreeMap<&str, (&Pair<'_>, &Delta)> = pairs
        .iter()
        .zip(deltas)
        .filter(|(pair, delta)| matches!(pair.fate, Fate::Rebuilt | Fate::Created) || !delta.is_empty())
        .filter_map(|(pair, delta)| Some((pair.new?.name.as_str(), (pair, delta))))
        .collect();
    let tables = written.values().filter_map(|(pair, _)| pair.new).collect();
    let mut statements = Vec::new();
    for table in new.children_first(tables).into_iter().rev() {
        let Some((pair, delta)) = written.get(table.name.as_str()) else { continue };
        if pair.fate == Fate::Kept {
            statements.extend(updates(after, table, &delta.updated)?);
            statements.extend(inserts(after, table, &delta.inserted)?);
        } else {
            statements.extend(insert_all(after, table)?);
        }
    }
    Ok(statements)
}

fn updates(
    after: &Connection,
    table: &Table,
    updated: &BTreeMap<Key, Vec<usize>>,
) -> Result<Vec<Statement>, PlanError> {
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
        let mut writer = Writer::update(table, &columns);
        let mut statement = after.prepare_cached(&select(table, columns.iter().copied()))?;
        for key in keys {
            read_row(&mut statement, table, key, &mut writer)?;
        }
        statements.extend(writer.finish()?);
    }
    Ok(statements)
}

fn inserts(after: &Connection, table: &Table, inserted: &BTreeSet<Key>) -> Result<Vec<Statement>, PlanError> {
    let mut writer = Writer::insert(table);
    if !inserted.is_empty() {
        let names = insert_names(table).join(",");
        let sql = format!("SELECT {names} FROM main.{} WHERE {}", table.quoted(), table.key_match(""));
        let mut statement = after.prepare_cached(&sql)?;
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
    writer: &mut Writer<'_>,
) -> Result<(), PlanError> {
    let cells = statement.column_count();
    let mut rows = statement.query(params_from_iter(key.values()))?;
    let row = rows.next()?.ok_or_else(|| PlanError::Inconsistent { table: table.name.clone() })?;
    writer.push(read_cells(row, cells)?)
}

/// Every row of AFTER, in the order of their keys.
fn insert_all(after: &Connection, table: &Table) -> Result<Vec<Statement>, PlanError> {
    let names = insert_names(table);
    let order = table.key_terms("").join(",");
    let sql = format!("SELECT {} FROM main.{} ORDER BY {order}", names.join(","), quoted(&table.name));
    let mut statement = after.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut writer = Writer::insert(table);
    while let Some(row) = rows.next()? {
        writer.push(read_cells(row, names.len())?)?;
    }
    writer.finish()
}
