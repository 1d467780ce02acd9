//! One database's copy in this process, and which image of it is the newest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

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
    newest: Mutex<Arc<Image>, 2>,
    /// Whether a connection is writing.
    writing: Arc<AtomicBool>,
    /// When D1 last said, or was last asked, that `newest` is what it holds. Rank 3.
    pub(super) checked: Mutex<Instant, 3>,
    /// What `PRAGMA journal_mode` answers.
    journal_mode: parking_lot::Mutex<&'static str>,
}

/// The right to write, one per replica in this process. Dropping it lets the next writer in.
pub(crate) struct Permit(Arc<AtomicBool>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Replica {
    /// The copy that stands at `image`.
    pub(super) fn new(client: Client, refresh: Refresh, image: Image) -> Result<Replica, Error> {
        Ok(Replica {
            client,
            refresh,
            writer: Mutex::new(Writer::new(&image)?),
            newest: Mutex::new(Arc::new(image)),
            writing: Arc::default(),
            checked: Mutex::new(Instant::now()),
            journal_mode: parking_lot::Mutex::new("delete"),
        })
    }

    /// The newest image.
    pub fn newest(&self) -> Arc<Image> {
        self.newest.lock().clone()
    }

    /// Whether `image` is the newest.
    pub(crate) fn is_newest(&self, image: &Arc<Image>) -> bool {
        Arc::ptr_eq(&self.newest.lock(), image)
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

    /// Whether D1 was asked within the refresh interval, or will be by the next read.
    pub(crate) fn is_recent(&self) -> bool {
        match self.refresh {
            Refresh::Always => true,
            Refresh::Every(interval) => self.checked.lock().elapsed() < interval,
            Refresh::Never => self.checked.lock().elapsed() < Duration::from_secs(1), // the interval's default
        }
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

    /// Makes `after` the newest image. Cannot fail; whoever calls holds the writer's lock and has brought `Writer` forward.
    pub(super) fn publish(&self, after: Image) -> Arc<Image> {
        let after = Arc::new(after);
        *self.newest.lock() = after.clone();
        *self.checked.lock() = Instant::now();
        after
    }
}
