//! An unmodified SQLite application with its database in Cloudflare D1 and its files in Cloudflare R2.
//!
//! ```text
//! SQLite ──► vfs ──► serve ──► replica ──► decode ──► plan ──► ledger ──► d1 ──► D1
//!                                 ▲────────── hydrate, refresh ◄───────────┘
//! libc ──► hook ──► r2 ──► R2
//! ```
//! The rooms, from top to bottom. A room uses those on the lines below it, and on its own line those to its right; never one above it.
//! `tests/integration/house.rs` reads this list, `docs/ARCHITECTURE.md` says what lives where.
//!
//! ```text rooms
//! main cli
//! init doctor status transfer dev
//! extension vtab
//! hook
//! serve
//! replica
//! ledger
//! error
//! plan
//! decode
//! schema value
//! d1 r2 cloudflare
//! vfs
//! log config invokeai runtime metrics image ffi sqlite
//! ```

// First of all crates, so that it is linked last: it brings a SQLite of its own, and the linker must find every SQLite symbol in
// rusqlite's before it gets there. `tests/library.rs` checks which engine is inside.
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
