//! Cloudflare's API.
//!
//! ```text
//! api (tokens, accounts, databases, buckets)   d1 (queries; the room above)
//!                  └──────────► exchange ◄──────────┘
//! ```
//! `exchange` is one request and its answer, for both; `body` is the answer's bytes, of which there may be only so many. What to do about an answer stands in `advice`, and nowhere else.

pub mod advice;
mod api;
mod body;
mod exchange;

pub use api::{Api, ApiError, BUCKET_NAME, Database, is_bucket_name};
pub use body::Oversized;
pub(crate) use body::bounded;
pub use exchange::Refusal;
pub(crate) use exchange::{NoResult, Reply, causes, exchange, request, url};
