//! Sends a commit until its outcome is known.
//!
//! A request has three outcomes: applied, refused, unknown. Unknown is settled by asking D1 for the commit's id, and the batch is
//! sent again only when D1 does not have it. Should the first request still be under way then, the fence lets one of the two
//! through: nothing is applied twice.
//!
//! Sending and asking share one deadline, `LITEFLARE_TIMEOUT`. The parts of a commit too large for one request come before, and each
//! may take as long: how many there are nobody knows who sets it.

use super::{Client, Refusal, SendError, Statement};
use crate::retry::Retry;

/// A commit ready to be sent.
pub struct Batch {
    /// Requests that put parts into `_lf_stage`; none for most commits. Sending one again does no harm.
    pub stage: Vec<Vec<Statement>>,
    /// The request that makes the commit: all or nothing.
    pub apply: Vec<Statement>,
}

/// Why a commit did not happen.
#[derive(Debug)]
pub enum CommitError {
    /// Another writer was first.
    Conflict,
    /// D1 said no.
    Refused(Refusal),
    /// D1 gave no answer until the deadline.
    Unreachable {
        /// The last failure.
        reason: String,
        /// Whether a request got no answer and D1 may still apply it. It carries the seq this replica stands at, so the next
        /// commit then finds it there: a conflict, and a refresh.
        in_doubt: bool,
    },
}

impl Client {
    /// Commits `batch`, whose random id is `txn`. `Ok` means that D1 has it, once.
    pub fn commit(&self, batch: &Batch, txn: &str) -> Result<(), CommitError> {
        for request in &batch.stage {
            self.send_idempotent(request).map_err(|error| give_up(error, false))?;
        }
        let mut retry = self.retry();
        let mut in_doubt = false;
        loop {
            let error = match self.send_within(&batch.apply, retry.answer_time()) {
                Ok(_) => return Ok(()),
                Err(SendError::Refused(refusal)) if !is_fence(&refusal) => return Err(CommitError::Refused(refusal)),
                // Behind an answer that never came, the row in the way may be our own.
                Err(SendError::Refused(_)) if in_doubt && self.has(txn, &mut retry, in_doubt)? => return Ok(()),
                Err(SendError::Refused(_)) => return Err(CommitError::Conflict),
                Err(error) => error,
            };
            tracing::info!("a commit is tried again: {error}");
            let unknown = matches!(error, SendError::Unknown(_));
            in_doubt |= unknown;
            if !retry.wait_after(&error) {
                return Err(give_up(error.given_up(self.timeout), in_doubt));
            }
            self.metrics.retries.add(1);
            if unknown && self.has(txn, &mut retry, in_doubt)? {
                return Ok(());
            }
        }
    }

    fn has(&self, txn: &str, retry: &mut Retry, in_doubt: bool) -> Result<bool, CommitError> {
        let ask = Statement::with("SELECT seq FROM _lf_commit WHERE txn=?1", [txn.to_string()]);
        let answer = self.until(retry, |time| self.send_within(std::slice::from_ref(&ask), time));
        let answer = answer.map_err(|error| give_up(error, in_doubt))?;
        Ok(answer.first().is_some_and(|rows| !rows.results.rows.is_empty()))
    }
}

fn give_up(error: SendError, in_doubt: bool) -> CommitError {
    match error {
        SendError::Refused(refusal) => CommitError::Refused(refusal),
        SendError::NotApplied { reason, .. } | SendError::Unknown(reason) => {
            CommitError::Unreachable { reason, in_doubt }
        }
    }
}

/// Whether the row in `_lf_commit` was what D1 refused (`sql/commit.sql`).
fn is_fence(refusal: &Refusal) -> bool {
    refusal.message.contains("_lf_commit.seq")
        || (refusal.message.contains("CHECK constraint failed") && refusal.message.contains("seq > 0"))
        || refusal.message.contains("_lf_commit.txn")
}
