//! This process's copy of one database: which image is the newest, and the only ways to a newer one.
//!
//! `hydrate` makes the first image from D1, `commit` adds what the application did, `refresh` adds what others did. From top to
//! bottom, each file uses those below it only:
//!
//! ```text
//! commit foreign lease
//! refresh
//! hydrate
//! catch_up newest
//! rows writer freshness company
//! catalog
//! ```
//! Invariants:
//! - `newest` is what D1 holds, or held, at `newest.position`: an image is published only after D1 has acknowledged it, or was read from
//!   D1. An image is never changed after it was published.
//! - `Writer` (schema, page owners) always describes `newest`: both change under the writer's lock.

mod catalog;
mod catch_up;
mod commit;
mod company;
mod foreign;
mod freshness;
pub mod hydrate;
mod lease;
mod newest;
mod refresh;
pub(crate) mod rows;
mod writer;

pub(crate) use hydrate::Access;
pub(crate) use newest::Permit;
pub use newest::Replica;
