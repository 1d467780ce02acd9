//! What a question about a name is answered with.

use crate::r2::meta::Meta;

/// What is known of a name. `fresh`: it may be relied on; else it should be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Name {
    /// There is such an object.
    Present {
        /// What it was like.
        meta: Meta,
        /// Whether that is recent enough.
        fresh: bool,
    },
    /// There is none.
    Absent {
        /// Whether that may be relied on.
        fresh: bool,
    },
    /// Nothing.
    Unknown,
}
