//! Rows that D1 would change by itself: children of deleted rows under CASCADE, SET NULL and SET DEFAULT (R3).
//! D1's foreign keys are always on and these actions fire at once, even where the application has its keys off. So every such child is
//! deleted before its parent and, if AFTER still has it, inserted again; and so are that child's children.

use rusqlite::{Connection, params_from_iter};

use super::PlanError;
use super::ablation::{Rule, holds};
use super::delta::{Delta, read_key, select};
use super::pair::{Fate, Pair};
use crate::schema::quoted;
use crate::schema::{ForeignKey, OnDelete, Schema, Table};
use crate::value::{Key, Value};

/// Parents whose children are still to be found.
enum Parents {
    /// All rows: the table is dropped or rebuilt.
    All,
    Keys(Vec<Key>),
}

/// Adds the children of all deleted rows to the deltas, whose order is that of `pairs`.
pub(super) fn close(
    before: &Connection,
    after: &Connection,
    old: &Schema,
    pairs: &[Pair<'_>],
    deltas: &mut [Delta],
) -> Result<(), PlanError> {
    let mut work: Vec<(&Table, Parents)> = Vec::new();
    for (pair, delta) in pairs.iter().zip(deltas.iter()) {
        let Some(table) = pair.old else { continue };
        match pair.fate {
            Fate::Dropped | Fate::Rebuilt => work.push((table, Parents::All)),
            _ if delta.deleted.is_empty() => {}
            _ => work.push((table, Parents::Keys(delta.deleted.iter().cloned().collect()))),
        }
    }
    while let Some((parent, rows)) = work.pop() {
        for (child, key) in
            old.children(&parent.name).filter(|(_, key)| key.on_delete == OnDelete::Acts && holds(Rule::Closure))
        {
            let place = pairs.iter().position(|pair| pair.old.is_some_and(|table| table.name == child.name));
            let Some(place) = place.filter(|&i| pairs[i].fate == Fate::Kept) else { continue };
            let found = children(before, old, parent, &rows, child, key)?;
            let fresh: Vec<Key> = found.into_iter().filter(|key| deltas[place].deleted.insert(key.clone())).collect();
            insert_survivors(after, &pairs[place], &mut deltas[place], &fresh)?;
            if !fresh.is_empty() {
                work.push((child, Parents::Keys(fresh)));
            }
        }
    }
    for delta in deltas {
        let Delta { deleted, updated, .. } = delta;
        updated.retain(|key, _| !deleted.contains(key));
    }
    Ok(())
}

/// Those of `keys` that AFTER still has are inserted again.
fn insert_survivors(after: &Connection, pair: &Pair<'_>, delta: &mut Delta, keys: &[Key]) -> Result<(), PlanError> {
    let Some(table) = pair.new else { return Ok(()) };
    let mut statement = after.prepare_cached(&select(table, std::iter::empty()))?;
    for key in keys {
        let mut rows = statement.query(params_from_iter(key.values()))?;
        if let Some(row) = rows.next()? {
            delta.inserted.insert(read_key(row, table.has_rowid(), table.key_names().len())?);
        }
    }
    Ok(())
}

/// The rows of BEFORE's `child` that refer to the given rows of `parent`.
fn children(
    before: &Connection,
    old: &Schema,
    parent: &Table,
    rows: &Parents,
    child: &Table,
    key: &ForeignKey,
) -> Result<Vec<Key>, PlanError> {
    // A key that refers to nothing never acts.
    let Some((_, to)) = old.parent_columns(key) else { return Ok(Vec::new()) };
    // The parent's column on the left: its collation and both affinities decide, as in the action SQLite compiles.
    let matches: Vec<String> = to
        .iter()
        .zip(&key.from)
        .map(|(&to, from)| format!("_p.{}=_c.{}", quoted(&parent.columns[to].name), quoted(from)))
        .collect();
    let cells: Vec<String> = child.key_names().iter().map(|name| format!("_c.{name}")).collect();
    let mut found = Vec::new();
    let mut collect = |source: &str, filter: &str, params: Vec<Value>| -> Result<(), PlanError> {
        // CROSS JOIN keeps this order: the few deleted parents first, then the child by its index, or by one made for the statement.
        let sql = format!(
            "SELECT {} FROM {source}main.{} AS _p CROSS JOIN main.{} AS _c ON {} WHERE {filter}",
            cells.join(","),
            parent.quoted(),
            child.quoted(),
            matches.join(" AND ")
        );
        let mut statement = before.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            found.push(read_key(row, child.has_rowid(), cells.len())?);
        }
        Ok(())
    };
    match rows {
        Parents::All => collect("", "1", Vec::new())?,
        Parents::Keys(keys) if parent.has_rowid() => {
            let rowids: Vec<String> = keys
                .iter()
                .filter_map(|key| if let Key::Rowid(rowid) = key { Some(rowid.to_string()) } else { None })
                .collect();
            let list = Value::Text(format!("[{}]", rowids.join(",")).into_bytes());
            let filter = format!("_p.{}=_j.value", parent.key_names().join(""));
            collect("json_each(?1) AS _j CROSS JOIN ", &filter, vec![list])?;
        }
        Parents::Keys(keys) => {
            for key in keys {
                collect("", &parent.key_match("_p."), key.values())?;
            }
        }
    }
    Ok(found)
}
