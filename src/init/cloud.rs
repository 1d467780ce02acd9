//! The account, the database and the bucket: found where they are, else made.

use super::error::InitError;
use crate::cloudflare::{Api, Database};
use crate::config::{R2Settings, Source};
use crate::r2;

/// The account in which things are found or made.
pub(super) struct Account<'a> {
    pub(super) api: &'a Api,
    /// The API's base.
    pub(super) base: &'a str,
    pub(super) id: String,
    /// Where new things are made.
    pub(super) location: Option<&'a str>,
}

/// Whether there is a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bucket {
    Present,
    Absent,
    /// There is none, and this API makes none.
    Unmakeable,
}

/// The account of a token that sees only one.
pub(super) fn only_account(api: &Api) -> Result<String, InitError> {
    let accounts = api.accounts().map_err(InitError::about_accounts)?;
    match accounts.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(InitError::WhichAccount("the token sees no account".into())),
        several => {
            let names: Vec<String> =
                several.iter().map(|account| format!("{} ({})", account.id, account.name)).collect();
            Err(InitError::WhichAccount(format!("the token sees several accounts, {}", names.join(", "))))
        }
    }
}

impl Account<'_> {
    pub(super) fn find_database(&self, name: &str) -> Result<Option<Database>, InitError> {
        self.api.find_database(&self.id, name).map_err(|error| InitError::about_d1(name, error))
    }

    pub(super) fn find_bucket(&self, source: &Source, name: &str) -> Result<Bucket, InitError> {
        match self.api.has_bucket(&self.id, name) {
            // A gateway: the S3 API tells.
            Err(error) if error.is_no_route() => {
                let settings = R2Settings::with_bucket(source, name.into())?;
                match r2::Bucket::connect(&settings, std::sync::Arc::default())?.any_below("") {
                    Ok(_) => Ok(Bucket::Present),
                    Err(r2::Error::Refused { answer, .. }) if answer.code == "NoSuchBucket" => Ok(Bucket::Unmakeable),
                    Err(error) => Err(error.into()),
                }
            }
            Ok(true) => Ok(Bucket::Present),
            Ok(false) => Ok(Bucket::Absent),
            Err(error) => Err(InitError::about_r2(name, error)),
        }
    }

    pub(super) fn make_database(&self, name: &str) -> Result<Database, InitError> {
        self.api.create_database(&self.id, name, self.location).map_err(|error| {
            if error.is_no_route() {
                let advice =
                    "a gateway serves the databases bound to it; add it to the gateway's wrangler.jsonc and deploy that";
                return self.cannot_make(format!("D1 database {name:?}"), advice);
            }
            InitError::about_d1(name, error)
        })
    }

    pub(super) fn make_bucket(&self, name: &str, absent: Bucket) -> Result<(), InitError> {
        if absent == Bucket::Unmakeable {
            let advice = "make it with `wrangler r2 bucket create`, or keep files local with --no-bucket";
            return Err(self.cannot_make(format!("R2 bucket {name:?}"), advice));
        }
        match self.api.create_bucket(&self.id, name, self.location) {
            Err(error) if error.is_taken() => Ok(()), // made by another meanwhile
            made => made.map_err(|error| InitError::about_r2(name, error)),
        }
    }

    fn cannot_make(&self, what: String, advice: &'static str) -> InitError {
        InitError::CannotMake { what, api: self.base.into(), advice }
    }
}
