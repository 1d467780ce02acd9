//! The batch of one commit: what the planner wrote, between the brackets that make it one commit and nothing else.

use super::txn::Txn;
use super::{changes, log, sql, stage, state};
use crate::d1::Statement;
use crate::image::Seq;
use crate::plan::Touched;

/// A commit's identity and place.
pub(crate) struct Fence {
    /// The seq it builds on: D1 takes it only there.
    base: Seq,
    /// Its id.
    txn: Txn,
    /// Who writes: for people reading the log.
    source: String,
    /// What it changes, for replicas that are behind.
    changes: String,
}

impl Fence {
    /// For a commit that writes these rows.
    pub(crate) fn new(base: Seq, touched: &Touched) -> Fence {
        Fence::with(base, changes::to_json(touched))
    }

    /// For a commit that does not name its rows.
    pub(super) fn unnamed(base: Seq) -> Fence {
        Fence::with(base, changes::EVERYTHING.to_owned())
    }

    fn with(base: Seq, changes: String) -> Fence {
        Fence { base, txn: Txn::new(), source: log::source(), changes }
    }

    fn statement(self) -> Statement {
        Statement::with(sql::COMMIT, [self.base.to_string(), self.txn.to_string(), self.source, self.changes])
    }
}

/// A commit ready to be sent.
pub(crate) struct Batch {
    /// Its id.
    pub(super) txn: Txn,
    /// Its place in the log, if D1 takes it.
    pub(super) seq: Seq,
    /// Requests that stage its parts; none for most commits. Sending one again does no harm.
    pub(super) stage: Vec<Vec<Statement>>,
    /// The request that makes the commit: all or nothing.
    pub(super) apply: Vec<Statement>,
}

impl Batch {
    /// Brackets `body` (R1, R14). `replays`: some table has triggers, which must stay silent meanwhile.
    pub(crate) fn new(fence: Fence, body: Vec<Statement>, replays: bool) -> Batch {
        let (base, txn) = (fence.base, fence.txn);
        let (stage, body) = if stage::is_needed(&body) { stage::stage(txn, body) } else { (Vec::new(), body) };
        let mut apply = vec![Statement::new("PRAGMA defer_foreign_keys=on"), fence.statement()];
        apply.extend(if replays { state::replay(body) } else { body });
        if !stage.is_empty() {
            apply.push(stage::clear(txn));
        }
        apply.extend(log::prune(base));
        // Off, not only "no longer on": it resets the count of dangling references. What the application's own SQLite has
        // accepted, with foreign keys on or off, D1 must accept too (R1).
        apply.push(Statement::new("PRAGMA defer_foreign_keys=off"));
        Batch { txn, seq: base.next(), stage, apply }
    }
}

#[cfg(test)]
mod tests;
