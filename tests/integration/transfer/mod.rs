//! `liteflare import`, `export` and `verify` as a person calls them: the command itself, against both clouds.

mod bad_input;
mod differences;
mod killed;
mod meanwhile;
mod random;
pub mod root;
mod there_and_back;
pub mod world;
