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
    #[serde(default, deserialize_with = "account")]
    pub meta: Meta,
    /// Whether the statement was carried out; an answer that does not say so has no other meaning.
    #[serde(default)]
    success: Option<bool>,
    /// Why it was not.
    #[serde(default)]
    error: Option<Json>,
}

impl StatementResult {
    /// An answer that says yes as a whole and no to a statement says nothing certain of the batch.
    pub(super) fn all_good(results: &[StatementResult]) -> Result<(), SendError> {
        let Some(failed) = results.iter().find(|result| result.success == Some(false)) else { return Ok(()) };
        let reason = match &failed.error {
            Some(Json::String(reason)) => reason.clone(),
            Some(reason) => reason.to_string(),
            None => "no reason given".to_owned(),
        };
        Err(SendError::Unknown(format!("D1 says that one statement failed and the others did not: {reason}")))
    }
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

/// It may be missing, and it may be null.
fn account<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Meta, D::Error> {
    Ok(Option::<Meta>::deserialize(deserializer)?.unwrap_or_default())
}

/// A number that people look at: whatever is no count is the nearest one.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Json::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_f64().map(|number| number as u64)).unwrap_or(0))
}

/// The result in an answer.
pub(super) fn result<T: DeserializeOwned>(reply: &Reply) -> Result<T, SendError> {
    let status = reply.status;
    reply.result().map_err(|no_result| match no_result {
        NoResult::Refused(refusal) => match outcome(&refusal) {
            Outcome::Refused => with_advice(refusal).into(),
            Outcome::Later => not_now(&refusal.message, reply),
            Outcome::Unknown => SendError::Unknown(format!("D1 failed: {} (HTTP {status})", refusal.message)),
        },
        NoResult::Foreign(_) if status == 429 => not_now("too many requests", reply),
        NoResult::Foreign(_) if matches!(status, 403 | 413) => {
            let ray = reply.ray.as_ref().map(|ray| format!(" (Ray ID {ray})")).unwrap_or_default();
            let what = if status == 403 { "a firewall" } else { "a limit on the size of requests" };
            let message = format!(
                "{what} in front of D1 turned the request away{ray}; the gateway has none: see gateway/README.md"
            );
            Refusal { status, code: 0, message }.into()
        }
        NoResult::Oversized(oversized) => oversized.into(),
        NoResult::Foreign(error) => SendError::Unknown(format!("HTTP {status} without D1's JSON: {error}")),
        NoResult::Empty(_) => SendError::Unknown("D1 answered without a result".into()),
        NoResult::Misfit(error) => SendError::Unknown(format!("D1's answer cannot be understood: {error}")),
    })
}

fn not_now(message: &str, reply: &Reply) -> SendError {
    let reason = format!("D1 takes no requests now: {message} (HTTP {})", reply.status);
    SendError::NotApplied { reason, retry_after: reply.retry_after }
}

fn with_advice(refusal: Refusal) -> Refusal {
    match advice::about_d1_limit(&refusal.message).unwrap_or(advice::about_d1(refusal.status).brief) {
        "" => refusal,
        advice => Refusal { message: format!("{}: {advice}", refusal.message), ..refusal },
    }
}

/// What a "no" of the API says about the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was not applied, and would not be another time.
    Refused,
    /// It was not applied, and may be sent again.
    Later,
    /// It may have been applied. What is in none of the lists below is so, too.
    Unknown,
}

/// The code of a 429 that comes from D1 itself, which then drops all requests it has, begun or not. (The others come from the API's
/// limiter, before D1.)
const OVERLOADED: i64 = 7429;
/// Codes of the API's own: wrong token, no permission, unknown database, malformed.
const TURNED_AWAY: [i64; 7] = [10000, 9109, 7403, 7404, 7400, 6003, 7003];
/// SQLite's codes for a statement that failed, in D1's words. The batch is undone.
const FAILED: [&str; 8] = ["ERROR", "CONSTRAINT", "TOOBIG", "MISMATCH", "AUTH", "RANGE", "MISUSE", "READONLY"];
/// What D1, or the gateway, says of a batch before it begins, or of a limit that is reached.
const NEVER_BEGUN: [&str; 12] = [
    "D1_TYPE_ERROR",
    "parameter binding",
    "must contain only one statement",
    "did not contain a statement",
    "No SQL statements",
    "only the last statement can have parameters",
    "To execute a transaction",
    "has exceeded D1's",
    "Exceeded maximum DB size",
    "maximum account storage limit",
    "Too many API requests by single",
    "Too many subrequests",
];

fn outcome(refusal: &Refusal) -> Outcome {
    let says = |text: &str| refusal.message.contains(text);
    let failed = || FAILED.iter().any(|code| says(&format!("SQLITE_{code}")));
    match refusal.status {
        429 if refusal.code != OVERLOADED => Outcome::Later,
        429 | 500.. => Outcome::Unknown,
        _ if says("Currently processing a long-running") => Outcome::Later,
        // Whoever redirects has not handled the request: D1 never does, what stands in front of it may.
        300..=399 | 401 | 403 | 404 | 405 | 413 => Outcome::Refused,
        _ if TURNED_AWAY.contains(&refusal.code) => Outcome::Refused,
        _ if failed() || NEVER_BEGUN.iter().any(|text| says(text)) => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, body: &'static str) -> Result<Vec<StatementResult>, SendError> {
        let ray = Some("8f00ba2000000000-FRA".to_owned());
        result(&Reply { status, retry_after: None, ray, redirect: None, body: Ok(body.into()) })
    }

    #[test]
    fn nulls_and_fractions_are_taken() {
        let body = r#"{"success":true,"errors":null,"messages":null,"result":[{"success":true,"meta":null},
            {"results":{"columns":["a"],"rows":[[1]]},"meta":{"rows_written":2.0,"size_after":8192.5}}]}"#;
        let results = said(200, body).unwrap();
        assert!(StatementResult::all_good(&results).is_ok());
        assert_eq!((results[1].meta.rows_written, results[1].meta.size_after), (2, 8192));
    }

    #[test]
    fn a_statement_that_failed_in_a_good_answer_leaves_a_doubt() {
        let body = r#"{"success":true,"result":[{"success":true},{"success":false,"error":"FOREIGN KEY"}]}"#;
        let error = StatementResult::all_good(&said(200, body).unwrap()).unwrap_err();
        assert!(matches!(&error, SendError::Unknown(reason) if reason.ends_with("FOREIGN KEY")), "{error}");
    }

    #[test]
    fn a_firewalls_page_is_a_refusal_that_names_its_number_and_the_way_around() {
        for status in [403, 413] {
            let error = said(status, "<html>Attention Required! | Cloudflare</html>").unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, SendError::Refused(_)) && text.contains("8f00ba2000000000-FRA"), "{text}");
            assert!(text.contains("gateway"), "{text}");
        }
    }

    #[test]
    fn a_quota_is_a_refusal_with_advice() {
        for (said_by_d1, advice) in [
            ("Your account has exceeded D1's free tier daily row write limit", "00:00 UTC"),
            ("Exceeded maximum DB size", "500 MB"),
            ("You have reached the maximum account storage limit", "5 GB"),
            ("Too many API requests by single Worker invocation.", "gateway"),
        ] {
            let body = serde_json::json!({ "success": false, "errors": [{ "code": 7500, "message": said_by_d1 }] });
            let error = said(400, body.to_string().leak()).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, SendError::Refused(_)) && text.contains(advice), "{text}");
        }
    }
}
