//! What is known of an object without its bytes.

use std::time::SystemTime;

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
