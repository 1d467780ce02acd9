//! Every counter, with its meaning. Counters belong to one replica, or to one bucket, and only grow.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, amount: usize) {
        self.0.fetch_add(amount as u64, Ordering::Relaxed);
    }

    /// What it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one replica.
#[derive(Debug, Default)]
pub struct Metrics {
    /// HTTP requests to D1, retries included.
    pub d1_requests: Counter,
    /// Bytes of request bodies.
    pub d1_bytes_sent: Counter,
    /// Bytes of answers' bodies.
    pub d1_bytes_received: Counter,
    /// Transactions that D1 has acknowledged.
    pub commits: Counter,
    /// Commits refused because another writer was first.
    pub conflicts: Counter,
    /// Requests sent again after one that failed.
    pub retries: Counter,
    /// Times the replica was brought to a later seq by reading D1.
    pub refreshes: Counter,
    /// Rows that D1 says it wrote.
    pub rows_written: Counter,
}

/// The counters of one bucket: HTTP requests, retries included, by what R2 charges for them. A multipart upload is a put for each
/// part and two more.
#[derive(Debug, Default)]
pub struct R2Metrics {
    /// Uploads and their parts.
    pub put: Counter,
    /// Downloads and their ranges.
    pub get: Counter,
    /// Questions about one object, or about the bucket.
    pub head: Counter,
    /// Pages of listings.
    pub list: Counter,
    /// Copies made by R2.
    pub copy: Counter,
    /// Deletions, up to 1,000 keys each, and aborted uploads.
    pub delete: Counter,
    /// Downloads that the object cache has spared.
    pub cache_hits: Counter,
}

/// How many requests something took, retries included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct RequestCount {
    /// To D1.
    pub d1: u64,
    /// To R2, of all kinds.
    pub r2: u64,
}
