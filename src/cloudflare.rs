//! Cloudflare's API beside D1's queries: what a token is, which accounts it sees, databases and buckets.
//! In: a base URL and a token. Out: results, or a refusal in Cloudflare's own words. Nothing is tried twice: people run these commands.

use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::config::Secret;
use crate::runtime::Runtime;

/// Why a request has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The API answered no.
    #[error("{message} (code {code}, HTTP {status})")]
    Refused {
        /// HTTP's status.
        status: u16,
        /// Cloudflare's code.
        code: i64,
        /// Cloudflare's words.
        message: String,
    },
    /// There was no usable answer.
    #[error("{base} cannot be reached: {reason}")]
    Unreachable {
        /// The base URL.
        base: String,
        /// What happened.
        reason: String,
    },
}

impl ApiError {
    /// Whether there is no such thing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ApiError::Refused { status: 404, .. }) && !self.is_no_route()
    }

    /// Whether the API has no such request at all: a gateway serves the queries of D1 only.
    pub fn is_no_route(&self) -> bool {
        matches!(self, ApiError::Refused { status: 404, code: 7003 | 7000, .. } | ApiError::Refused { status: 405, .. })
    }

    /// Whether the thing that was to be made is there already: a database (7502), a bucket (10004, 10073).
    pub fn is_taken(&self) -> bool {
        matches!(self, ApiError::Refused { code: 7502 | 10004 | 10073, .. })
    }

    /// Whether the token is not accepted, or not for this.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, ApiError::Refused { status: 401 | 403, .. })
    }
}

/// R2's documentation, error 10005: 3 to 63 characters, small letters, digits and hyphens, the latter not at an end.
pub fn is_bucket_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&name.len()) && name.bytes().all(good) && !name.starts_with('-') && !name.ends_with('-')
}

/// What the API tells of a token.
#[derive(Debug, Clone, Deserialize)]
pub struct Token {
    /// Its id, which is also that of its S3 key pair.
    pub id: String,
    /// `active`, `disabled` or `expired`.
    pub status: String,
    /// When it ends, if it does.
    pub expires_on: Option<String>,
}

/// An account that the token sees.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A D1 database.
#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    /// Its UUID.
    pub uuid: String,
    /// Its name.
    pub name: String,
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Vec<Problem>,
    #[serde(default)]
    result: Json,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
}

/// Cloudflare's API, used with one token.
#[derive(Clone, Debug)]
pub struct Api {
    base: String,
    token: Secret,
    timeout: Duration,
}

impl Api {
    /// The API at `base`.
    pub fn new(base: &str, token: &Secret, timeout: Duration) -> Api {
        Api { base: base.to_owned(), token: token.clone(), timeout }
    }

    /// What the token is. Tokens of a user and of an account are known at different places.
    pub fn verify(&self, account: Option<&str>) -> Result<Token, ApiError> {
        let (api, account) = (self.clone(), account.map(str::to_owned));
        self.wait(async move { api.verify_async(account.as_deref()).await })
    }

    /// The same, on the background thread.
    pub async fn verify_async(&self, account: Option<&str>) -> Result<Token, ApiError> {
        let of_user = self.ask(Method::GET, "/user/tokens/verify", None).await;
        match (&of_user, account) {
            (Err(error), Some(account)) if error.is_forbidden() => {
                let of_account = self.ask(Method::GET, &format!("/accounts/{account}/tokens/verify"), None).await;
                of_account.or(of_user)
            }
            _ => of_user,
        }
    }

    /// The accounts that the token sees; of many, the first 50.
    pub fn accounts(&self) -> Result<Vec<Account>, ApiError> {
        self.get("/accounts?per_page=50")
    }

    /// The database with this name or UUID.
    pub fn find_database(&self, account: &str, name: &str) -> Result<Option<Database>, ApiError> {
        let base = format!("/accounts/{account}/d1/database");
        if uuid::Uuid::parse_str(name).is_ok() {
            return found(self.get(&format!("{base}/{name}")));
        }
        let databases: Vec<Database> = self.get(&format!("{base}?name={}", percent(name)))?;
        Ok(databases.into_iter().find(|database| database.name == name))
    }

    /// Makes a database. `location`: where its writes happen; Cloudflare chooses when there is none.
    pub fn create_database(&self, account: &str, name: &str, location: Option<&str>) -> Result<Database, ApiError> {
        let mut body = json!({ "name": name });
        if let Some(location) = location {
            body["primary_location_hint"] = location.into();
        }
        self.post(&format!("/accounts/{account}/d1/database"), body)
    }

    /// Whether there is a bucket of this name.
    pub fn has_bucket(&self, account: &str, name: &str) -> Result<bool, ApiError> {
        let answer: Result<Json, ApiError> = self.get(&format!("/accounts/{account}/r2/buckets/{}", percent(name)));
        Ok(found(answer)?.is_some())
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, account: &str, name: &str, location: Option<&str>) -> Result<(), ApiError> {
        let mut body = json!({ "name": name });
        if let Some(location) = location {
            body["locationHint"] = location.into();
        }
        self.post(&format!("/accounts/{account}/r2/buckets"), body).map(|_: Json| ())
    }

    fn get<T: DeserializeOwned + Send + 'static>(&self, path: &str) -> Result<T, ApiError> {
        let (api, path) = (self.clone(), path.to_owned());
        self.wait(async move { api.ask(Method::GET, &path, None).await })
    }

    fn post<T: DeserializeOwned + Send + 'static>(&self, path: &str, body: Json) -> Result<T, ApiError> {
        let (api, path) = (self.clone(), path.to_owned());
        self.wait(async move { api.ask(Method::POST, &path, Some(body)).await })
    }

    fn wait<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let runtime = Runtime::current().map_err(|error| self.unreachable(error.to_string()))?;
        runtime.wait(work).unwrap_or_else(|| Err(self.unreachable("the request was interrupted".into())))
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<Json>) -> Result<T, ApiError> {
        let runtime = Runtime::current().map_err(|error| self.unreachable(error.to_string()))?;
        let mut request = runtime.http.request(method, format!("{}{path}", self.base));
        request = request.bearer_auth(self.token.reveal()).timeout(self.timeout);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|error| self.unreachable(why(error)))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| self.unreachable(why(error)))?;
        let not_json = |_| self.unreachable(format!("it answers HTTP {status} without Cloudflare's JSON"));
        let envelope: Envelope = serde_json::from_slice(&body).map_err(not_json)?;
        if !envelope.success {
            let problem = envelope.errors.into_iter().next();
            let (code, message) = problem.map_or((0, "no reason given".into()), |p| (p.code, p.message));
            return Err(ApiError::Refused { status, code, message });
        }
        let misunderstood = |error| self.unreachable(format!("its answer cannot be understood: {error}"));
        serde_json::from_value(envelope.result).map_err(misunderstood)
    }

    fn unreachable(&self, reason: String) -> ApiError {
        ApiError::Unreachable { base: self.base.clone(), reason }
    }
}

fn found<T>(answer: Result<T, ApiError>) -> Result<Option<T>, ApiError> {
    match answer {
        Err(error) if error.is_not_found() => Ok(None),
        answer => answer.map(Some),
    }
}

/// The innermost reason: "Connection refused" rather than "error sending request".
fn why(error: reqwest::Error) -> String {
    let error = error.without_url();
    let is_timeout = error.is_timeout();
    let chain = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let last = chain.last().map(ToString::to_string).unwrap_or_default();
    if is_timeout { "no answer in time".into() } else { last }
}

fn percent(text: &str) -> String {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if safe(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
