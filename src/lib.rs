//! An unmodified SQLite application with its database in Cloudflare D1.
//!
//! ```text
//! host SQLite ──► serve ──► replica ──► decode ──► plan ──► ledger ──► d1 ──► D1
//!                              ▲────────── hydrate / refresh ◄─────────────────┘
//! ```
//! The rooms, from top to bottom. A room uses those below it, never those above, nor others on its own line:
//!
//! ```text
//! main cli
//! init doctor status transfer
//! dev
//! extension
//! vtab
//! hook
//! serve
//! replica
//! ledger
//! error
//! plan
//! value schema
//! decode
//! d1 r2
//! cloudflare
//! vfs
//! image
//! log
//! config
//! metrics runtime ffi sqlite
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
pub mod ffi;
pub mod hook;
pub mod image;
pub mod init;
mod ledger;
pub mod log;
pub mod metrics;
pub mod plan;
pub mod r2;
pub mod replica;
pub mod runtime;
pub mod schema;
pub mod serve;
pub mod sqlite;
pub mod status;
pub mod transfer;
pub mod value;
pub mod vfs;
mod vtab;
