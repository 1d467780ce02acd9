//! `_lf_commit.changes`: which rows a commit wrote, as JSON, for replicas that are behind.
//!
//! `{"all":true}`: the schema changed, or more rows than are worth naming; only a new replica will do. Else
//! `{"rowids":{table:[[first,last],…]},"keys":{table:[[value,…],…]}}`, the latter for WITHOUT ROWID tables, with values as
//! `plan` writes them into parameters.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::rows::key_param;
use crate::plan::{Rows, Touched};

/// Longer texts are not worth their place in the log.
const MOST_BYTES: usize = 200_000;

/// The text for a commit.
pub fn to_json(touched: &Touched) -> String {
    let everything = || r#"{"all":true}"#.to_string();
    if touched.schema {
        return everything();
    }
    let (mut rowids, mut keys) = (serde_json::Map::new(), Vec::new());
    for (table, rows) in &touched.tables {
        match rows {
            Rows::All => return everything(),
            Rows::Rowids(runs) => {
                rowids.insert(table.clone(), serde_json::json!(runs));
            }
            Rows::Keys(changed) => {
                let changed: Vec<String> = changed.iter().map(|key| key_param(&key.values())).collect();
                // `key_param` is an array of one row; the log has the rows in one array.
                let rows: Vec<&str> = changed.iter().map(|key| &key[1..key.len() - 1]).collect();
                keys.push(format!("{}:[{}]", serde_json::Value::from(table.as_str()), rows.join(",")));
            }
        }
    }
    let text = format!(r#"{{"rowids":{},"keys":{{{}}}}}"#, serde_json::Value::from(rowids), keys.join(","));
    if text.len() > MOST_BYTES { everything() } else { text }
}

/// What commits say, joined.
#[derive(Default)]
pub struct Changes {
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
    pub fn add(&mut self, text: &str) -> Option<()> {
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
    pub fn row_count(&self) -> u64 {
        let in_run = |(first, last): &(i64, i64)| last.abs_diff(*first).saturating_add(1);
        let rowids = self.rowids.values().flatten().map(in_run).fold(0, u64::saturating_add);
        rowids.saturating_add(self.keys.values().map(Vec::len).sum::<usize>() as u64)
    }

    /// Per table the keys as a JSON parameter: runs of rowids, or keys.
    pub fn params(&self) -> Vec<(&str, String)> {
        let rowids = self.rowids.iter().map(|(table, runs)| (table.as_str(), serde_json::json!(runs).to_string()));
        let join = |keys: &[Box<RawValue>]| keys.iter().map(|key| key.get()).collect::<Vec<_>>().join(",");
        let keys = self.keys.iter().map(|(table, keys)| (table.as_str(), format!("[{}]", join(keys))));
        rowids.chain(keys).collect()
    }
}
