//! Which rows a commit wrote, as JSON in the log, for replicas that are behind.
//!
//! `{"all":true}`: the schema changed, or more rows than are worth naming; only a new replica will do. Else
//! `{"rowids":{table:[[first,last],…]},"keys":{table:[[value,…],…]}}`, the latter for WITHOUT ROWID tables, with values as
//! `value::to_d1` writes them into parameters.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::plan::{Touched, TouchedRows};
use crate::schema::{Identity, Table};
use crate::value::to_d1::keys_param;

/// Longer texts are not worth their place in the log.
const MOST_BYTES: usize = 200_000;
/// What a commit says that does not name its rows.
pub(super) const EVERYTHING: &str = r#"{"all":true}"#;

/// The text for a commit.
pub(super) fn to_json(touched: &Touched) -> String {
    named(touched).filter(|text| text.len() <= MOST_BYTES).unwrap_or_else(|| EVERYTHING.to_owned())
}

/// `None`: the rows cannot be named.
fn named(touched: &Touched) -> Option<String> {
    if touched.schema {
        return None;
    }
    let (mut rowids, mut keys) = (serde_json::Map::new(), Vec::new());
    for (table, rows) in &touched.tables {
        match rows {
            TouchedRows::All => return None,
            TouchedRows::Rowids(runs) => {
                rowids.insert(table.clone(), serde_json::json!(runs));
            }
            TouchedRows::Keys(changed) => {
                let changed = keys_param(changed.iter().map(|key| key.values()));
                keys.push(format!("{}:{changed}", serde_json::Value::from(table.as_str())));
            }
        }
    }
    Some(format!(r#"{{"rowids":{},"keys":{{{}}}}}"#, serde_json::Value::from(rowids), keys.join(",")))
}

/// What commits say, joined.
#[derive(Default)]
pub(crate) struct Changes {
    rowids: BTreeMap<String, Vec<(i64, i64)>>,
    keys: BTreeMap<String, Vec<Box<RawValue>>>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    all: bool,
    #[serde(default)]
    rowids: BTreeMap<String, Vec<(i64, i64)>>,
    #[serde(default)]
    keys: BTreeMap<String, Vec<Box<RawValue>>>,
}

impl Changes {
    /// Adds one commit. `None`: it does not name its rows.
    pub(super) fn add(&mut self, text: &str) -> Option<()> {
        let entry: Entry = serde_json::from_str(text).ok().filter(|entry: &Entry| !entry.all)?;
        for (table, runs) in entry.rowids {
            self.rowids.entry(table).or_default().extend(runs);
        }
        for (table, keys) in entry.keys {
            self.keys.entry(table).or_default().extend(keys);
        }
        Some(())
    }

    /// At most so many rows.
    pub(crate) fn row_count(&self) -> u64 {
        let in_run = |(first, last): &(i64, i64)| last.abs_diff(*first).saturating_add(1);
        let rowids = self.rowids.values().flatten().map(in_run).fold(0, u64::saturating_add);
        rowids.saturating_add(self.keys.values().map(Vec::len).sum::<usize>() as u64)
    }

    /// Per table the keys as a JSON parameter: runs of rowids, or keys.
    pub(crate) fn params(&self) -> Vec<(&str, String)> {
        let rowids = self.rowids.iter().map(|(table, runs)| (table.as_str(), serde_json::json!(runs).to_string()));
        let join = |keys: &[Box<RawValue>]| keys.iter().map(|key| key.get()).collect::<Vec<_>>().join(",");
        let keys = self.keys.iter().map(|(table, keys)| (table.as_str(), format!("[{}]", join(keys))));
        rowids.chain(keys).collect()
    }
}

/// For a query on D1 itself: the runs or keys that commits name for `table`, as `_lfj`. A FROM term, and the WHERE term for the
/// commits after the seq in `?1` and the table named in `?2`.
pub(crate) fn logged(table: &Table) -> (String, &'static str) {
    let kind = if matches!(table.identity, Identity::Primary(_)) { "keys" } else { "rowids" };
    let from = format!("_lf_commit AS _lfc, json_each(_lfc.changes,'$.{kind}') AS _lft, json_each(_lft.value) AS _lfj");
    (from, "_lfc.seq>CAST(?1 AS INTEGER) AND _lft.key=?2")
}
