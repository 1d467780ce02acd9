//! What the API tells and does beside D1's queries: what a token is, which accounts it sees, databases and buckets.
//! In: the API's endpoint, with its token. Out: results, or a refusal in Cloudflare's own words. Nothing is tried twice: people run these commands.

use std::time::Duration;

use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::body::Oversized;
use super::exchange::{NoResult, Refusal, causes, exchange, request, url};
use crate::config::Access;
use crate::runtime::Runtime;

/// Why a request has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The API answered no.
    #[error(transparent)]
    Refused(#[from] Refusal),
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
    fn refusal(&self) -> Option<&Refusal> {
        match self {
            ApiError::Refused(refusal) => Some(refusal),
            ApiError::Unreachable { .. } => None,
        }
    }

    /// HTTP's status, when the API answered no.
    pub fn status(&self) -> Option<u16> {
        self.refusal().map(|refusal| refusal.status)
    }

    /// Cloudflare's code, when the API answered no.
    pub fn code(&self) -> Option<i64> {
        self.refusal().map(|refusal| refusal.code)
    }

    /// Whether there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404) && !self.is_no_route()
    }

    /// Whether the API has no such request at all: a gateway serves the queries of D1 only.
    pub fn is_no_route(&self) -> bool {
        matches!((self.status(), self.code()), (Some(404), Some(7003 | 7000)) | (Some(405), _))
    }

    /// Whether the thing that was to be made is there already: a database (7502), a bucket (10004, 10073).
    pub fn is_taken(&self) -> bool {
        matches!(self.code(), Some(7502 | 10004 | 10073))
    }

    /// Whether the token is not accepted, or not for this.
    pub fn is_forbidden(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
    }
}

/// An answer tells of a token, a database or a bucket, or lists as many of them as stand on a page.
const EXPECTED: Oversized = Oversized { most: 4 << 20, what: "an answer about accounts, databases and buckets" };

/// What a bucket's name must be: R2's documentation, error 10005.
pub const BUCKET_NAME: &str = "3 to 63 small letters, digits and hyphens, the latter not at an end";

/// Whether a bucket may have this name.
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

impl Database {
    /// Which of those that the API lists for a name has it: it may list others, too.
    pub(crate) fn named(databases: Vec<Database>, name: &str) -> Option<Database> {
        databases.into_iter().find(|database| database.name == name)
    }
}

/// Cloudflare's API, used with one token.
#[derive(Clone, Debug)]
pub struct Api {
    access: Access,
    timeout: Duration,
}

impl Api {
    /// The API at an endpoint.
    pub fn new(access: &Access, timeout: Duration) -> Api {
        Api { access: access.clone(), timeout }
    }

    /// What the token is. Tokens of a user and of an account are known at different places.
    pub fn verify(&self, account: Option<&str>) -> Result<Token, ApiError> {
        let (api, account) = (self.clone(), account.map(str::to_owned));
        self.wait(async move { api.verify_async(account.as_deref()).await })
    }

    /// The same, on the background thread.
    pub async fn verify_async(&self, account: Option<&str>) -> Result<Token, ApiError> {
        let of_user = self.verify_at(&["user", "tokens", "verify"]).await;
        match (&of_user, account) {
            (Err(error), Some(account)) if error.is_forbidden() => {
                self.verify_at(&["accounts", account, "tokens", "verify"]).await.or(of_user)
            }
            _ => of_user,
        }
    }

    async fn verify_at(&self, path: &[&str]) -> Result<Token, ApiError> {
        self.ask(Method::GET, self.url(path, &[])?, None).await
    }

    /// The accounts that the token sees; of many, the first 50.
    pub fn accounts(&self) -> Result<Vec<Account>, ApiError> {
        self.get(&["accounts"], &[("per_page", "50")])
    }

    /// The database with this name or UUID.
    pub fn find_database(&self, account: &str, name: &str) -> Result<Option<Database>, ApiError> {
        if uuid::Uuid::parse_str(name).is_ok() {
            return found(self.get(&["accounts", account, "d1", "database", name], &[]));
        }
        let databases = self.get(&["accounts", account, "d1", "database"], &[("name", name)])?;
        Ok(Database::named(databases, name))
    }

    /// Makes a database. `location`: where its writes happen; Cloudflare chooses when there is none.
    pub fn create_database(&self, account: &str, name: &str, location: Option<&str>) -> Result<Database, ApiError> {
        let mut body = json!({ "name": name });
        if let Some(location) = location {
            body["primary_location_hint"] = location.into();
        }
        self.post(&["accounts", account, "d1", "database"], &body)
    }

    /// Whether there is a bucket of this name.
    pub fn has_bucket(&self, account: &str, name: &str) -> Result<bool, ApiError> {
        let answer: Result<Json, ApiError> = self.get(&["accounts", account, "r2", "buckets", name], &[]);
        Ok(found(answer)?.is_some())
    }

    /// Makes a bucket.
    pub fn create_bucket(&self, account: &str, name: &str, location: Option<&str>) -> Result<(), ApiError> {
        let mut body = json!({ "name": name });
        if let Some(location) = location {
            body["locationHint"] = location.into();
        }
        self.post(&["accounts", account, "r2", "buckets"], &body).map(|_: Json| ())
    }

    fn get<T: DeserializeOwned + Send + 'static>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, ApiError> {
        let (api, url) = (self.clone(), self.url(path, query)?);
        self.wait(async move { api.ask(Method::GET, url, None).await })
    }

    fn post<T: DeserializeOwned + Send + 'static>(&self, path: &[&str], body: &Json) -> Result<T, ApiError> {
        let (api, url, body) = (self.clone(), self.url(path, &[])?, body.to_string());
        self.wait(async move { api.ask(Method::POST, url, Some(body)).await })
    }

    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, ApiError> {
        url(self.access.endpoint(), path, query).map_err(|error| self.unreachable(error))
    }

    fn wait<T, F>(&self, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let runtime = Runtime::current().map_err(|error| self.unreachable(error.to_string()))?;
        runtime.wait(work).unwrap_or_else(|| Err(self.unreachable("the request was interrupted".into())))
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, url: Url, body: Option<String>) -> Result<T, ApiError> {
        let runtime = Runtime::current().map_err(|error| self.unreachable(error.to_string()))?;
        let request = request(&runtime, method, url, &self.access, body).timeout(self.timeout);
        let reply = exchange(request, EXPECTED).await.map_err(|error| self.unreachable(why(error)))?;
        reply.result().map_err(|no_result| match no_result {
            NoResult::Refused(refusal) => refusal.into(),
            NoResult::Oversized(oversized) => self.unreachable(oversized.to_string()),
            NoResult::Foreign(_) => {
                self.unreachable(format!("it answers HTTP {} without Cloudflare's JSON", reply.status))
            }
            NoResult::Empty(error) | NoResult::Misfit(error) => {
                self.unreachable(format!("its answer cannot be understood: {error}"))
            }
        })
    }

    fn unreachable(&self, reason: String) -> ApiError {
        ApiError::Unreachable { base: self.access.endpoint().to_owned(), reason }
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
    if error.is_timeout() {
        return "no answer in time".into();
    }
    causes(&error.without_url()).last().map(ToString::to_string).unwrap_or_default()
}
