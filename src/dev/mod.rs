//! A local Cloudflare: D1's query API over SQLite files and R2's S3 API over a folder, on loopback.
//! In: HTTP requests as `api.cloudflare.com` takes them. Out: the same envelopes, refusals and roundings, and commits that survive
//! `kill -9`. It is for development, demos and tests; `tests/integration/conformance` compares it with Cloudflare's own runtime.
//!
//! ```text
//! http ──► registry (which database) ──► database (one batch, one transaction) ──► json (values as JavaScript prints them)
//!                                            └─ authorizer, limits: what D1 refuses
//! http ──► buckets (create, list) ─────┐
//! http ──► s3 (buckets and objects) ───┴► s3/store
//! ```
//! It knows nothing of liteflare: no behaviour here depends on what a client stores.

mod authorizer;
mod buckets;
mod cloud;
mod credentials;
mod database;
mod envelope;
mod error_text;
mod folder;
mod http;
mod json;
mod math;
mod raw;
mod registry;
mod s3;
mod split;

pub use cloud::{Cloud, CloudOptions};
