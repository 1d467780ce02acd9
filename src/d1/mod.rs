//! D1's query API: what a batch is, how it is sent and what may come back.

mod client;
pub mod limits;
mod scanner;
mod statement;
mod stream;

pub use client::{Client, Meta, Patience, Refusal, Rows, SendError, Table};
pub use statement::{Sql, Statement};
pub use stream::RowStream;
