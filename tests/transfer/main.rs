//! `liteflare import`, `export` and `verify` as a person calls them: the command itself, against both clouds.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod differences;
mod killed;
#[path = "../database/world.rs"]
#[allow(dead_code, reason = "the dump and the single-sided half are used here")]
mod lines;
mod meanwhile;
mod random;
mod root;
mod there_and_back;
mod world;
