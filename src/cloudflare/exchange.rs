//! One request to Cloudflare's API, and its answer in the envelope that all of them come in.
//! In: a URL's parts, a token, a body. Out: the result, or a refusal in Cloudflare's own words. What an answer that is neither means
//! its caller knows: a query may have been carried out.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::body::{Oversized, bounded};
use super::redirect::redirect;
use crate::config::Access;
use crate::retry::retry_after;
use crate::runtime::Runtime;

/// What the API said no to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (code {code}, HTTP {status})")]
pub struct Refusal {
    /// HTTP's status.
    pub status: u16,
    /// Cloudflare's error code; 7500 for SQL errors, 10000 for a wrong token, 7404 for an unknown database.
    pub code: i64,
    /// Cloudflare's own words.
    pub message: String,
}

/// The URL of `path` below `base`. An error says what is wrong with `base`.
pub(crate) fn url(base: &str, path: &[&str], query: &[(&str, &str)]) -> Result<Url, String> {
    let mut url = Url::parse(base).map_err(|error| error.to_string())?;
    url.path_segments_mut().map_err(|()| "no base of a URL".to_owned())?.pop_if_empty().extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// A request to a URL of the API, with its token and a JSON text as its body.
pub(crate) fn request(
    runtime: &Runtime,
    method: Method,
    url: Url,
    api: &Access,
    body: Option<String>,
) -> RequestBuilder {
    let request = runtime.http.request(method, url).bearer_auth(api.secret().reveal());
    match body {
        Some(body) => request.header(reqwest::header::CONTENT_TYPE, "application/json").body(body),
        None => request,
    }
}

/// Sends a request and waits for all of the answer. `expected`: how much there may be of it.
pub(crate) async fn exchange(request: RequestBuilder, expected: Oversized) -> reqwest::Result<Reply> {
    Reply::read(request.send().await?, expected).await
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// How long the API asks to wait.
    pub(crate) retry_after: Option<Duration>,
    /// The number under which Cloudflare's network knows this answer.
    pub(crate) ray: Option<String>,
    /// That it sends us elsewhere.
    pub(crate) redirect: Option<String>,
    pub(crate) body: Result<Bytes, Oversized>,
}

/// A Ray ID has 16 digits and three letters of an airport; what is in front of a gateway may say anything.
const RAY_CHARS: usize = 32;

/// Why an answer has no result.
pub(crate) enum NoResult {
    /// The API said no.
    Refused(Refusal),
    /// It has more bytes than it can have.
    Oversized(Oversized),
    /// It is not Cloudflare's JSON.
    Foreign(serde_json::Error),
    /// It is, and says yes to something, but without a result.
    Empty(serde_json::Error),
    /// The result is none of this question's.
    Misfit(serde_json::Error),
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(default)]
    success: bool,
    #[serde(default)]
    errors: Option<Vec<Problem>>,
    /// Left as it came: what it must be depends on the question, and an answer with rows may have megabytes.
    #[serde(default, borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: Option<String>,
}

impl Reply {
    /// All of an answer. `expected`: how much there may be of it.
    pub(crate) async fn read(response: Response, expected: Oversized) -> reqwest::Result<Reply> {
        let (status, head) = (response.status(), response.headers());
        let (retry_after, redirect) = (retry_after(head), redirect(status, head));
        let ray = head.get("cf-ray").and_then(|ray| ray.to_str().ok()).map(|ray| ray.chars().take(RAY_CHARS).collect());
        Ok(Reply { status: status.as_u16(), retry_after, ray, redirect, body: bounded(response, expected).await? })
    }

    /// The result in the envelope.
    pub(crate) fn result<T: DeserializeOwned>(&self) -> Result<T, NoResult> {
        // Whoever redirects is not the API, and has not passed the request on.
        if let Some(message) = self.redirect.clone() {
            return Err(NoResult::Refused(Refusal { status: self.status, code: 0, message }));
        }
        let body = self.body.as_ref().map_err(|oversized| NoResult::Oversized(*oversized))?;
        let fields: Fields<'_> = serde_json::from_slice(body).map_err(NoResult::Foreign)?;
        if !fields.success {
            let problem = fields.errors.into_iter().flatten().next();
            let (code, message) = problem.map_or((0, None), |problem| (problem.code, problem.message));
            let message = message.unwrap_or_else(|| "no reason given".to_owned());
            return Err(NoResult::Refused(Refusal { status: self.status, code, message }));
        }
        match fields.result {
            Some(result) => serde_json::from_str(result.get()).map_err(NoResult::Misfit),
            None => serde_json::from_str("null").map_err(NoResult::Empty),
        }
    }
}

/// An error and what it was caused by, outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_url_stay_apart() {
        let url = |path: &[&str], query: &[(&str, &str)]| {
            url("https://gateway.example/client/v4", path, query).unwrap().to_string()
        };
        assert_eq!(url(&["accounts", "a b", "x/y?"], &[]), "https://gateway.example/client/v4/accounts/a%20b/x%2Fy%3F");
        let name = "ümläut & more=100%";
        let asked = Url::parse(&url(&["database"], &[("name", name)])).unwrap();
        assert_eq!(asked.query_pairs().collect::<Vec<_>>(), [("name".into(), name.into())]);
        assert!(super::url("nowhere", &[], &[]).is_err());
    }

    #[test]
    fn an_answer_is_a_result_a_refusal_or_neither() {
        let result = |body: &'static str| {
            Reply { status: 200, retry_after: None, ray: None, redirect: None, body: Ok(body.into()) }
                .result::<Vec<u32>>()
        };
        assert!(matches!(result(r#"{"success":true,"result":[1]}"#), Ok(numbers) if numbers == [1]));
        assert!(matches!(result(r#"{"success":true,"result":null}"#), Err(NoResult::Empty(_))));
        assert!(matches!(result(r#"{"success":true,"result":{}}"#), Err(NoResult::Misfit(_))));
        assert!(matches!(result("<html>"), Err(NoResult::Foreign(_))));
        assert!(result(r#"{"success":true,"errors":null,"messages":null,"result":[1]}"#).is_ok());
        let silent = result(r#"{"success":false,"errors":null,"result":null}"#);
        assert!(matches!(silent, Err(NoResult::Refused(refusal)) if refusal.message == "no reason given"));
        let refused = result(r#"{"success":false,"errors":[{"code":7,"message":"no"},{"code":8}]}"#);
        assert!(matches!(refused, Err(NoResult::Refused(refusal)) if refusal.to_string() == "no (code 7, HTTP 200)"));
    }
}
