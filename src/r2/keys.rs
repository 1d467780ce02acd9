//! The S3 key pair: given, or the one that belongs to the API token.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::error::Error;
use crate::cloudflare::{Api, ApiError, Refusal};
use crate::config::{Access, R2Keys, Secret, SettingError, table};

/// What signs requests.
pub(super) struct Pair {
    pub(super) id: String,
    pub(super) secret: Secret,
}

impl Pair {
    /// A token's pair costs a request: R2 wants the token's id, which only the API tells.
    pub(super) async fn find(keys: R2Keys, timeout: Duration) -> Result<Pair, Error> {
        match keys {
            R2Keys::Given { id, bucket } => Ok(Pair { id, secret: bucket.secret().clone() }),
            R2Keys::OfToken { bucket, api, account } => {
                let id = token_id(&api, account.as_deref(), timeout).await?;
                let secret = Secret::new(hex::encode(Sha256::digest(bucket.secret().reveal())));
                Ok(Pair { id, secret })
            }
        }
    }
}

async fn token_id(api: &Access, account: Option<&str>, timeout: Duration) -> Result<String, Error> {
    let what = "tell the id of CLOUDFLARE_API_TOKEN".to_owned();
    match Api::new(api, timeout).verify_async(account).await {
        Ok(token) => Ok(token.id),
        // A gateway, whose token is none of Cloudflare's.
        Err(error) if error.is_no_route() => Err(Error::Setting(SettingError::Missing {
            name: table::KEY_ID.name,
            key: table::KEY_ID.key,
            hint: "the API at LITEFLARE_D1_API does not tell which R2 key belongs to the token (a gateway), so give one and its secret",
        })),
        Err(ApiError::Refused(Refusal { status, code, message })) => {
            let answer = Answer { status, code: code.to_string(), message, retry_after: None };
            Err(Error::Refused { what, answer })
        }
        Err(error) => Err(Error::Unreachable { what, waited: timeout, reason: error.to_string() }),
    }
}
