//! One database's copy in this process, and which image of it is the newest.
//!
//! SQLite tells one state of a file from another by two numbers of its header. The connections of this process keep the pages and the
//! statements they have while these stay the same, so an image that others' work went into gets a change counter, and one that was read
//! anew a schema cookie too, that no connection of this process has seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::company::Company;
use super::freshness::Freshness;
use super::writer::Writer;
use crate::config::Refresh;
use crate::d1::Client;
use crate::error::Error;
use crate::image::Image;
use crate::lock::Mutex;
use crate::metrics::Metrics;

/// One database's copy in this process, shared by its connections.
pub struct Replica {
    pub(super) client: Client,
    pub(super) refresh: Refresh,
    /// What goes with the newest image. Rank 1: held for the whole way of a commit or refresh, requests included, by design.
    pub(super) writer: Mutex<Writer, 1>,
    /// The image new readers pin. Rank 2. Held to clone or swap one `Arc`, never while calling anything.
    newest: Mutex<Newest, 2>,
    /// Whether a connection is writing.
    writing: Arc<AtomicBool>,
    /// How old `newest` is.
    pub(super) freshness: Freshness,
    /// Who else writes.
    pub(super) company: Company,
    /// What `PRAGMA journal_mode` answers.
    journal_mode: parking_lot::Mutex<&'static str>,
}

struct Newest {
    image: Arc<Image>,
    /// The latest schema cookie that connections may have seen.
    cookie: u32,
}

/// The right to write, one per replica in this process. Dropping it lets the next writer in.
pub(crate) struct Permit(Arc<AtomicBool>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Replica {
    /// The copy that stands at `image`, which D1 held at `asked` or later.
    pub(super) fn new(
        client: Client,
        refresh: Refresh,
        company: Company,
        image: Image,
        asked: Instant,
    ) -> Result<Replica, Error> {
        let freshness = Freshness::new(asked, client.timeout);
        Ok(Replica {
            client,
            refresh,
            writer: Mutex::new(Writer::new(&image)?),
            newest: Mutex::new(Newest { cookie: image.schema_cookie(), image: Arc::new(image) }),
            writing: Arc::default(),
            freshness,
            company,
            journal_mode: parking_lot::Mutex::new("delete"),
        })
    }

    /// The newest image.
    pub fn newest(&self) -> Arc<Image> {
        self.newest.lock().image.clone()
    }

    /// Whether `image` is the newest.
    pub(crate) fn is_newest(&self, image: &Arc<Image>) -> bool {
        Arc::ptr_eq(&self.newest.lock().image, image)
    }

    /// The right to write, unless another connection has it.
    pub(crate) fn permit(&self) -> Option<Permit> {
        let free = self.writing.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok();
        free.then(|| Permit(self.writing.clone()))
    }

    /// Whether a connection is writing.
    pub(crate) fn is_being_written(&self) -> bool {
        self.writing.load(Ordering::Relaxed)
    }

    /// What `PRAGMA journal_mode` answers; in SQLite too the mode belongs to the database.
    pub(crate) fn journal_mode(&self) -> String {
        (*self.journal_mode.lock()).to_string()
    }

    /// Sets what `PRAGMA journal_mode` answers; like SQLite, it leaves a mode it does not know alone.
    pub(crate) fn set_journal_mode(&self, mode: &str) {
        let known = ["delete", "truncate", "persist", "memory", "wal"];
        if let Some(known) = known.into_iter().find(|known| *known == mode) {
            *self.journal_mode.lock() = known;
        }
    }

    /// The way to D1.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// This replica's counters.
    pub fn metrics(&self) -> &Metrics {
        &self.client.metrics
    }

    /// A schema cookie that no connection of this process has seen.
    pub(super) fn unseen_cookie(&self) -> u32 {
        self.newest.lock().cookie.wrapping_add(1)
    }

    /// Makes `after` the newest image. Cannot fail; whoever calls holds the writer's lock and has brought `Writer` forward.
    pub(super) fn publish(&self, after: Image) -> Arc<Image> {
        let after = Arc::new(after);
        let mut newest = self.newest.lock();
        newest.cookie = later(newest.cookie, after.schema_cookie());
        newest.image = after.clone();
        after
    }
}

/// The later of two cookies. They are counted on, past the largest number too; `PRAGMA schema_version` may set one back, which does not
/// make those seen before unseen.
fn later(one: u32, other: u32) -> u32 {
    if one.wrapping_sub(other) <= u32::MAX / 2 { one } else { other }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_counted_past_the_largest_number() {
        assert_eq!(later(5, 6), 6);
        assert_eq!(later(6, 5), 6);
        assert_eq!(later(u32::MAX, 0), 0);
        assert_eq!(later(2, u32::MAX - 3), 2, "set back");
    }
}
