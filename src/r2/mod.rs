//! R2: the objects behind the mapped folders.
//!
//! ```text
//! hook ──► objects ──► bucket (read, write, multipart, list) ──► object_store ──► wire ──► R2
//!             └─ cache: names known, bytes kept
//! ```
//! `Bucket` is R2's operations, one by one, with deadlines and retries. `Objects` adds what is already known, so that most questions
//! cost no request. Neither knows of paths or files: keys go in, bytes and `Meta` come out.

mod answer;
mod bucket;
mod cache;
mod error;
mod files;
mod keys;
mod list;
mod meta;
mod multipart;
mod objects;
mod operation;
mod read;
mod stretch;
mod wire;
mod write;

pub use answer::Answer;
pub use bucket::{Bucket, check_key};
pub use cache::{Cache, Name};
pub use error::Error;
pub use files::{FileError, Sum};
pub use list::Level;
pub use meta::Meta;
pub use objects::Objects;
pub use operation::{Operation, Requests};
pub use write::{PutMode, content_type};
