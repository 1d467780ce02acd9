//! Rows that D1 would change by itself: children of deleted rows under CASCADE, SET NULL and SET DEFAULT (R3).
//! D1's foreign keys are always on and these actions fire at once, even where the application has its keys off. So every such child is
//! deleted before its parent and, if AFTER still has it, inserted again; and so are that child's children.

use rusqlite::params_from_iter;

use super::ablation::{Rule, holds};
use super::delta::{Delta, read_key, select};
use super::pair::Fate;
use super::{After, Before, PlanError};
use crate::schema::{ForeignKey, OnDelete, Table, quoted};
use crate::value::{Key, Value};

/// Parents whose children are still to be found.
enum Parents {
    /// All rows: the table is dropped or rebuilt.
    All,
    Keys(Vec<Key>),
}

/// Adds the children of all deleted rows.
pub(super) fn close(before: Before<'_>, after: After<'_>, deltas: &mut [Delta<'_>]) -> Result<(), PlanError> {
    let mut work: Vec<(&Table, Parents)> = deltas.iter().filter_map(deleted_parents).collect();
    while let Some((parent, rows)) = work.pop() {
        let children = before.schema.children(&parent.name);
        for (child, key) in children.filter(|(_, key)| key.on_delete == OnDelete::Acts && holds(Rule::Closure)) {
            let is_child = |delta: &&mut Delta<'_>| {
                delta.pair.fate == Fate::Kept && delta.pair.old.is_some_and(|old| old.name == child.name)
            };
            let Some(delta) = deltas.iter_mut().find(is_child) else { continue };
            let mut fresh = children_of(before, parent, &rows, child, key)?;
            fresh.retain(|key| delta.deleted.insert(key.clone()));
            insert_survivors(after, delta, &fresh)?;
            if !fresh.is_empty() {
                work.push((child, Parents::Keys(fresh)));
            }
        }
    }
    for Delta { deleted, updated, .. } in deltas {
        updated.retain(|key, _| !deleted.contains(key));
    }
    Ok(())
}

/// The rows of a table that the batch deletes without looking at foreign keys.
fn deleted_parents<'s>(delta: &Delta<'s>) -> Option<(&'s Table, Parents)> {
    let table = delta.pair.old?;
    match delta.pair.fate {
        Fate::Dropped | Fate::Rebuilt => Some((table, Parents::All)),
        _ if delta.deleted.is_empty() => None,
        _ => Some((table, Parents::Keys(delta.deleted.iter().cloned().collect()))),
    }
}

/// Those of `keys` that AFTER still has are inserted again.
fn insert_survivors(after: After<'_>, delta: &mut Delta<'_>, keys: &[Key]) -> Result<(), PlanError> {
    let Some(table) = delta.pair.new else { return Ok(()) };
    let mut statement = after.connection.prepare_cached(&select(table, std::iter::empty()))?;
    for key in keys {
        let mut rows = statement.query(params_from_iter(key.values()))?;
        if let Some(row) = rows.next()? {
            delta.inserted.insert(read_key(row, table.has_rowid(), table.key_names().len())?);
        }
    }
    Ok(())
}

/// The rows of BEFORE's `child` that refer to the given rows of `parent`.
fn children_of(
    before: Before<'_>,
    parent: &Table,
    rows: &Parents,
    child: &Table,
    key: &ForeignKey,
) -> Result<Vec<Key>, PlanError> {
    let Some(search) = Search::new(before, parent, child, key) else { return Ok(Vec::new()) };
    match rows {
        Parents::All => search.run("", "1", Vec::new()),
        Parents::Keys(keys) if parent.has_rowid() => {
            let rowids: Vec<String> = keys
                .iter()
                .filter_map(|key| if let Key::Rowid(rowid) = key { Some(rowid.to_string()) } else { None })
                .collect();
            let list = Value::Text(format!("[{}]", rowids.join(",")).into_bytes());
            let filter = format!("_p.{}=_j.value", parent.key_names().join(""));
            search.run("json_each(?1) AS _j CROSS JOIN ", &filter, vec![list])
        }
        Parents::Keys(keys) => {
            let mut found = Vec::new();
            for key in keys {
                found.extend(search.run("", &parent.key_match("_p."), key.values())?);
            }
            Ok(found)
        }
    }
}

/// A query for a child's rows by rows of its parent, `_p`.
struct Search<'s> {
    before: Before<'s>,
    child: &'s Table,
    cells: Vec<String>,
    /// Both tables, joined by the foreign key.
    tables: String,
}

impl<'s> Search<'s> {
    /// `None`: the key refers to nothing, and so never acts.
    fn new(before: Before<'s>, parent: &Table, child: &'s Table, key: &ForeignKey) -> Option<Search<'s>> {
        let (_, to) = before.schema.parent_columns(key)?;
        // The parent's column on the left: its collation and both affinities decide, as in the action SQLite compiles.
        let matches: Vec<String> = to
            .iter()
            .zip(&key.from)
            .map(|(&to, from)| format!("_p.{}=_c.{}", quoted(&parent.columns[to].name), quoted(from)))
            .collect();
        let cells = child.key_names().iter().map(|name| format!("_c.{name}")).collect();
        // CROSS JOIN keeps this order: the few deleted parents first, then the child by its index, or by one made for the statement.
        let tables = format!(
            "main.{} AS _p CROSS JOIN main.{} AS _c ON {}",
            parent.quoted(),
            child.quoted(),
            matches.join(" AND ")
        );
        Some(Search { before, child, cells, tables })
    }

    /// The keys of the child's rows. `source` comes before the two tables.
    fn run(&self, source: &str, filter: &str, params: Vec<Value>) -> Result<Vec<Key>, PlanError> {
        let sql = format!("SELECT {} FROM {source}{} WHERE {filter}", self.cells.join(","), self.tables);
        let mut statement = self.before.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read_key(row, self.child.has_rowid(), self.cells.len())?);
        }
        Ok(found)
    }
}
