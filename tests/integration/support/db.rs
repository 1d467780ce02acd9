//! Asking a D1 database over its query API.

use std::io;

use liteflare::d1::Statement;
use serde_json::{Value, json};

use super::relay::Relay;
use super::relay::wire::Message;

/// Where a database is and what opens it: the settings a client needs.
#[derive(Clone, Debug)]
pub struct DbRef {
    /// `LITEFLARE_D1_API`.
    pub api: String,
    /// `CLOUDFLARE_ACCOUNT_ID`.
    pub account: String,
    /// `CLOUDFLARE_API_TOKEN`.
    pub token: String,
    /// `LITEFLARE_D1_DATABASE`.
    pub database: String,
}

/// What the API said instead of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct D1Error {
    pub status: u16,
    pub code: u64,
    pub message: String,
}

impl DbRef {
    /// The same database, reached through `relay`.
    pub fn through(&self, relay: &Relay) -> DbRef {
        DbRef { api: relay.api(), ..self.clone() }
    }

    /// The URL of `/raw` or `/query`.
    pub fn url(&self, endpoint: &str) -> String {
        format!("{}/accounts/{}/d1/database/{}/{endpoint}", self.api, self.account, self.database)
    }

    /// Runs one statement on `/raw`; its result with `results` and `meta`.
    pub fn one(&self, statement: &Statement) -> Result<Value, D1Error> {
        let mut results = self.post("raw", serde_json::to_value(statement).expect("a statement is JSON"))?;
        Ok(results.swap_remove(0))
    }

    /// Runs a batch on `/raw`; one result for each statement.
    pub fn batch(&self, statements: &[Statement]) -> Result<Vec<Value>, D1Error> {
        self.post("raw", json!({ "batch": statements }))
    }

    /// The rows of one statement without parameters.
    ///
    /// # Panics
    /// When D1 refuses it.
    pub fn rows(&self, sql: &str) -> Value {
        self.one(&Statement::new(sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"))["results"]["rows"].take()
    }

    /// Sends any body to `/raw` or `/query`.
    ///
    /// # Panics
    /// When no answer comes.
    pub fn post(&self, endpoint: &str, body: Value) -> Result<Vec<Value>, D1Error> {
        self.try_post(endpoint, &body).unwrap_or_else(|error| panic!("POST {endpoint}: {error}"))
    }

    /// As `post`, for a network that may fail.
    pub fn try_post(&self, endpoint: &str, body: &Value) -> io::Result<Result<Vec<Value>, D1Error>> {
        let (status, mut answer) = try_send("POST", &self.url(endpoint), &self.token, body)?;
        Ok(match answer["result"].take() {
            Value::Array(results) if answer["success"] == true => Ok(results),
            _ => Err(D1Error {
                status,
                code: answer["errors"][0]["code"].as_u64().unwrap_or(0),
                message: answer["errors"][0]["message"].as_str().unwrap_or_default().to_owned(),
            }),
        })
    }
}

/// One HTTP request with nothing in between that could hide what came back: the status and the JSON, which is null when there is none.
///
/// # Panics
/// When no answer comes.
pub fn send(method: &str, url: &str, token: &str, body: &Value) -> (u16, Value) {
    try_send(method, url, token, body).unwrap_or_else(|error| panic!("{method} {url}: {error}"))
}

fn try_send(method: &str, url: &str, token: &str, body: &Value) -> io::Result<(u16, Value)> {
    let rest = url.strip_prefix("http://").expect("a test URL");
    let (host, path) = rest.split_once('/').expect("a test URL has a path");
    let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let head =
        format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\n{authorization}Content-Type: application/json\r\n");
    let answer = Message::new(head, body.to_string().into_bytes()).exchange(host)?;
    let status = answer.status().ok_or_else(|| io::Error::other("no status"))?;
    Ok((status, serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
}
