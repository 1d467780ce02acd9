//! Sends batches to D1's query API, one HTTP request each.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Url};
use serde::de::DeserializeOwned;

use super::answer::{SendError, StatementResult, result};
use super::bounds;
use super::statement::Statement;
use crate::cloudflare::{Database, Oversized, Refusal, Reply, exchange, request, url};
use crate::config::{Access, Settings};
use crate::metrics::Metrics;
use crate::retry::Retry;
use crate::runtime::Runtime;

/// One D1 database behind the query API.
#[derive(Debug)]
pub struct Client {
    /// Takes statements.
    url: Url,
    api: Access,
    /// How long a caller waits for one operation, retries included.
    pub timeout: Duration,
    /// What this client counts.
    pub metrics: Arc<Metrics>,
}

impl Client {
    /// A client for the settings' database. A name is looked up, which costs a request; a UUID costs none.
    pub fn connect(settings: &Settings, metrics: Arc<Metrics>) -> Result<Client, SendError> {
        let url = |path: &[&str], query: &[(&str, &str)]| {
            let path = [&["accounts", &settings.account, "d1", "database"][..], path].concat();
            url(settings.api.endpoint(), &path, query).map_err(SendError::not_sent)
        };
        let (api, timeout) = (settings.api.clone(), settings.timeout);
        let mut client = Client { url: url(&[&settings.database, "raw"], &[])?, api, timeout, metrics };
        if uuid::Uuid::parse_str(&settings.database).is_err() {
            let named = client.look_up(&settings.database, url(&[], &[("name", &settings.database)])?)?;
            client.url = url(&[&named.uuid, "raw"], &[])?;
        }
        Ok(client)
    }

    fn look_up(&self, name: &str, url: Url) -> Result<Database, SendError> {
        let databases = self.retrying(|| self.request(Method::GET, &url, None, self.answer_time(), bounds::LISTING))?;
        let unknown = || Refusal {
            status: 404,
            code: 7404,
            message: format!("there is no D1 database named {name:?} in this account: check LITEFLARE_D1_DATABASE"),
        };
        Database::named(databases, name).ok_or_else(|| unknown().into())
    }

    /// Sends `statements` as one atomic batch, once.
    pub fn send(&self, statements: &[Statement]) -> Result<Vec<StatementResult>, SendError> {
        self.send_within(statements, self.answer_time())
    }

    /// The same, with so much time for the answer.
    pub(crate) fn send_within(
        &self,
        statements: &[Statement],
        time: Duration,
    ) -> Result<Vec<StatementResult>, SendError> {
        let body = serde_json::json!({ "batch": statements }).to_string();
        let expected = bounds::of(statements);
        let rows: Vec<StatementResult> = self.request(Method::POST, &self.url, Some(body), time, expected)?;
        if rows.len() != statements.len() {
            let (got, sent) = (rows.len(), statements.len());
            return Err(SendError::Unknown(format!("D1 answered {got} results to {sent} statements")));
        }
        StatementResult::all_good(&rows)?;
        if !rows.iter().all(|rows| rows.results.is_even()) {
            return Err(SendError::Unknown("D1 answered with rows that have other columns than it names".into()));
        }
        let written = rows.iter().map(|rows| rows.meta.rows_written).fold(0, u64::saturating_add);
        self.metrics.rows_written.add(usize::try_from(written).unwrap_or(usize::MAX));
        Ok(rows)
    }

    /// Sends a batch that does no harm when it is applied twice, again and again until an answer or the deadline.
    pub fn send_idempotent(&self, statements: &[Statement]) -> Result<Vec<StatementResult>, SendError> {
        self.retrying(|| self.send(statements))
    }

    /// Sends a batch again while D1 has certainly not taken it. When it may have, that is the error.
    pub fn send_once(&self, statements: &[Statement]) -> Result<Vec<StatementResult>, SendError> {
        let mut unknown = None;
        let done = self.retrying(|| match self.send(statements) {
            // Not an error of this attempt: it must not be repeated.
            Err(error @ (SendError::Unknown(_) | SendError::Oversized(_))) => {
                unknown = Some(error);
                Ok(Vec::new())
            }
            other => other,
        })?;
        match unknown {
            Some(error) => Err(error),
            None => Ok(done),
        }
    }

    /// Attempts that end after the timeout. One that has hardly any time for its answer would only leave a doubt behind.
    pub(crate) fn retry(&self) -> Retry {
        Retry::until(Instant::now() + self.timeout).reserving(self.timeout / 10)
    }

    pub(super) fn retrying<T>(&self, mut attempt: impl FnMut() -> Result<T, SendError>) -> Result<T, SendError> {
        self.until(&mut self.retry(), |_| attempt())
    }

    /// Tries again and again until an answer, or the end of `retry`; `attempt` gets the time for its answer.
    pub(crate) fn until<T>(
        &self,
        retry: &mut Retry,
        mut attempt: impl FnMut(Duration) -> Result<T, SendError>,
    ) -> Result<T, SendError> {
        loop {
            let error = match attempt(retry.answer_time()) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if !retry.wait_after(&error) {
                return Err(error.given_up(self.timeout));
            }
            self.metrics.retries.add(1);
        }
    }

    /// How long one answer may take: half of the timeout, so that a connection that hangs leaves time to ask what became of the batch.
    pub(super) fn answer_time(&self) -> Duration {
        self.timeout / 2
    }

    /// A request with these statements, counted as sent.
    pub(super) fn query(&self, body: String) -> Result<(Arc<Runtime>, RequestBuilder), SendError> {
        self.prepare(Method::POST, &self.url, Some(body))
    }

    fn prepare(
        &self,
        method: Method,
        url: &Url,
        body: Option<String>,
    ) -> Result<(Arc<Runtime>, RequestBuilder), SendError> {
        let runtime = Runtime::current().map_err(|error| SendError::not_sent(error.to_string()))?;
        self.metrics.d1_requests.add(1);
        self.metrics.d1_bytes_sent.add(body.as_ref().map_or(0, String::len));
        let request = request(&runtime, method, url.clone(), &self.api, body);
        Ok((runtime, request))
    }

    fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        url: &Url,
        body: Option<String>,
        time: Duration,
        expected: Oversized,
    ) -> Result<T, SendError> {
        let (runtime, request) = self.prepare(method, url, body)?;
        let reply = runtime.wait(exchange(request.timeout(time), expected)).ok_or_else(SendError::interrupted)?;
        self.read(&reply.map_err(|error| SendError::no_answer(&error))?)
    }

    /// The result in an answer, counted as received.
    pub(super) fn read<T: DeserializeOwned>(&self, reply: &Reply) -> Result<T, SendError> {
        self.metrics.d1_bytes_received.add(reply.body.as_ref().map_or(0, Bytes::len));
        result(reply)
    }
}
