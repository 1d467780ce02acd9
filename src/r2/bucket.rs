//! One bucket: its client, the deadline of a request, and what is tried again.
//!
//! `object_store` signs and speaks S3. Trying again is done here, in one place for all operations: it must know which requests
//! may have been carried out although no answer came, and `object_store` leaves those alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use object_store::RetryConfig;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::HttpConnector;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;

use super::error::{Cause, Error};
use super::keys::Pair;
use super::versions::Versions;
use super::wire::Wire;
use crate::config::R2Settings;
use crate::lock::{Mutex, MutexGuard};
use crate::metrics::R2Metrics;
use crate::retry::Retry;
use crate::runtime::Runtime;

/// The longest key; R2's documentation, "Limits".
const KEY_BYTES: usize = 1024;

/// How often an operation is begun: a program that closes the descriptors of our runtime does so once or twice, at its start.
const RUNTIMES: usize = 3;

/// A bucket. Its operations may be called from any thread, also in a child made by `fork`; they wait for R2's answer.
#[derive(Clone)]
pub struct Bucket(pub(super) Arc<Remote>);

/// What the operations share. They run on the background thread.
pub(super) struct Remote {
    pub(super) store: AmazonS3,
    /// What `store` was made from.
    pub(super) builder: AmazonS3Builder,
    pub(super) metrics: Arc<R2Metrics>,
    pub(super) timeout: Duration,
    /// What is known of objects' versions. Rank 9. Held to look and to note, never while R2 is asked.
    pub(super) versions: Mutex<Versions, 9>,
    /// The turn to undo what late requests have done, which no change to their objects may overtake.
    pub(super) undoing: tokio::sync::Mutex<()>,
    /// Whether R2 has shown that it knows the bucket. A HEAD's 404 has no body that tells a missing bucket from a missing object.
    known: AtomicBool,
}

impl Bucket {
    /// A client for the settings' bucket. It costs no request when the settings have an S3 key pair, else one.
    pub fn connect(settings: &R2Settings, metrics: Arc<R2Metrics>) -> Result<Bucket, Error> {
        let (keys, timeout) = (settings.keys.clone(), settings.timeout);
        let pair = wait(|| Pair::find(keys.clone(), timeout))?;
        // A third of the deadline for one answer: two may fail to come before the last is given up.
        let wire = Wire { metrics: Arc::clone(&metrics), answer_time: settings.timeout / 3 };
        Bucket::through(wire, settings, pair, metrics)
    }

    /// A client whose requests `connector` carries.
    pub(super) fn through(
        connector: impl HttpConnector,
        settings: &R2Settings,
        pair: Pair,
        metrics: Arc<R2Metrics>,
    ) -> Result<Bucket, Error> {
        let builder = AmazonS3Builder::new()
            .with_endpoint(settings.keys.endpoint())
            .with_bucket_name(&settings.bucket)
            .with_region("auto")
            .with_access_key_id(pair.id)
            .with_secret_access_key(pair.secret.reveal())
            .with_retry(RetryConfig { max_retries: 0, ..RetryConfig::default() })
            .with_http_connector(connector);
        let store = builder.clone().build().map_err(|error| Error::Thread { reason: error.to_string() })?;
        let (timeout, known) = (settings.timeout, AtomicBool::new(false));
        let (versions, undoing) = (Mutex::new(Versions::new()), tokio::sync::Mutex::new(()));
        Ok(Bucket(Arc::new(Remote { store, builder, metrics, timeout, versions, undoing, known })))
    }

    /// Holds what is known still, for `fork`.
    pub(super) fn lock(&self) -> MutexGuard<'_, Versions, 9> {
        self.0.versions.lock()
    }

    /// What this client has asked of R2.
    pub fn metrics(&self) -> &Arc<R2Metrics> {
        &self.0.metrics
    }

    /// Runs an operation with its arguments on the background thread; once more when that has ended in the middle. So it must be one
    /// that does no harm when it was done already.
    pub(super) fn run<A, T, F>(&self, arguments: A, operation: impl Fn(Arc<Remote>, A) -> F) -> Result<T, Error>
    where
        A: Clone,
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        wait(|| operation(Arc::clone(&self.0), arguments.clone()))
    }

    /// Runs an operation on the background thread, of a command that is its process's only user.
    pub(super) fn run_once<T, F>(&self, operation: impl FnOnce(Arc<Remote>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        runtime()?.wait(operation(Arc::clone(&self.0))).unwrap_or_else(|| Err(ended()))
    }
}

fn runtime() -> Result<Arc<Runtime>, Error> {
    Runtime::current().map_err(|error| Error::Thread { reason: error.to_string() })
}

fn ended() -> Error {
    Error::Thread { reason: "it ended in the middle of a request".into() }
}

fn wait<T, F>(work: impl Fn() -> F) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    for _ in 0..RUNTIMES {
        let runtime = runtime()?;
        match runtime.wait(work()) {
            Some(answer) => return answer,
            None if runtime.is_good() => break, // it was the work that ended, by a panic
            None => {}
        }
    }
    Err(ended())
}

/// A request's name, key and deadline, for the error it may end in.
pub(super) struct Task<'a> {
    pub(super) what: &'static str,
    pub(super) key: &'a str,
    started: Instant,
    deadline: Instant,
}

impl Task<'_> {
    pub(super) fn error(&self, cause: Cause) -> Error {
        cause.into_error(&format!("{} {}", self.what, self.key), self.key, self.started.elapsed())
    }
}

impl Remote {
    /// A task that has `allowance` beside the deadline, for the time its bytes travel.
    pub(super) fn task<'a>(&self, what: &'static str, key: &'a str, allowance: Duration) -> Task<'a> {
        let started = Instant::now();
        Task { what, key, started, deadline: started + self.timeout + allowance }
    }

    /// Attempts a request until it succeeds, is refused, or the task's deadline comes. An attempt ends by itself (`wire`).
    pub(super) async fn retrying<T, F>(&self, task: &Task<'_>, mut attempt: impl FnMut() -> F) -> Result<T, Cause>
    where
        F: Future<Output = Result<T, Cause>>,
    {
        let mut retry = Retry::until(task.deadline);
        loop {
            let cause = match attempt().await {
                Ok(done) => {
                    self.known.store(true, Ordering::Relaxed);
                    return Ok(done);
                }
                Err(cause) => cause,
            };
            let Some(wait) = retry.next_wait(&cause) else { return Err(cause) };
            tracing::debug!(?cause, "{} {} is tried again", task.what, task.key);
            tokio::time::sleep(wait).await;
        }
    }

    /// Tells a missing bucket from a missing object, the first time that may be the reason.
    pub(super) async fn need_bucket(&self) -> Result<(), Error> {
        if self.known.load(Ordering::Relaxed) {
            return Ok(());
        }
        let task = self.task("list", "the bucket", Duration::ZERO);
        let ask = || async {
            let one = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
            Ok(self.store.list_paginated(None, one).await.map(|_| ())?)
        };
        match self.retrying(&task, ask).await {
            Err(Cause::UnusableKey(_)) | Ok(()) => Ok(()),
            Err(cause) => Err(task.error(cause)),
        }
    }
}

/// Refuses what cannot be a key.
pub fn check_key(key: &str) -> Result<(), Error> {
    path(key).map(|_| ())
}

/// A key as `object_store` takes it: exactly as it is, or not at all.
pub(super) fn path(key: &str) -> Result<Path, Error> {
    if key.len() > KEY_BYTES {
        return Err(Error::LongKey { key: key.to_owned() });
    }
    let bad = |reason: String| Error::BadKey { key: key.to_owned(), reason };
    let path = Path::parse(key).map_err(|error| bad(error.to_string()))?;
    if key.is_empty() || path.as_ref() != key {
        return Err(bad("a key is not empty and neither begins nor ends with a slash".into()));
    }
    Ok(path)
}
