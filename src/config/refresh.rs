//! How fresh reads must be.

use std::time::Duration;

/// When a replica looks for commits of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// Each read transaction asks D1 first.
    Always,
    /// At most this often, while the database is in use.
    Every(Duration),
    /// Only on a conflict and on `liteflare_sync()`.
    Never,
}

impl Refresh {
    /// Whether what was learned so long ago may still be relied on without asking.
    pub fn covers(self, age: Duration) -> bool {
        match self {
            Refresh::Always => false,
            Refresh::Every(interval) => age <= interval,
            Refresh::Never => true,
        }
    }
}
