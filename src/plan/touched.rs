//! What a commit touched, for the log: enough for another replica to know which rows to fetch.

use std::collections::{BTreeMap, BTreeSet};

use super::delta::Delta;
use super::pair::Fate;
use crate::value::Key;

/// The tables and rows a batch writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// The schema changed: it must be read again.
    pub schema: bool,
    /// By AFTER's table names. Tables that were dropped are not here, `schema` stands for them.
    pub tables: BTreeMap<String, TouchedRows>,
}

/// TouchedRows of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TouchedRows {
    /// Any of them: the table was created, rebuilt or altered.
    All,
    /// Runs of rowids, first and last, ascending. Bulk inserts are one run.
    Rowids(Vec<(i64, i64)>),
    /// Keys of a `WITHOUT ROWID` table, ascending.
    Keys(Vec<Key>),
}

/// Collects what the deltas write, deleted keys included.
pub(super) fn touched(schema: bool, deltas: &[Delta<'_>]) -> Touched {
    let mut tables = BTreeMap::new();
    for delta in deltas {
        let pair = &delta.pair;
        let Some(table) = pair.new else { continue };
        if pair.fate != Fate::Kept || pair.altered {
            tables.insert(table.name.clone(), TouchedRows::All);
        } else if !delta.is_empty() {
            let keys: BTreeSet<&Key> =
                delta.deleted.iter().chain(&delta.inserted).chain(delta.updated.keys()).collect();
            let rows = if table.has_rowid() {
                TouchedRows::Rowids(runs(&keys))
            } else {
                TouchedRows::Keys(keys.into_iter().cloned().collect())
            };
            tables.insert(table.name.clone(), rows);
        }
    }
    Touched { schema, tables }
}

fn runs(keys: &BTreeSet<&Key>) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for key in keys {
        let Key::Rowid(rowid) = key else { continue };
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(*rowid) => *last = *rowid,
            _ => runs.push((*rowid, *rowid)),
        }
    }
    runs
}
