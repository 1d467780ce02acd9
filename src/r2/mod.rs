//! R2: the objects behind the mapped folders.
mod operation;
pub use operation::{Operation, Requests};
