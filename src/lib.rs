//! An unmodified SQLite application with its database in Cloudflare D1.
//!
//! ```text
//! host SQLite ──► vfs ──► replica ──► decode ──► plan ──► d1 ──► D1
//!                            ▲────────── hydrate / refresh ◄──────┘
//! ```
//! A room uses the rooms to its right, never those to its left: `decode` turns pages into changed rows, `plan` turns those into
//! the statements of one batch, `d1` sends them, `replica` decides which image is the newest and `vfs` shows it to SQLite.
//! `setup`, `doctor` and `status` are what the commands of those names do; `cloudflare` is the API beside D1's queries.

// First of all crates, so that it is linked last: it brings a SQLite of its own, and the linker must find every SQLite symbol in
// rusqlite's before it gets there. `tests/integration/library.rs` checks which engine is inside.
extern crate sqlite_loadable;

pub mod cloudflare;
pub mod config;
pub mod d1;
pub mod decode;
pub mod dev;
pub mod doctor;
pub mod error;
pub mod extension;
pub mod hook;
pub mod image;
pub mod metrics;
pub mod plan;
pub mod r2;
pub mod replica;
pub mod runtime;
pub mod setup;
pub mod sqlite;
pub mod status;
pub mod transfer;
pub mod vfs;
mod vtab;
