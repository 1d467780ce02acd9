//! What must hold of any text that stands in the log on D1 as what a commit changed.

use serde_json::Value as Json;

use super::changes::Changes;

/// Takes in what two commits say: a parameter is JSON, and the second commit adds to the first.
pub(crate) fn changes(text: &str) {
    let mut changes = Changes::default();
    if changes.add(text).is_none() {
        return;
    }
    let once = changes.row_count();
    for (table, param) in changes.params() {
        let rows: Vec<Json> = serde_json::from_str(&param).unwrap_or_else(|error| panic!("{table}: {param}: {error}"));
        assert!(rows.len() as u64 <= once, "{table}: more rows than were counted");
    }
    assert!(changes.add(text).is_some() && changes.row_count() == once.saturating_mul(2), "counted twice, it is twice");
}
