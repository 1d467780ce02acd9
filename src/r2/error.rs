//! What can go wrong between a folder and the bucket. `crate::error` decides what the application sees of it.

use std::time::Duration;

use super::answer::Answer;
use super::meta::Meta;
use super::wire::NoMemory;
use crate::cloudflare::{Oversized, advice, causes};
use crate::config::SettingError;
use crate::retry::Transient;

/// Why an operation on the bucket failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// There is no object under this key.
    #[error("there is no object {key:?} in the bucket")]
    NotFound {
        /// Its key.
        key: String,
    },
    /// An object that was to be made is there already.
    #[error("there is an object {key:?} in the bucket already")]
    Exists {
        /// Its key.
        key: String,
    },
    /// Another writer has replaced or deleted the version that was to be replaced.
    #[error(
        "the object {key:?} was changed by another writer since this one read it, and stays as that one has left it; \
         read it again and repeat the change"
    )]
    Changed {
        /// Its key.
        key: String,
    },
    /// A key that R2, or this client, does not take.
    #[error("{key:?} cannot be an object's key: {reason}")]
    BadKey {
        /// The key.
        key: String,
        /// Why not.
        reason: String,
    },
    /// A key over R2's limit.
    #[error("{key:?} is longer than the 1024 bytes R2 allows a key")]
    LongKey {
        /// The key.
        key: String,
    },
    /// More than R2 takes in one request, where only one will do.
    #[error("{key:?}: {size} bytes are too much for a file that must be new; R2 takes 5 GB in one request")]
    TooBig {
        /// The key.
        key: String,
        /// The object's size.
        size: u64,
    },
    /// An object that there is no room for.
    #[error("the object {key:?} has {size} bytes, which {reason}")]
    DoesNotFit {
        /// The key.
        key: String,
        /// What R2 says of its size.
        size: u64,
        /// Why not.
        reason: String,
        /// What the application gets.
        errno: i32,
    },
    /// A listing with more names than there is room for.
    #[error(
        "the bucket has more than {count} objects below {prefix:?}, and {left} bytes of memory are left for their names"
    )]
    LongList {
        /// The prefix.
        prefix: String,
        /// Names read until then.
        count: usize,
        /// How much memory was left.
        left: u64,
    },
    /// More came than can be an answer to what was asked.
    #[error("R2's answer to {what} cannot be used: {oversized}; {}", advice::CHECK_R2)]
    Oversized {
        /// What was asked for.
        what: String,
        /// How much was expected.
        oversized: Oversized,
    },
    /// There is not even memory for the answer to one request.
    #[error("cannot {what}: {}", NoMemory)]
    NoMemory {
        /// What was asked for.
        what: String,
    },
    /// An answer that is none to what was asked.
    #[error("R2's answer to {what} cannot be used: {reason}; {}", advice::CHECK_R2)]
    Misfit {
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// R2 answered no.
    #[error("R2 refused to {what}: {answer}{}", answer.advice())]
    Refused {
        /// What was asked for.
        what: String,
        /// What R2 said.
        answer: Answer,
    },
    /// R2 gave no usable answer until the deadline.
    #[error(
        "gave up to {what} after {waited:.1?}: {reason}; {advice} (LITEFLARE_TIMEOUT sets the deadline)",
        advice = advice::NO_R2
    )]
    Unreachable {
        /// What was asked for.
        what: String,
        /// How long it was tried.
        waited: Duration,
        /// The last failure.
        reason: String,
    },
    /// The thread that sends requests cannot run.
    #[error("liteflare's background thread failed: {reason}")]
    Thread {
        /// Why.
        reason: String,
    },
}

impl Error {
    /// Of an object that cannot be here, for the reason that the system gave.
    pub fn does_not_fit(meta: &Meta, reason: &str, errno: i32) -> Error {
        Error::DoesNotFit { key: meta.key.clone(), size: meta.size, reason: reason.to_owned(), errno }
    }
}

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum Cause {
    NotFound,
    /// 304: the object is still the one whose ETag was given.
    NotModified,
    /// 412: the object is no longer the one whose ETag was given.
    Changed,
    /// 412 to a put that replaces nothing.
    Exists,
    /// The name of an object in a listing is none this client can have.
    UnusableKey(String),
    Refused(Answer),
    Oversized(Oversized),
    NoMemory,
    /// No answer to what was asked.
    Misfit(String),
    /// There is no room here for what came.
    Local(Error),
    /// About the moment, not about the request: it may be sent again.
    Transient {
        reason: String,
        retry_after: Option<Duration>,
    },
}

impl Transient for Cause {
    fn retry_after(&self) -> Option<Duration> {
        match self {
            Cause::Transient { retry_after, .. } => Some(retry_after.unwrap_or_default()),
            _ => None,
        }
    }
}

impl Cause {
    /// The error of an operation, `what`, on `key`, that was tried for `waited`.
    pub(super) fn into_error(self, what: &str, key: &str, waited: Duration) -> Error {
        let (what, key) = (what.to_owned(), key.to_owned());
        match self {
            Cause::NotFound => Error::NotFound { key },
            Cause::Exists => Error::Exists { key },
            Cause::UnusableKey(reason) => Error::BadKey { key, reason },
            Cause::Refused(answer) => Error::Refused { what, answer },
            Cause::Oversized(oversized) => Error::Oversized { what, oversized },
            Cause::NoMemory => Error::NoMemory { what },
            Cause::Misfit(reason) => Error::Misfit { what, reason },
            Cause::Local(error) => error,
            Cause::Transient { reason, .. } => Error::Unreachable { what, waited, reason },
            Cause::NotModified | Cause::Changed => {
                Error::Unreachable { what, waited, reason: "the object changes faster than that".into() }
            }
        }
    }
}

impl From<object_store::Error> for Cause {
    fn from(error: object_store::Error) -> Cause {
        if let Some(answer) = find::<Answer>(&error) {
            return answer.clone().into();
        }
        if let Some(oversized) = find::<Oversized>(&error) {
            return Cause::Oversized(*oversized);
        }
        if find::<NoMemory>(&error).is_some() {
            return Cause::NoMemory;
        }
        match error {
            object_store::Error::NotFound { .. } => Cause::NotFound,
            object_store::Error::NotModified { .. } => Cause::NotModified,
            object_store::Error::Precondition { .. } => Cause::Changed,
            object_store::Error::AlreadyExists { .. } => Cause::Exists,
            object_store::Error::InvalidPath { source } => {
                Cause::UnusableKey(format!("{source}; rename or delete that object, by any S3 client"))
            }
            error => Cause::Transient { reason: innermost(&error), retry_after: None },
        }
    }
}

impl From<Answer> for Cause {
    fn from(answer: Answer) -> Cause {
        if answer.is_transient() {
            return Cause::Transient { reason: answer.to_string(), retry_after: answer.retry_after };
        }
        Cause::Refused(answer)
    }
}

fn find<'a, T: std::error::Error + 'static>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|error| error.downcast_ref())
}

// The outer layers say which Rust type failed; the last two say what happened.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = causes(error).map(|error| error.to_string()).collect();
    match texts.as_slice() {
        [.., outer, inner] if !outer.contains(inner.as_str()) => format!("{outer}: {inner}"),
        [.., last] => last.clone(),
        [] => String::new(),
    }
}

impl Error {
    /// The `errno` that the application gets. The only place that picks one.
    pub fn errno(&self) -> i32 {
        match self {
            Error::NotFound { .. } => libc::ENOENT,
            Error::Exists { .. } => libc::EEXIST,
            Error::Changed { .. } => libc::ESTALE,
            Error::BadKey { .. } => libc::EINVAL,
            Error::LongKey { .. } => libc::ENAMETOOLONG,
            Error::TooBig { .. } => libc::EFBIG,
            Error::DoesNotFit { errno, .. } => *errno,
            Error::LongList { .. } | Error::NoMemory { .. } => libc::ENOMEM,
            Error::Setting(_)
            | Error::Oversized { .. }
            | Error::Misfit { .. }
            | Error::Refused { .. }
            | Error::Unreachable { .. }
            | Error::Thread { .. } => libc::EIO,
        }
    }

    /// Logs the error, unless it is an ordinary answer to a question about a file, and gives its `errno`.
    pub fn report(&self) -> i32 {
        match self {
            Error::NotFound { .. } | Error::Exists { .. } => tracing::debug!("{self}"),
            _ => crate::log::warn(self),
        }
        self.errno()
    }
}
