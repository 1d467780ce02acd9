//! The random id of one commit.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Timestamp, Uuid};

/// The random id of one commit: every attempt to send it carries the same. Later ids are greater (UUID, version 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Txn(Uuid);

impl Txn {
    /// An id that nobody else has.
    pub(crate) fn new() -> Txn {
        Txn(Uuid::now_v7())
    }

    /// Greater than the ids that are older than `age`, by this machine's clock.
    pub(super) fn of_age(age: Duration) -> Txn {
        let since_epoch = (SystemTime::now() - age).duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = Timestamp::from_unix(NoContext, since_epoch.as_secs(), since_epoch.subsec_nanos());
        Txn(Uuid::new_v7(time))
    }
}

impl Display for Txn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
