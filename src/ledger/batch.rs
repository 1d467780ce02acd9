//! The batch of one commit: what the planner wrote, between the brackets that make it one commit and nothing else.

use super::stage::{self, Stage};
use super::{changes, log, sql, state, tables, txn};
use crate::d1::Statement;
use crate::image::{Position, Txn};
use crate::plan::Touched;

/// A commit's identity and place.
pub(crate) struct Fence {
    /// The commit it builds on: D1 takes it only there.
    base: Position,
    /// Its id.
    txn: Txn,
    /// What it changes, for replicas that are behind.
    changes: String,
}

impl Fence {
    /// For a plan of the transaction `txn`, which writes these rows.
    pub(crate) fn new(base: &Position, txn: &Txn, touched: &Touched) -> Fence {
        Fence::with(base, txn.clone(), changes::to_json(touched))
    }

    /// For a change of its own, which does not name its rows.
    pub(super) fn unnamed(base: &Position) -> Fence {
        Fence::with(base, txn::random(), changes::EVERYTHING.to_owned())
    }

    fn with(base: &Position, txn: Txn, changes: String) -> Fence {
        Fence { base: base.clone(), txn, changes }
    }

    /// Where the commit will stand.
    fn position(&self) -> Position {
        Position { seq: self.base.seq.next(), txn: self.txn.clone() }
    }

    fn statement(self) -> Statement {
        let Position { seq, txn } = self.base;
        let params = [seq.to_string(), txn.to_string(), self.txn.to_string(), self.changes];
        Statement::with(sql::COMMIT.as_str(), params)
    }
}

/// What a commit does.
#[derive(Default)]
pub(crate) struct Body {
    /// What happens while triggers are silent.
    pub(crate) statements: Vec<Statement>,
    /// How many rows that writes; `None`: it changes the schema, and nobody has counted.
    pub(crate) row_count: Option<usize>,
    /// What no trigger looks at, and need not be counted: counters, and what `_lf_state` remembers.
    pub(crate) rest: Vec<Statement>,
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
    /// Brackets `body` (R1, R14). Triggers stay silent, those of the application (R13) and those that note what others write.
    pub(crate) fn new(fence: Fence, body: Body) -> Batch {
        let (base, position) = (fence.base.seq, fence.position());
        let Body { mut statements, row_count, rest } = body;
        let silent_count = statements.len();
        statements.extend(rest);
        let (stage, mut statements) = if stage::is_needed(&statements) {
            let (stage, statements) = Stage::of(statements);
            (Some(stage), statements)
        } else {
            (None, statements)
        };
        let rest = statements.split_off(silent_count);
        let mut apply = vec![Statement::new("PRAGMA defer_foreign_keys=on"), fence.statement()];
        apply.extend(stage.as_ref().map(Stage::check));
        apply.extend(statements);
        apply.push(end(row_count));
        apply.extend(rest);
        apply.extend(stage.as_ref().map(Stage::clear));
        apply.extend(log::prune(base, &position.txn));
        // Off, not only "no longer on": it resets the count of dangling references. What the application's own SQLite has
        // accepted, with foreign keys on or off, D1 must accept too (R1).
        apply.push(Statement::new("PRAGMA defer_foreign_keys=off"));
        Batch { position, stage, apply }
    }

    /// Looks after a schema that somebody else has changed, `unseen`: `body` makes it fit for liteflare.
    pub(super) fn adopting(base: &Position, unseen: &str, mut body: Vec<Statement>) -> Batch {
        body.extend([state::forget_format_1(), tables::note()]);
        let body = Body { statements: body, ..Body::default() };
        let mut batch = Batch::with_any_schema(Fence::unnamed(base), body);
        batch.apply.insert(1, tables::check(unseen));
        batch
    }

    /// The same as [`Batch::new`], whoever has changed the schema. Its body has to look after it.
    pub(super) fn with_any_schema(fence: Fence, body: Body) -> Batch {
        let mut batch = Batch::new(fence, body);
        batch.apply.insert(1, tables::note()); // the fence, which comes next, wants it looked after
        batch
    }

    /// The same with statements at its end that are no part of the commit.
    pub(crate) fn followed_by(mut self, statements: impl IntoIterator<Item = Statement>) -> Batch {
        self.apply.extend(statements);
        self
    }
}

/// With it the log's row becomes an ordinary one.
fn end(row_count: Option<usize>) -> Statement {
    let count = row_count.map(|count| (count + 1).to_string()); // with the log's own
    Statement::with(sql::COMMIT_END, [log::source(), count.unwrap_or_default()])
}

#[cfg(test)]
mod tests;
