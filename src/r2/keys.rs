//! The S3 key pair: given, or the one that belongs to the API token.

use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Error;
use super::answer::Answer;
use crate::config::{R2Keys, Secret};
use crate::runtime::Runtime;

/// What signs requests.
pub(super) struct Pair {
    pub(super) id: String,
    pub(super) secret: Secret,
}

impl Pair {
    /// A token's pair costs a request: R2 wants the token's id, which only the API tells.
    pub(super) async fn find(keys: R2Keys, timeout: Duration) -> Result<Pair, Error> {
        match keys {
            R2Keys::Given { id, secret } => Ok(Pair { id, secret }),
            R2Keys::OfToken { api, token } => {
                let id = token_id(&api, &token, timeout).await?;
                let secret = Secret::new(hex::encode(Sha256::digest(token.reveal())));
                Ok(Pair { id, secret })
            }
        }
    }
}

#[derive(Deserialize)]
struct Envelope {
    result: Option<Token>,
    #[serde(default)]
    errors: Vec<ApiError>,
}

#[derive(Deserialize)]
struct Token {
    id: String,
}

#[derive(Deserialize)]
struct ApiError {
    code: i64,
    message: String,
}

async fn token_id(api: &str, token: &Secret, timeout: Duration) -> Result<String, Error> {
    let what = "tell the id of CLOUDFLARE_API_TOKEN".to_owned();
    let runtime = Runtime::current().map_err(|error| Error::Thread { reason: error.to_string() })?;
    let request = runtime.http.get(format!("{api}/user/tokens/verify")).bearer_auth(token.reveal()).timeout(timeout);
    let unreachable =
        |error: reqwest::Error| Error::Unreachable { what: what.clone(), waited: timeout, reason: error.to_string() };
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status().as_u16();
    let body = answer.bytes().await.map_err(unreachable)?;
    let envelope: Option<Envelope> = serde_json::from_slice(&body).ok();
    let (token, errors) = envelope.map_or((None, Vec::new()), |envelope| (envelope.result, envelope.errors));
    let error = errors.into_iter().next();
    token.map(|token| token.id).ok_or_else(|| Error::Refused {
        what,
        answer: Answer {
            status,
            code: error.as_ref().map_or_else(|| "no error code".to_owned(), |error| error.code.to_string()),
            message: error.map_or_else(|| "an answer without a token".to_owned(), |error| error.message),
            retry_after: None,
        },
    })
}
