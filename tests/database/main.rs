//! The same work on plain SQLite and through liteflare, compared exactly, on both clouds.

#[path = "../common/mod.rs"]
mod common;

mod statements;
mod workload;
mod world;
