//! Places in D1's commit log. A number alone does not say which commit is meant: D1 can be set back (Time Travel), and others may
//! then count up to the same number again.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

/// A place in D1's commit log; `Seq(0)` is the database before its first commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seq(pub u64);

impl Seq {
    /// The place after it. (There is none after the last number that a log can name; D1 takes no commit there.)
    pub fn next(self) -> Seq {
        Seq(self.0.saturating_add(1))
    }
}

impl Display for Seq {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The random id of one transaction of the application: all its plans and attempts carry the same. The log's text for it, whoever wrote
/// that; empty for the database before its first commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn(Arc<str>);

impl Txn {
    /// The id with this text.
    pub fn new(text: &str) -> Txn {
        Txn(text.into())
    }
}

impl Display for Txn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A commit: its place in the log, and the transaction that took it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Its place.
    pub seq: Seq,
    /// The transaction.
    pub txn: Txn,
}
