//! D1's query API: what a batch is, how it is sent and what may come back.

pub mod limits;
mod statement;

pub use statement::Statement;
