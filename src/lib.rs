//! An unmodified SQLite application with its database in Cloudflare D1 and its files in Cloudflare R2.
//!
//! ```text
//! SQLite ──► vfs ──► serve ──► replica ──► decode ──► plan ──► ledger ──► d1 ──► D1
//!                                 ▲────────── hydrate, refresh ◄───────────┘
//! libc ──► hook ──► r2 ──► R2
//! ```
//! The rooms, from top to bottom. A room uses those below it, never those above, nor others on its own line. `tests/integration/house.rs`
//! reads this list; `docs/ARCHITECTURE.md` says what lives where.
//!
//! ```text rooms
//! main cli fuzzing
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
//! decode
//! schema value
//! d1 r2
//! cloudflare
//! vfs
//! image
//! log
//! config
//! invokeai local_file memory metrics retry runtime shown lock ffi sqlite
//! ```

// First of all crates, so that it is linked last: it brings a SQLite of its own, and the linker must find every SQLite symbol in
// rusqlite's before it gets there. `tests/integration/library.rs` checks which engine is inside.
extern crate sqlite_loadable;

mod cloudflare;
pub mod config;
pub mod d1;
mod decode;
pub mod dev;
pub mod doctor;
pub mod error;
pub mod extension;
pub mod ffi;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod hook;
pub mod image;
pub mod init;
pub mod invokeai;
mod ledger;
mod local_file;
mod lock;
pub mod log;
mod memory;
pub mod metrics;
mod plan;
pub mod r2;
pub mod replica;
mod retry;
pub mod runtime;
mod schema;
pub mod serve;
pub mod shown;
pub mod sqlite;
pub mod status;
pub mod transfer;
mod value;
pub mod vfs;
mod vtab;
