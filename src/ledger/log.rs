//! The log of commits: where it stands, what came after a place in it, and what becomes part of it.

use std::sync::OnceLock;

use serde_json::Value as Json;

use super::changes::Changes;
use super::sql;
use super::txn::Txn;
use crate::d1::{Client, SendError, Statement, StatementResult};
use crate::image::Seq;

/// Commits kept in the log: a replica further behind hydrates anew.
const KEPT_COMMITS: u64 = 10_000;
/// So many commits come between two that forget what is older.
const PRUNE_INTERVAL: u64 = 256;

/// Asks for the newest seq.
pub(crate) fn newest() -> Statement {
    Statement::new(sql::LOG_NEWEST)
}

/// Reads the answer to [`newest`].
pub(crate) fn newest_in(answer: &StatementResult) -> Option<Seq> {
    seq(answer.results.rows.first()?.first()?)
}

/// Asks for the commits after `seq`.
pub(crate) fn since(seq: Seq) -> Statement {
    Statement::with(sql::LOG_SINCE, [seq.to_string()])
}

/// Whether anyone has committed after `seq`.
pub(crate) fn has_gone_on(client: &Client, seq: Seq) -> Result<bool, SendError> {
    let tail = client.send_idempotent(&[since(seq)])?;
    Ok(!tail[0].results.rows.is_empty())
}

/// Reads the answer to [`since`] and adds what the commits changed. Returns the last one's seq; `None` when one is missing or does
/// not name its rows.
pub(crate) fn read_since(answer: &StatementResult, after: Seq, changes: &mut Changes) -> Option<Seq> {
    let mut last = after;
    for row in &answer.results.rows {
        let next = seq(row.first()?)?;
        if next != last.next() {
            return None;
        }
        last = next;
        changes.add(row.get(1)?.as_str()?)?;
    }
    Some(last)
}

/// Asks whether D1 has the commit with this id: a row, or none.
pub(super) fn find(txn: Txn) -> Statement {
    Statement::with(sql::LOG_FIND, [txn.to_string()])
}

/// Now and then, what goes with the commit after `base`: the oldest commits are forgotten.
pub(super) fn prune(base: Seq) -> Option<Statement> {
    let oldest = base.0.saturating_sub(KEPT_COMMITS).to_string();
    (base.0 % PRUNE_INTERVAL == PRUNE_INTERVAL - 1).then(|| Statement::with(sql::LOG_PRUNE, [oldest]))
}

/// The entry for a change that is made on D1 and not by a replica; it goes into the same batch.
pub(crate) fn foreign_entry() -> Statement {
    Statement::with(sql::FOREIGN, [Txn::new().to_string(), source()])
}

/// A commit as people read it.
pub(crate) struct Entry {
    /// Its place.
    pub(crate) seq: Seq,
    /// When, by D1's clock.
    pub(crate) at: String,
    /// Who wrote.
    pub(crate) source: String,
    /// The tables it names; empty when it changed the schema or more rows than it names.
    pub(crate) tables: Vec<String>,
}

/// Asks for the last commits.
pub(crate) fn recent() -> Statement {
    Statement::new(sql::LOG_RECENT)
}

/// Reads the answer to [`recent`]: the newest first.
pub(crate) fn read_recent(answer: &StatementResult) -> Vec<Entry> {
    let entry = |row: &Vec<Json>| {
        let text = |index: usize| row.get(index).and_then(Json::as_str).unwrap_or_default();
        Entry {
            seq: row.first().and_then(seq).unwrap_or_default(),
            at: text(1).to_owned(),
            source: text(2).to_owned(),
            tables: serde_json::from_str(text(3)).unwrap_or_default(),
        }
    };
    answer.results.rows.iter().map(entry).collect()
}

/// D1 sends numbers as text, which keeps all their digits.
fn seq(cell: &Json) -> Option<Seq> {
    cell.as_str()?.parse().ok().map(Seq)
}

/// Who writes, for people who read the log: host and process.
pub(super) fn source() -> String {
    static HOST: OnceLock<String> = OnceLock::new();
    let host = HOST.get_or_init(|| std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default());
    format!("{}/{}", host.trim(), std::process::id()) // asked each time: a fork has another
}
