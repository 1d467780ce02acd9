//! Sorts the changed rows of each surviving table: what is deleted, what is inserted, what is updated in place (R3, R6).
//! In: paired tables, keys, both images. Out: one [`Delta`] for each pair. The closure over foreign keys comes after, in `closure`.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{CachedStatement, Row, params_from_iter};

use super::ablation::{Rule, holds};
use super::pair::Pair;
use super::{After, Before, PlanError, Side, TableChanges};
use crate::schema::{Generated, Table, quoted};
use crate::value::{Key, Value, same};

/// What the batch does with the rows of one table. They are only sorted for a table that is kept: of one that is created or rebuilt
/// all rows of AFTER are inserted.
#[derive(Debug)]
pub(super) struct Delta<'s> {
    pub(super) pair: Pair<'s>,
    /// D: rows that are deleted first, by BEFORE's keys.
    pub(super) deleted: BTreeSet<Key>,
    /// Rows that are inserted from AFTER, by its keys; those of `deleted` that still exist are here too.
    pub(super) inserted: BTreeSet<Key>,
    /// Rows that keep their place: AFTER's columns to set, by index.
    pub(super) updated: BTreeMap<Key, Vec<usize>>,
}

impl<'s> Delta<'s> {
    /// Sorts the changed rows of one pair.
    pub(super) fn of(
        before: Before<'_>,
        after: After<'_>,
        pair: Pair<'s>,
        changes: &[TableChanges],
    ) -> Result<Delta<'s>, PlanError> {
        let mut delta = Delta { pair, deleted: BTreeSet::new(), inserted: BTreeSet::new(), updated: BTreeMap::new() };
        let Some((old, new)) = delta.pair.kept() else { return Ok(delta) };
        if delta.pair.compare_all && holds(Rule::CompareAll) {
            let mut sorter = Sorter::new(before, after, &delta.pair, old, new)?;
            all_keys(*before, old, |key| sorter.sort(&key, &mut delta))?;
            all_keys(*after, new, |key| sorter.sort_new(key, &mut delta))?;
            return Ok(delta);
        }
        let [deleted, inserted, updated] = delta.pair.keys(changes);
        delta.deleted.extend(deleted.into_iter().cloned());
        delta.inserted.extend(inserted.into_iter().cloned());
        if !updated.is_empty() {
            let mut sorter = Sorter::new(before, after, &delta.pair, old, new)?;
            for key in updated {
                sorter.sort(key, &mut delta)?;
            }
        }
        Ok(delta)
    }

    /// How many rows are written, each time one is.
    pub(super) fn row_count(&self) -> usize {
        self.deleted.len() + self.inserted.len() + self.updated.len()
    }

    /// No row is written.
    pub(super) fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.inserted.is_empty() && self.updated.is_empty()
    }
}

/// Compares rows of both images by type and bits, column by column.
struct Sorter<'c> {
    before: CachedStatement<'c>,
    after: CachedStatement<'c>,
    /// How many cells the key has; they come first in both rows.
    key_len: usize,
    has_rowid: bool,
    /// AFTER's columns, and whether BEFORE has them too; those it has come first, in the same order in both rows.
    columns: Vec<(usize, bool)>,
    unique: UniqueColumns,
}

impl<'c> Sorter<'c> {
    fn new(
        before: Before<'c>,
        after: After<'c>,
        pair: &Pair<'_>,
        old: &Table,
        new: &Table,
    ) -> Result<Sorter<'c>, PlanError> {
        let shared: Vec<(usize, usize)> = pair.columns.iter().filter_map(|&(n, o)| Some((n, o?))).collect();
        let added = pair.columns.iter().filter(|(_, old)| old.is_none()).map(|&(n, _)| (n, false));
        let columns = shared.iter().map(|&(n, _)| (n, true)).chain(added).collect();
        Ok(Sorter {
            before: before.connection.prepare_cached(&select(old, shared.iter().map(|&(_, o)| o)))?,
            after: after.connection.prepare_cached(&select(new, shared.iter().map(|&(n, _)| n)))?,
            key_len: new.key_names().len(),
            has_rowid: new.has_rowid(),
            columns,
            unique: UniqueColumns::of(old, new, &shared),
        })
    }

    /// Puts a row that BEFORE may have where it belongs.
    fn sort(&mut self, key: &Key, delta: &mut Delta<'_>) -> Result<(), PlanError> {
        let values = key.values();
        let mut before = self.before.query(params_from_iter(&values))?;
        let mut after = self.after.query(params_from_iter(&values))?;
        // The rows' own keys: under a collation `a` finds `A`.
        match (before.next()?, after.next()?) {
            (Some(old), None) => {
                delta.deleted.insert(read_key(old, self.has_rowid, self.key_len)?);
            }
            (None, Some(new)) => {
                delta.inserted.insert(read_key(new, self.has_rowid, self.key_len)?);
            }
            (None, None) => {}
            (Some(old), Some(new)) => {
                let (old_key, new_key) =
                    (read_key(old, self.has_rowid, self.key_len)?, read_key(new, self.has_rowid, self.key_len)?);
                let mut changed = Vec::new();
                for (i, &(column, shared)) in self.columns.iter().enumerate() {
                    if !shared || !same(old.get_ref(self.key_len + i)?, new.get_ref(self.key_len + i)?) {
                        changed.push(column);
                    }
                }
                if old_key != new_key || self.unique.touched_by(&changed) {
                    delta.deleted.insert(old_key);
                    delta.inserted.insert(new_key);
                } else if !changed.is_empty() {
                    delta.updated.insert(new_key, changed);
                }
            }
        }
        Ok(())
    }

    /// Takes a row of AFTER if BEFORE does not have it.
    fn sort_new(&mut self, key: Key, delta: &mut Delta<'_>) -> Result<(), PlanError> {
        let values = key.values();
        if self.before.query(params_from_iter(&values))?.next()?.is_none() {
            delta.inserted.insert(key);
        }
        Ok(())
    }
}

/// The columns that a unique index of either schema depends on (R4), as indexes of AFTER.
struct UniqueColumns {
    columns: BTreeSet<usize>,
    /// An index depends on columns that cannot be told: it is partial, has an expression, or covers a generated column.
    any: bool,
}

impl UniqueColumns {
    fn of(old: &Table, new: &Table, shared: &[(usize, usize)]) -> UniqueColumns {
        let mut found = UniqueColumns { columns: BTreeSet::new(), any: false };
        // BEFORE's indexes stand on D1 while rows are updated, AFTER's may already.
        found.add(old, |old| shared.iter().find(|&&(_, o)| o == old).map(|&(n, _)| n));
        found.add(new, Some);
        found
    }

    fn add(&mut self, table: &Table, in_after: impl Fn(usize) -> Option<usize>) {
        let primary = (!table.has_rowid()).then_some(&table.primary);
        for unique in &table.unique {
            self.any |= unique.partial || unique.columns.is_none();
        }
        for &column in table.unique.iter().filter_map(|unique| unique.columns.as_ref()).chain(primary).flatten() {
            self.any |= table.columns.get(column).is_none_or(|column| column.generated != Generated::No);
            self.columns.extend(in_after(column));
        }
    }

    fn touched_by(&self, changed: &[usize]) -> bool {
        if !holds(Rule::Unique) {
            return false;
        }
        if self.any && holds(Rule::OpaqueUnique) {
            !changed.is_empty()
        } else {
            changed.iter().any(|column| self.columns.contains(column))
        }
    }
}

/// A row by its key: the key's cells, then the columns.
pub(super) fn select(table: &Table, columns: impl Iterator<Item = usize>) -> String {
    let cells = table.key_names().into_iter().chain(columns.map(|i| quoted(&table.columns[i].name)));
    let cells: Vec<String> = cells.collect();
    format!("SELECT {} FROM main.{} WHERE {}", cells.join(","), table.quoted(), table.key_match(""))
}

/// The key in the first cells of a row.
pub(super) fn read_key(row: &Row<'_>, has_rowid: bool, cells: usize) -> Result<Key, PlanError> {
    if has_rowid {
        return Ok(Key::Rowid(row.get(0)?));
    }
    Ok(Key::Primary(read_cells(row, cells)?))
}

/// The first cells of a row.
pub(super) fn read_cells(row: &Row<'_>, cells: usize) -> Result<Vec<Value>, PlanError> {
    Ok((0..cells).map(|i| Ok(Value::from(row.get_ref(i)?))).collect::<Result<_, rusqlite::Error>>()?)
}

fn all_keys(
    image: Side<'_>,
    table: &Table,
    mut take: impl FnMut(Key) -> Result<(), PlanError>,
) -> Result<(), PlanError> {
    let names = table.key_names();
    let mut statement =
        image.connection.prepare_cached(&format!("SELECT {} FROM main.{}", names.join(","), table.quoted()))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(read_key(row, table.has_rowid(), names.len())?)?;
    }
    Ok(())
}
