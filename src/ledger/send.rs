//! Sends a batch until its outcome is known.
//!
//! A request has three outcomes: applied, refused, unknown. Unknown is settled by asking D1 for the commit's id, and the batch is
//! sent again only when D1 does not have it. Should the first request still be under way then, the fence lets one of the two
//! through: nothing is applied twice.
//!
//! Sending and asking share one deadline, `LITEFLARE_TIMEOUT`. The requests that stage the parts of a large commit come before, and
//! each may take as long: whoever sets the deadline cannot know how many there are.

use super::batch::Batch;
use super::log;
use super::txn::Txn;
use crate::d1::{Client, Refusal, SendError};
use crate::error::Error;
use crate::image::Seq;
use crate::retry::Retry;

/// Why a commit did not happen.
#[derive(Debug)]
pub(crate) enum CommitError {
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

/// What the application is told.
impl From<CommitError> for Error {
    fn from(error: CommitError) -> Error {
        match error {
            CommitError::Conflict => Error::Conflict,
            CommitError::Refused(refusal) => Error::Refused(refusal),
            CommitError::Unreachable { reason, in_doubt } => {
                let doubt = if in_doubt { ", but a request is without an answer: D1 may still take it" } else { "" };
                Error::Unreachable(format!("{reason}; the transaction was rolled back{doubt}"))
            }
        }
    }
}

/// Commits `batch`. Returns the place it has taken in the log: D1 has it, once.
pub(crate) fn send(client: &Client, batch: &Batch) -> Result<Seq, CommitError> {
    for request in &batch.stage {
        client.send_idempotent(request).map_err(|error| give_up(error, false))?;
    }
    let mut retry = client.retry();
    let mut in_doubt = false;
    loop {
        let error = match client.send_within(&batch.apply, retry.answer_time()) {
            Ok(_) => return Ok(batch.seq),
            Err(SendError::Refused(refusal)) if !is_fence(&refusal) => return Err(CommitError::Refused(refusal)),
            // Behind an answer that never came, the row in the way may be our own.
            Err(SendError::Refused(_)) if in_doubt && has(client, batch.txn, &mut retry, in_doubt)? => {
                return Ok(batch.seq);
            }
            Err(SendError::Refused(_)) => return Err(CommitError::Conflict),
            Err(error) => error,
        };
        tracing::info!("a commit is tried again: {error}");
        let unknown = matches!(error, SendError::Unknown(_) | SendError::Oversized(_));
        in_doubt |= unknown;
        if !retry.wait_after(&error) {
            return Err(give_up(error.given_up(client.timeout), in_doubt));
        }
        client.metrics.retries.add(1);
        if unknown && has(client, batch.txn, &mut retry, in_doubt)? {
            return Ok(batch.seq);
        }
    }
}

/// Whether D1 has the commit.
fn has(client: &Client, txn: Txn, retry: &mut Retry, in_doubt: bool) -> Result<bool, CommitError> {
    let ask = [log::find(txn)];
    let answer = client.until(retry, |time| client.send_within(&ask, time));
    let answer = answer.map_err(|error| give_up(error, in_doubt))?;
    Ok(answer.first().is_some_and(|rows| !rows.results.rows.is_empty()))
}

fn give_up(error: SendError, in_doubt: bool) -> CommitError {
    match error {
        SendError::Refused(refusal) => CommitError::Refused(refusal),
        SendError::NotApplied { reason, .. } | SendError::Unknown(reason) => {
            CommitError::Unreachable { reason, in_doubt }
        }
        SendError::Oversized(oversized) => CommitError::Unreachable { reason: oversized.to_string(), in_doubt },
    }
}

/// Whether the log's own row was what D1 refused (`sql/commit.sql`).
fn is_fence(refusal: &Refusal) -> bool {
    let says = |text: &str| refusal.message.contains(text);
    says("_lf_commit.seq") || says("_lf_commit.txn") || (says("CHECK constraint failed") && says("seq > 0"))
}
