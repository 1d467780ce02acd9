//! The bucket: an object is written, read, listed, protected from being replaced, and deleted.

use std::sync::Arc;

use super::{Check, Tell};
use crate::cloudflare::advice;
use crate::config::R2Settings;
use crate::r2::{Bucket, Error, PutMode};

/// The bucket that works, with the first folder and its prefix.
pub(super) struct Working {
    pub(super) bucket: Bucket,
    pub(super) settings: R2Settings,
}

pub(super) fn check(settings: &R2Settings, tell: Tell<'_>) -> Option<Working> {
    let name = "r2";
    let bucket = match Bucket::connect(settings, Arc::default()) {
        Ok(bucket) => bucket,
        Err(error) => {
            let advice = advice(&error);
            tell(Check::fail(name, error.to_string(), advice));
            return None;
        }
    };
    let prefix = format!(".liteflare-doctor/{}", uuid::Uuid::new_v4().simple());
    let key = format!("{prefix}/object");
    let done = exercise(&bucket, &prefix, &key);
    // Whatever came before: an object that is not there is no error.
    let deleted = bucket.delete(&[&key]);
    let gone = deleted.and_then(|()| match bucket.head(&key) {
        Err(Error::NotFound { .. }) => Ok(true),
        Ok(_) => Ok(false),
        Err(error) => Err(error),
    });
    match (done, gone) {
        (Err(Trouble::Error(error)), _) | (Ok(()), Err(error)) => {
            let advice = advice(&error);
            tell(Check::fail(name, error.to_string(), advice));
            None
        }
        (Err(Trouble::Wrong(what)), _) => {
            tell(Check::fail(name, what, "this endpoint is not R2's, or something in between changes answers"));
            None
        }
        (Ok(()), Ok(false)) => {
            tell(Check::fail(name, format!("{key} is still there after it was deleted"), "delete it by any S3 client"));
            None
        }
        (Ok(()), Ok(true)) => {
            let detail = format!("{}: put, get, list, conditional put and delete work", settings.bucket);
            tell(Check::ok(name, detail));
            Some(Working { bucket, settings: settings.clone() })
        }
    }
}

enum Trouble {
    Error(Error),
    Wrong(&'static str),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Trouble {
        Trouble::Error(error)
    }
}

fn exercise(bucket: &Bucket, prefix: &str, key: &str) -> Result<(), Trouble> {
    let bytes = "liteflare doctor";
    bucket.put(key, bytes.into(), PutMode::Create)?;
    if bucket.get(key)?.0 != bytes {
        return Err(Trouble::Wrong("an object came back with other bytes"));
    }
    if !bucket.list(prefix)?.iter().any(|meta| meta.key == key) {
        return Err(Trouble::Wrong("an object that was just written is not in the listing"));
    }
    match bucket.put(key, "other".into(), PutMode::Create) {
        Err(Error::Exists { .. }) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err(Trouble::Wrong("a put that must make a new object replaced one (If-None-Match is ignored)")),
    }
}

fn advice(error: &Error) -> &'static str {
    match error {
        Error::Refused { answer, .. } => advice::about_r2(answer.status, &answer.code).full,
        Error::Unreachable { .. } => advice::NO_R2,
        _ => "see the message",
    }
}
