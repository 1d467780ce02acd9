//! A whole application root to D1 and R2, back, and the comparison of the two sides.
//!
//! ```text
//! import: source ──► check ──► target ──► send ──► media (upload) ──► compare
//! export: replica ──► file,  media (download)
//! verify: compare (replica or file, and D1), expected (rows and objects)
//! ```
//! What may refuse comes first: until then nothing is changed on either side. Nothing is noted of an import's progress: its batches are
//! atomic and in a fixed order, so what D1 holds of an interrupted one is a beginning of the file, and is compared with it.

mod check;
pub mod compare;
mod error;
mod expected;
pub mod export;
pub mod import;
pub mod media;
mod progress;
mod send;
mod source;
mod target;
pub mod verify;

pub use error::Error;
pub use progress::{Event, Progress, Step};

use crate::metrics::{Metrics, R2Metrics};

/// Requests sent, retries included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Requests {
    /// To D1.
    pub d1: u64,
    /// To R2: uploads and their parts, downloads, listings, deletions, questions.
    pub r2: u64,
}

impl Requests {
    fn of(d1: &Metrics, r2: Option<&R2Metrics>) -> Requests {
        let r2 = r2.map_or(0, |metrics| crate::r2::Requests::read(metrics).total());
        Requests { d1: d1.d1_requests.get(), r2 }
    }
}
