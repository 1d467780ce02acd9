//! Sends batches to D1's query API, one HTTP request each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::Statement;
use crate::config::{Secret, Settings};
use crate::metrics::Metrics;
use crate::runtime::Runtime;

/// What D1 said no to. Nothing of the batch was applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("D1 refused: {message} (code {code}, HTTP {status})")]
pub struct Refusal {
    /// HTTP's status.
    pub status: u16,
    /// Cloudflare's error code; 7500 for SQL errors, 10000 for a wrong token, 7404 for an unknown database.
    pub code: i64,
    /// D1's own words.
    pub message: String,
}

/// Why a request has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// D1 answered no: nothing was applied.
    #[error(transparent)]
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
}

/// The result of one statement.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Rows {
    /// The column names and rows.
    #[serde(default)]
    pub results: Table,
    /// D1's account of the statement.
    #[serde(default)]
    pub meta: Meta,
}

/// Rows as arrays.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Table {
    /// Column names.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows, a value per column.
    #[serde(default)]
    pub rows: Vec<Vec<Json>>,
}

/// D1's account of a statement; only what is used.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Meta {
    /// Rows written, indexes included.
    #[serde(default)]
    pub rows_written: u64,
    /// Bytes of the database afterwards; a gateway does not tell it of a single read.
    #[serde(default)]
    pub size_after: u64,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<ApiError>,
    /// Left as it came: what it must be depends on the question, and an answer with rows may have megabytes.
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

/// One D1 database behind the query API.
#[derive(Debug)]
pub struct Client {
    account_url: String,
    /// The database's UUID.
    database: String,
    token: Secret,
    /// How long a caller waits for one operation, retries included.
    pub timeout: Duration,
    /// What this client counts.
    pub metrics: Arc<Metrics>,
}

impl Client {
    /// A client for the settings' database. A name is looked up, which costs a request; a UUID costs none.
    pub fn connect(settings: &Settings, metrics: Arc<Metrics>) -> Result<Client, SendError> {
        let mut client = Client {
            account_url: format!("{}/accounts/{}/d1/database", settings.api, settings.account),
            database: settings.database.clone(),
            token: settings.token.clone(),
            timeout: settings.timeout,
            metrics,
        };
        if uuid::Uuid::parse_str(&settings.database).is_err() {
            client.database = client.look_up(&settings.database)?;
        }
        Ok(client)
    }

    fn look_up(&self, name: &str) -> Result<String, SendError> {
        #[derive(Deserialize)]
        struct Database {
            name: String,
            uuid: String,
        }
        let url = format!("{}?name={}", self.account_url, percent(name));
        let databases: Vec<Database> =
            self.patiently(|| self.request(reqwest::Method::GET, &url, String::new(), self.answer_time()))?;
        let unknown = || Refusal {
            status: 404,
            code: 7404,
            message: format!("there is no D1 database named {name:?} in this account: check LITEFLARE_D1_DATABASE"),
        };
        let uuid = databases.into_iter().find(|database| database.name == name).map(|database| database.uuid);
        uuid.ok_or_else(|| unknown().into())
    }

    /// Sends `statements` as one atomic batch, once.
    pub fn send(&self, statements: &[Statement]) -> Result<Vec<Rows>, SendError> {
        self.send_within(statements, self.answer_time())
    }

    /// The same, with so much time for the answer.
    pub(crate) fn send_within(&self, statements: &[Statement], time: Duration) -> Result<Vec<Rows>, SendError> {
        let body = serde_json::json!({ "batch": statements }).to_string();
        let rows: Vec<Rows> = self.request(reqwest::Method::POST, &self.raw_url(), body, time)?;
        if rows.len() != statements.len() {
            let (got, sent) = (rows.len(), statements.len());
            return Err(SendError::Unknown(format!("D1 answered {got} results to {sent} statements")));
        }
        self.metrics.rows_written.add(rows.iter().map(|rows| rows.meta.rows_written as usize).sum());
        Ok(rows)
    }

    /// Sends a batch that does no harm when it is applied twice, again and again until an answer or the deadline.
    pub fn send_idempotent(&self, statements: &[Statement]) -> Result<Vec<Rows>, SendError> {
        self.patiently(|| self.send(statements))
    }

    /// Sends a batch again while D1 has certainly not taken it. When it may have, that is the error.
    pub fn send_once(&self, statements: &[Statement]) -> Result<Vec<Rows>, SendError> {
        let mut unknown = None;
        let done = self.patiently(|| match self.send(statements) {
            // Not an error of this attempt: it must not be repeated.
            Err(SendError::Unknown(reason)) => {
                unknown = Some(reason);
                Ok(Vec::new())
            }
            other => other,
        })?;
        match unknown {
            Some(reason) => Err(SendError::Unknown(reason)),
            None => Ok(done),
        }
    }

    pub(super) fn patiently<T>(&self, mut attempt: impl FnMut() -> Result<T, SendError>) -> Result<T, SendError> {
        self.until(&mut Patience::new(self.timeout), |_| attempt())
    }

    /// Tries again and again until an answer, or the end of the patience; `attempt` gets the time for its answer.
    pub(crate) fn until<T>(
        &self,
        patience: &mut Patience,
        mut attempt: impl FnMut(Duration) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        loop {
            match attempt(patience.answer_time()) {
                Ok(done) => return Ok(done),
                Err(error) => {
                    if !patience.wait_after(&error) {
                        return Err(self.gave_up(error));
                    }
                    self.metrics.retries.add(1);
                }
            }
        }
    }

    /// The last failure, with how long this client has tried.
    pub(crate) fn gave_up(&self, error: SendError) -> SendError {
        let after = |reason| format!("gave up after {:?} (LITEFLARE_TIMEOUT): {reason}", self.timeout);
        match error {
            SendError::Refused(refusal) => SendError::Refused(refusal),
            SendError::NotApplied { reason, retry_after } => {
                SendError::NotApplied { reason: after(reason), retry_after }
            }
            SendError::Unknown(reason) => SendError::Unknown(after(reason)),
        }
    }

    /// How long one answer may take. Half of the patience: a connection that hangs must leave time to ask what became of the batch.
    pub(super) fn answer_time(&self) -> Duration {
        self.timeout / 2
    }

    /// The URL that takes statements.
    pub(super) fn raw_url(&self) -> String {
        format!("{}/{}/raw", self.account_url, self.database)
    }

    /// A request that is about to be sent, counted.
    pub(super) fn prepare(
        &self,
        method: reqwest::Method,
        url: &str,
        body: String,
    ) -> Result<(Arc<Runtime>, reqwest::RequestBuilder), SendError> {
        let runtime = Runtime::current().map_err(|error| not_sent(error.to_string()))?;
        self.metrics.d1_requests.add(1);
        self.metrics.d1_bytes_sent.add(body.len());
        let request = runtime
            .http
            .request(method, url)
            .bearer_auth(self.token.reveal())
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body);
        Ok((runtime, request))
    }

    fn request<T: DeserializeOwned>(
        &self,
        method: reqwest::Method,
        url: &str,
        body: String,
        time: Duration,
    ) -> Result<T, SendError> {
        let (runtime, request) = self.prepare(method, url, body)?;
        let request = request.timeout(time);
        let exchange = async move {
            let response = request.send().await?;
            let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
            Ok::<_, reqwest::Error>((status, retry_after, response.bytes().await?))
        };
        match runtime.wait(exchange) {
            None => Err(interrupted()),
            Some(Err(error)) => Err(no_answer(&error)),
            Some(Ok((status, retry_after, body))) => {
                self.metrics.d1_bytes_received.add(body.len());
                answer(status, retry_after, &body)
            }
        }
    }
}

fn not_sent(reason: String) -> SendError {
    SendError::NotApplied { reason, retry_after: None }
}

pub(super) fn interrupted() -> SendError {
    SendError::Unknown("the request was interrupted".into())
}

pub(super) fn no_answer(error: &reqwest::Error) -> SendError {
    if error.is_connect() {
        return not_sent(format!("D1 cannot be reached: {}", chain(error)));
    }
    SendError::Unknown(format!("no answer from D1: {}", chain(error)))
}

pub(super) fn answer<T: DeserializeOwned>(
    status: u16,
    retry_after: Option<Duration>,
    body: &[u8],
) -> Result<T, SendError> {
    if status == 429 {
        return Err(SendError::NotApplied { reason: "D1's rate limit is reached (HTTP 429)".into(), retry_after });
    }
    let envelope: Envelope<'_> = match serde_json::from_slice(body) {
        Ok(envelope) => envelope,
        Err(error) => return Err(SendError::Unknown(format!("HTTP {status} without D1's JSON: {error}"))),
    };
    if envelope.success {
        let result = envelope.result.ok_or_else(|| SendError::Unknown("D1 answered without a result".into()))?;
        return serde_json::from_str(result.get())
            .map_err(|error| SendError::Unknown(format!("D1's answer cannot be understood: {error}")));
    }
    let (code, message) = envelope.errors.into_iter().next().map_or((0, String::new()), |e| (e.code, e.message));
    if status >= 500 || is_transient(&message) {
        return Err(SendError::Unknown(format!("D1 failed: {message} (HTTP {status})")));
    }
    Err(Refusal { status, code, message: with_advice(status, message) }.into())
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

fn with_advice(status: u16, message: String) -> String {
    match status {
        401 | 403 => {
            format!("{message}: check CLOUDFLARE_API_TOKEN (it must be allowed to edit D1) and CLOUDFLARE_ACCOUNT_ID")
        }
        404 => format!("{message}: check LITEFLARE_D1_DATABASE, CLOUDFLARE_ACCOUNT_ID and LITEFLARE_D1_API"),
        _ => message,
    }
}

pub(super) fn retry_after(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(reqwest::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn percent(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// How long to go on trying: waits grow from 50 ms to 5 s, with jitter, until the deadline.
pub struct Patience {
    timeout: Duration,
    deadline: Instant,
    waits: backon::ExponentialBackoff,
}

impl Patience {
    /// Patience for `timeout` from now on.
    pub fn new(timeout: Duration) -> Patience {
        let waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_secs(5))
            .without_max_times()
            .with_jitter()
            .build();
        Patience { timeout, deadline: Instant::now() + timeout, waits }
    }

    /// How long the next answer may take: half of what is left, so that there is time to ask what became of a request that hangs.
    pub fn answer_time(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()) / 2
    }

    /// Waits before the next attempt. `false`: another attempt is no use, or would come after the deadline.
    pub fn wait_after(&mut self, error: &SendError) -> bool {
        let asked = match error {
            SendError::Refused(_) => return false,
            SendError::NotApplied { retry_after, .. } => *retry_after,
            SendError::Unknown(_) => None,
        };
        let wait = self.waits.next().unwrap_or(Duration::from_secs(5)).max(asked.unwrap_or_default());
        // A request that has hardly any time for its answer would only leave a doubt behind.
        let in_time = Instant::now() + wait + self.timeout / 10 < self.deadline;
        if in_time {
            std::thread::sleep(wait);
        }
        in_time
    }
}
