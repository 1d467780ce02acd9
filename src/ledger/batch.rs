//! The batch of one commit: what the planner wrote, between the brackets that make it one commit and nothing else.

use super::stage::{self, Stage};
use super::{changes, log, sql, state, txn};
use crate::d1::Statement;
use crate::image::{Position, Txn};
use crate::plan::Touched;

/// A commit's identity and place.
pub(crate) struct Fence {
    /// The commit it builds on: D1 takes it only there.
    base: Position,
    /// Its id.
    txn: Txn,
    /// Who writes: for people reading the log.
    source: String,
    /// What it changes, for replicas that are behind.
    changes: String,
}

impl Fence {
    /// For a plan of the transaction `txn`, which writes these rows.
    pub(crate) fn new(base: &Position, txn: &Txn, touched: &Touched) -> Fence {
        Fence::with(base, txn.clone(), changes::to_json(touched))
    }

    /// For a transaction of its own, which does not name its rows.
    pub(super) fn unnamed(base: &Position) -> Fence {
        Fence::with(base, txn::random(), changes::EVERYTHING.to_owned())
    }

    fn with(base: &Position, txn: Txn, changes: String) -> Fence {
        Fence { base: base.clone(), txn, source: log::source(), changes }
    }

    /// Where the commit will stand.
    fn position(&self) -> Position {
        Position { seq: self.base.seq.next(), txn: self.txn.clone() }
    }

    fn statement(self) -> Statement {
        let Position { seq, txn } = self.base;
        let params = [seq.to_string(), txn.to_string(), self.txn.to_string(), self.source, self.changes];
        Statement::with(sql::COMMIT.as_str(), params)
    }
}

/// A commit ready to be sent.
pub(crate) struct Batch {
    /// What it becomes, if D1 takes it.
    pub(super) position: Position,
    /// The parts that must be on D1 before; most commits have none.
    pub(super) stage: Option<Stage>,
    /// The request that makes the commit: all or nothing.
    pub(super) apply: Vec<Statement>,
}

impl Batch {
    /// Brackets `body` (R1, R14). `replays`: some table has triggers, which must stay silent meanwhile.
    pub(crate) fn new(fence: Fence, body: Vec<Statement>, replays: bool) -> Batch {
        let (base, position) = (fence.base.seq, fence.position());
        let (stage, body) = if stage::is_needed(&body) {
            let (stage, body) = Stage::of(body);
            (Some(stage), body)
        } else {
            (None, body)
        };
        let mut apply = vec![Statement::new("PRAGMA defer_foreign_keys=on"), fence.statement()];
        apply.extend(stage.as_ref().map(Stage::check));
        apply.extend(if replays { state::replay(body) } else { body });
        apply.extend(stage.as_ref().map(Stage::clear));
        apply.extend(log::prune(base));
        // Off, not only "no longer on": it resets the count of dangling references. What the application's own SQLite has
        // accepted, with foreign keys on or off, D1 must accept too (R1).
        apply.push(Statement::new("PRAGMA defer_foreign_keys=off"));
        Batch { position, stage, apply }
    }
}

#[cfg(test)]
mod tests;
