//! D1's query API: what a batch is, how it is sent and what may come back.

mod answer;
mod bounds;
mod client;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod limits;
mod scanner;
pub(crate) mod splitter;
mod statement;
mod stream;

pub use crate::cloudflare::{Oversized, Refusal};
pub use answer::{Meta, ResultSet, SendError, StatementResult};
pub use client::Client;
pub use statement::{Sql, Statement};
pub use stream::RowStream;
