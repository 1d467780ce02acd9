//! R2: the objects behind the mapped folders.
//!
//! ```text
//! hook ──► objects ──► bucket (read, put, write, multipart, list) ──► object_store ──► wire ──► R2
//!             │           └─ versions: what a put replaces; guard: what late requests do
//!             └─ cache: names known, bytes kept
//! ```
//! `Bucket` has R2's operations, one by one, with deadlines and retries. `Objects` adds a cache, so that most questions cost no request.
//! Neither knows of paths: keys go in, bytes and `Meta` come out.

mod answer;
mod bounds;
mod bucket;
mod cache;
mod checksum;
mod content;
mod content_type;
mod error;
mod file_keys;
mod files;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod guard;
mod key_range;
mod keys;
mod list;
mod meta;
mod multipart;
mod objects;
mod operation;
mod page;
mod put;
mod read;
mod upload_id;
mod versions;
mod wire;
mod write;

pub use answer::Answer;
pub use bucket::{Bucket, check_key};
pub use cache::{Cache, Name};
pub use checksum::Checksum;
pub use content::{Content, HELD_BYTES, Sink};
pub use content_type::content_type;
pub use error::Error;
pub use file_keys::is_file_key;
pub use files::{FileError, Source};
pub use list::Listing;
pub use meta::{Level, Meta};
pub use objects::Objects;
pub use operation::{Operation, Requests};
pub use put::PutMode;
