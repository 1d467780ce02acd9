//! liteflare's own tables on D1, `_lf_…`. No other room knows what they are called or what stands in them, and the texts of `sql/` are
//! used here and nowhere else.
//!
//! - `_lf_commit` is the log: a row for each commit, whose key is the fence between writers.
//! - `_lf_stage` holds the parts of a commit too large for one request, until it comes.
//! - `_lf_process` and `_lf_lease` say who else is here, and who may write next: courtesy, the fence is what protects.
//! - `_lf_state` holds what D1 must remember besides: that an import is going on, and fields of the database header.
//!
//! A commit: `batch` puts the fence in front of what the planner wrote, `stage` moves its parameters out of the way when they are too
//! many, `send` sends it and finds out what became of it. `loader` does so for whole databases, without a replica.
//! A replica: `tables` says what D1 holds, `log` and `changes` which rows others have changed since, `header` and `state` the rest.
//!
//! The application's triggers name `_lf_state` in their guards; for that the name stands in `schema::guard`.

mod batch;
pub(crate) mod capture;
pub(crate) mod changes;
pub(crate) mod company;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub(crate) mod header;
pub(crate) mod lease;
mod loader;
pub(crate) mod log;
mod send;
mod sql;
mod stage;
pub(crate) mod state;
pub(crate) mod tables;
pub(crate) mod txn;

pub(crate) use batch::{Batch, Body, Fence};
pub(crate) use changes::Changes;
pub(crate) use loader::Loader;
pub(crate) use log::Committed;
pub(crate) use send::{CommitError, send};
pub(crate) use state::State;
