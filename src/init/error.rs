//! Why `liteflare init` did nothing, or not all.

use std::path::PathBuf;

use crate::cloudflare::{ApiError, BUCKET_NAME, advice};
use crate::config::SettingError;
use crate::r2;

/// Why nothing, or not all, was done.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The API refused, or could not be reached.
    #[error("{what}: {error}{}{advice}", if .advice.is_empty() { "" } else { ": " })]
    Api {
        /// What was asked for.
        what: String,
        /// What came back.
        error: ApiError,
        /// What to do; may be empty.
        advice: &'static str,
    },
    /// The token sees no account, or several.
    #[error("{0}: give the account with --account ID or CLOUDFLARE_ACCOUNT_ID")]
    WhichAccount(String),
    /// The bucket cannot be asked for.
    #[error(transparent)]
    Bucket(#[from] r2::Error),
    /// This API only serves what is there.
    #[error("there is no {what}, and the API at {api} makes none: {advice}")]
    CannotMake {
        /// Which thing.
        what: String,
        /// The API's base.
        api: String,
        /// What to do.
        advice: &'static str,
    },
    /// The file says something else.
    #[error("{path} says something else about {keys}: nothing was changed; --force replaces these and keeps the rest", path = .path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The keys.
        keys: String,
    },
    /// The file cannot be written.
    #[error("{path} cannot be written: {source}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl InitError {
    /// The API refused something about the D1 database `name`.
    pub(super) fn about_d1(name: &str, error: ApiError) -> InitError {
        let advice = match error.status() {
            Some(status) => advice::about_d1(status).brief,
            None => advice::NO_API,
        };
        InitError::Api { what: format!("the D1 database {name:?}"), error, advice }
    }

    /// The API refused something about the bucket `name`.
    pub(super) fn about_r2(name: &str, error: ApiError) -> InitError {
        let advice = match error.code() {
            Some(10042) => "subscribe to R2 in the dashboard, or keep files local with --no-bucket",
            _ if error.is_forbidden() => {
                "the token must be allowed to edit Workers R2 Storage; --no-bucket keeps files local"
            }
            Some(10005) => BUCKET_NAME,
            _ => "",
        };
        InitError::Api { what: format!("the R2 bucket {name:?}"), error, advice }
    }

    /// The API does not say which accounts there are.
    pub(super) fn about_accounts(error: ApiError) -> InitError {
        let advice = if error.is_no_route() {
            "this API knows no accounts; give one with --account ID (a gateway takes any)"
        } else {
            "check CLOUDFLARE_API_TOKEN, or give the account with --account ID"
        };
        InitError::Api { what: "looking for the account".into(), error, advice }
    }
}
