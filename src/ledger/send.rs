//! Sends a batch until its outcome is known.
//!
//! A request has three outcomes: applied, refused, unknown. Unknown is settled by asking D1 for the commit's id, and the batch is
//! sent again only when D1 does not have it. Should the first request still be under way then, the fence lets one of the two
//! through: nothing is applied twice. So whenever the fence says no, the log is asked too, before anybody is told of a rival.
//!
//! Sending and asking share one deadline, `LITEFLARE_TIMEOUT`. The requests that stage the parts of a large commit come before, and
//! each may take as long: whoever sets the deadline cannot know how many there are.

use super::batch::Batch;
use super::log::{self, Committed};
use super::{stage, tables};
use crate::d1::{Client, Refusal, SendError};
use crate::error::Error;
use crate::image::Position;
use crate::retry::Retry;

/// Why a commit did not happen.
#[derive(Debug)]
pub(crate) enum CommitError {
    /// Another writer was first.
    Conflict,
    /// D1 said no.
    Refused(Refusal),
    /// D1's rows are not those that it was planned for: it would have written more of them, or fewer.
    OtherRows,
    /// D1 gave no answer until the deadline.
    Unreachable {
        /// The last failure.
        reason: String,
        /// Whether a request got no answer and D1 may still apply it. It carries the position this replica stands at, so the next
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
            CommitError::OtherRows => Error::OtherRows,
            CommitError::Unreachable { reason, in_doubt } => {
                let doubt = if in_doubt { ", but a request is without an answer: D1 may still take it" } else { "" };
                Error::Unreachable(format!("{reason}; the transaction was rolled back{doubt}"))
            }
        }
    }
}

/// So often a batch is staged whose parts somebody deletes before it comes.
const MOST_STAGINGS: usize = 2;

/// Commits `batch`: D1 has it then, once. After an error nothing of it stays staged.
pub(crate) fn send(client: &Client, batch: &Batch) -> Result<Committed, CommitError> {
    let sent = stage_and_apply(client, batch);
    if let (Err(_), Some(stage)) = (&sent, &batch.stage) {
        stage.abandon(client);
    }
    sent
}

fn stage_and_apply(client: &Client, batch: &Batch) -> Result<Committed, CommitError> {
    let requests = batch.stage.as_ref().map_or(&[][..], |stage| &stage.requests);
    let mut stagings = 0;
    loop {
        for request in requests {
            client.send_idempotent(request).map_err(|error| give_up(error, false))?;
        }
        stagings += 1;
        match apply(client, batch) {
            Err(CommitError::Refused(refusal)) if stage::is_incomplete(&refusal) && stagings < MOST_STAGINGS => {
                tracing::info!("a commit is staged again: {refusal}");
            }
            done => return done,
        }
    }
}

fn apply(client: &Client, batch: &Batch) -> Result<Committed, CommitError> {
    let mut retry = client.retry();
    let mut in_doubt = false;
    loop {
        let error = match client.send_within(&batch.apply, retry.answer_time()) {
            Ok(mut answers) => {
                let position = batch.position.clone();
                return Ok(Committed { position, has_followers: false, last_answer: answers.pop() });
            }
            Err(SendError::Refused(refusal)) => {
                let is_fence = is_fence(&refusal);
                // What is in the way may be our own: of a request whose answer never came, or that was delivered twice.
                if (is_fence || in_doubt)
                    && let Some(committed) = find(client, &batch.position, &mut retry)?
                {
                    return Ok(committed);
                }
                return Err(match is_fence {
                    true => CommitError::Conflict,
                    false if refusal.message.contains("_lf_commit.source") => CommitError::OtherRows,
                    false => CommitError::Refused(refusal),
                });
            }
            Err(error) => error,
        };
        tracing::info!("a commit is tried again: {error}");
        let unknown = matches!(error, SendError::Unknown(_) | SendError::Oversized(_));
        in_doubt |= unknown;
        if !retry.wait_after(&error) {
            return Err(give_up(error.given_up(client.timeout), in_doubt));
        }
        client.metrics.retries.add(1);
        if unknown && let Some(committed) = find(client, &batch.position, &mut retry)? {
            return Ok(committed);
        }
    }
}

/// The commit, if D1 has it.
fn find(client: &Client, position: &Position, retry: &mut Retry) -> Result<Option<Committed>, CommitError> {
    let ask = [log::find(position)];
    match client.until(retry, |time| client.send_within(&ask, time)) {
        Ok(answers) => Ok(answers.first().and_then(|answer| log::found(answer, &position.txn))),
        Err(SendError::Refused(refusal)) if tables::are_missing(&refusal) => Ok(None),
        // Also a refusal (of the token, say) leaves it open.
        Err(error) => Err(CommitError::Unreachable { reason: error.to_string(), in_doubt: true }),
    }
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

/// Whether D1 is not where the batch builds on: the log's own row was what it refused (`sql/commit.sql`), or the schema is another one than
/// was looked after (`sql/schema_check.sql`), or a table of ours is gone.
fn is_fence(refusal: &Refusal) -> bool {
    let says = |text: &str| refusal.message.contains(text);
    says("_lf_commit.seq")
        || says("_lf_state.key")
        || (says("CHECK constraint failed") && says("seq > 0"))
        || tables::are_missing(refusal)
}
