//! Where the ids of transactions come from.

use crate::image::Txn;

/// An id that nobody else has. Later ones are greater (UUID, version 7).
pub(crate) fn random() -> Txn {
    Txn::new(&uuid::Uuid::now_v7().to_string())
}
