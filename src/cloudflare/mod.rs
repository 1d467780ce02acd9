//! Cloudflare's API.
//!
//! ```text
//! api (tokens, accounts, databases, buckets)   d1 (queries; the room above)
//!                  └──────────► exchange ◄──────────┘
//! ```
//! `exchange` is one request and its answer, for both; `body` the answer's bytes, of which there may be only so many; `redirect` what is
//! said of an answer that sends the client elsewhere. What to do about an answer stands in `advice`, and nowhere else.

pub mod advice;
mod api;
mod body;
mod exchange;
mod redirect;

pub use api::{Api, ApiError, BUCKET_NAME, Database, is_bucket_name};
pub use body::Oversized;
pub use exchange::Refusal;
pub(crate) use exchange::{NoResult, Reply, causes, exchange, request, url};
pub(crate) use redirect::redirect;
