//! The same work on plain SQLite and through liteflare, compared exactly, on both clouds.

mod statements;
mod workload;
mod world;
