//! What D1's answers mean: results, a refusal, or a failure after which the batch may have been applied or not.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::cloudflare::{NoResult, Oversized, Refusal, Reply, advice, causes};
use crate::retry::Transient;

/// Why a request has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// D1 answered no: nothing of the batch was applied.
    #[error("D1 refused: {0}")]
    Refused(#[from] Refusal),
    /// The request did not get there, or was turned away unread (429): nothing was applied, and it may be sent again.
    #[error("{reason}")]
    NotApplied {
        /// What happened.
        reason: String,
        /// How long D1 asks to wait.
        retry_after: Option<Duration>,
    },
    /// No answer, or one from a broken intermediary: the batch may have been applied or not.
    #[error("{0}")]
    Unknown(String),
    /// More came than can be an answer to what was asked. As little is known of the batch as without an answer.
    #[error(transparent)]
    Oversized(#[from] Oversized),
}

impl Transient for SendError {
    fn retry_after(&self) -> Option<Duration> {
        match self {
            SendError::Refused(_) => None,
            SendError::NotApplied { retry_after, .. } => Some(retry_after.unwrap_or_default()),
            SendError::Unknown(_) | SendError::Oversized(_) => Some(Duration::ZERO),
        }
    }
}

impl SendError {
    pub(super) fn not_sent(reason: String) -> SendError {
        SendError::NotApplied { reason, retry_after: None }
    }

    /// The caller's thread was taken away from under the request.
    pub(super) fn interrupted() -> SendError {
        SendError::Unknown("the request was interrupted".into())
    }

    pub(super) fn no_answer(error: &reqwest::Error) -> SendError {
        let reason = causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
        if error.is_connect() {
            return SendError::not_sent(format!("D1 cannot be reached: {reason}"));
        }
        SendError::Unknown(format!("no answer from D1: {reason}"))
    }

    /// The last failure of one who has tried for so long.
    pub(crate) fn given_up(self, timeout: Duration) -> SendError {
        let after = |reason| format!("gave up after {timeout:?} (LITEFLARE_TIMEOUT): {reason}");
        match self {
            SendError::Refused(refusal) => SendError::Refused(refusal),
            SendError::NotApplied { reason, retry_after } => {
                SendError::NotApplied { reason: after(reason), retry_after }
            }
            SendError::Unknown(reason) => SendError::Unknown(after(reason)),
            SendError::Oversized(oversized) => SendError::Oversized(oversized),
        }
    }
}

/// The result of one statement.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct StatementResult {
    /// The column names and rows.
    #[serde(default)]
    pub results: ResultSet,
    /// D1's account of the statement.
    #[serde(default)]
    pub meta: Meta,
}

/// The rows that a statement gives, as arrays.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct ResultSet {
    /// Column names.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows, a value per column.
    #[serde(default)]
    pub rows: Vec<Vec<Json>>,
}

impl ResultSet {
    /// Whether each row has a value for each column, and no more columns than a SELECT can have.
    pub(super) fn is_even(&self) -> bool {
        let count = self.columns.len();
        count <= MOST_COLUMNS && self.rows.iter().all(|row| row.len() == count)
    }
}

/// The columns of any SELECT: SQLite's own upper limit (SQLITE_MAX_COLUMN). D1's is smaller, and documented for tables only.
const MOST_COLUMNS: usize = 32_767;

/// D1's account of a statement; only what is used.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Meta {
    /// Rows written, indexes included.
    #[serde(default, deserialize_with = "count")]
    pub rows_written: u64,
    /// Bytes of the database afterwards; a gateway does not tell it of a single read.
    #[serde(default, deserialize_with = "count")]
    pub size_after: u64,
}

/// A number that people look at: whatever is no count is the nearest one.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Json::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_f64().map(|number| number as u64)).unwrap_or(0))
}

/// The result in an answer.
pub(super) fn result<T: DeserializeOwned>(reply: &Reply) -> Result<T, SendError> {
    let status = reply.status;
    if status == 429 {
        let reason = "D1's rate limit is reached (HTTP 429)".into();
        return Err(SendError::NotApplied { reason, retry_after: reply.retry_after });
    }
    reply.result().map_err(|no_result| match no_result {
        NoResult::Refused(Refusal { message, .. }) if status >= 500 || is_transient(&message) => {
            SendError::Unknown(format!("D1 failed: {message} (HTTP {status})"))
        }
        NoResult::Refused(refusal) => with_advice(refusal).into(),
        NoResult::Oversized(oversized) => oversized.into(),
        NoResult::Foreign(error) => SendError::Unknown(format!("HTTP {status} without D1's JSON: {error}")),
        NoResult::Empty(_) => SendError::Unknown("D1 answered without a result".into()),
        NoResult::Misfit(error) => SendError::Unknown(format!("D1's answer cannot be understood: {error}")),
    })
}

fn with_advice(refusal: Refusal) -> Refusal {
    match advice::about_d1(refusal.status).brief {
        "" => refusal,
        advice => Refusal { message: format!("{}: {advice}", refusal.message), ..refusal },
    }
}

/// Errors that are about the moment, not about the statement; whether the batch was applied is open.
/// From Cloudflare's list of D1 errors that may be retried.
fn is_transient(message: &str) -> bool {
    let known = [
        "Network connection lost",
        "D1 DB is overloaded",
        "storage caused object to be reset",
        "reset because its code was updated",
        "Internal error",
        "storage operation exceeded timeout",
        "transient issue",
    ];
    known.iter().any(|text| message.contains(text))
}
