//! Which paths are replicas, and what SQLite sees there: `router` decides whose file it is, `file` is a connection's file of a
//! replica, and `marker` is what lies on the disk at a database's path.

pub mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
pub mod marker;
mod preloaded;
pub mod replicas;
pub mod router;
