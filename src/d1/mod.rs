//! D1's query API: what a batch is, how it is sent and what may come back.

mod batch;
mod client;
pub mod limits;
mod settle;
mod statement;

pub use batch::{Batch, Fence, REQUEST_BYTES};
pub use client::{Client, Meta, Patience, Refusal, Rows, SendError, Table};
pub use settle::CommitError;
pub use statement::Statement;
