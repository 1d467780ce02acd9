//! The files in the mapped folders and the objects in the bucket.
//!
//! Files and objects are the same when their sizes and MD5 sums are; R2's ETag is the sum. Each file is read once: to compare it with an
//! object that is there, or to send it. Small files go many at a time, large ones part by part, so that memory does not grow with them.

pub mod download;
mod pool;
mod scan;
pub mod upload;

pub use scan::{LocalFile, scan};

use crate::r2::Meta;

/// Small files on the way at once.
const AT_ONCE: usize = 16;

/// Whether an object is what a file with this sum is. `None`: it was sent in parts of a size that is not ours, and its ETag does not tell.
fn is_object(meta: &Meta, size: u64, etags: &[String; 2]) -> Option<bool> {
    if meta.size != size {
        return Some(false);
    }
    if etags.contains(&meta.etag) {
        return Some(true);
    }
    if meta.etag.contains('-') { None } else { Some(false) }
}
