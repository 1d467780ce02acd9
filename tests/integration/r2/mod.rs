//! Buckets: the embedded S3 API against Cloudflare's own, liteflare's client on both, and what a bad network does to it.

mod conformance;
mod faults;
mod hostile;
mod late;
mod memory;
mod operations;
