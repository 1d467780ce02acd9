//! What is known of objects without their bytes.

use std::time::{Duration, SystemTime};

use object_store::ObjectMeta;

/// An object's name, size and state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its ETag, without quotes: another one is another state of the object.
    pub etag: String,
    /// When it was written: by R2's clock when R2 told it, by this machine's when this process wrote it.
    pub modified: SystemTime,
}

impl Meta {
    pub(super) fn of(meta: ObjectMeta) -> Meta {
        Meta {
            key: meta.location.to_string(),
            size: meta.size,
            etag: unquoted(meta.e_tag),
            modified: sensible(SystemTime::from(meta.last_modified)),
        }
    }
}

/// The last moment that has a number of nanoseconds since 1970 everywhere: in the year 2262.
const LAST: Duration = Duration::from_nanos(i64::MAX as u64);

/// A time as files can have it: R2 has no object from before 1970 or from beyond that.
fn sensible(time: SystemTime) -> SystemTime {
    time.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + LAST)
}

/// What stands directly below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// The objects, by key.
    pub objects: Vec<Meta>,
    /// The prefixes, without a slash at their end.
    pub folders: Vec<String>,
}

/// What all keys below a prefix begin with; an empty prefix stands for the bucket.
pub(super) fn below(prefix: &str) -> String {
    if prefix.is_empty() { String::new() } else { format!("{prefix}/") }
}

/// An ETag as [`Meta`] has it.
pub(super) fn unquoted(etag: Option<String>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}

/// An ETag as a condition has it.
pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}
