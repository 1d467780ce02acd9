//! Moves a whole application root to D1 and R2 and back, and compares the two sides.
//!
//! ```text
//! import: source ──► check ──► target ──► send ──► media (upload) ──► compare
//! export: replica ──► file,  media (download)
//! verify: compare (replica or file, and D1), expected (rows and objects)
//! ```
//! Everything that may refuse comes first, before anything is changed on either side. An import keeps no record of its progress: its
//! batches are atomic and in a fixed order, so that after an interruption D1 holds the first part of the file's rows, and a comparison
//! finds the resume point.

mod check;
mod compare;
mod error;
mod examine;
mod expected;
pub mod export;
pub mod import;
mod media;
mod progress;
mod send;
mod source;
mod target;
pub mod verify;

pub use compare::{Difference, Differences};
pub use error::Error;
pub use progress::{Event, Progress, Step};

use std::sync::Arc;

use crate::config::{R2Settings, Settings};
use crate::d1::Client;
use crate::metrics::RequestCount;
use crate::r2::{self, Bucket};

fn connect_d1(settings: &Settings) -> Result<Client, Error> {
    Ok(Client::connect(settings, Arc::default()).map_err(crate::error::Error::from)?)
}

/// `None`: no bucket is set.
fn connect_bucket(settings: Option<&R2Settings>) -> Result<Option<Bucket>, Error> {
    Ok(settings.map(|settings| Bucket::connect(settings, Arc::default())).transpose()?)
}

fn requests(client: &Client, bucket: Option<&Bucket>) -> RequestCount {
    let r2 = bucket.map_or(0, |bucket| r2::Requests::read(bucket.metrics()).total());
    RequestCount { d1: client.metrics.d1_requests.get(), r2 }
}
