//! The files in the mapped folders, and the objects in the bucket.
//!
//! A file and an object are the same if their sizes and MD5 checksums are; R2's ETag is the checksum. Each file is read once, either to
//! compare it with an existing object or to send it. Small files are sent many at a time, large ones in parts, so that memory use does
//! not depend on their size.

pub(crate) mod download;
mod pool;
mod scan;
pub(crate) mod upload;

pub(crate) use scan::{Links, LocalFile, scan};

use crate::r2::Meta;

/// How many small files are transferred at a time.
const AT_ONCE: usize = 16;

/// Whether an object has the bytes of a file with these checksums. `None`: it was uploaded in parts of another size than ours, so that
/// its ETag does not tell.
fn has_bytes_of(meta: &Meta, size: u64, etags: &[String; 2]) -> Option<bool> {
    if meta.size != size {
        return Some(false);
    }
    if etags.contains(&meta.etag) {
        return Some(true);
    }
    if meta.etag.contains('-') { None } else { Some(false) }
}
