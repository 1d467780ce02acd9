//! All that is made anew after `fork`: the background thread and the HTTP connections.
//!
//! The host's threads are not ours: they call into SQLite and wait for us. Requests therefore run on a thread of our own,
//! and the caller waits for the answer.

use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use parking_lot::Mutex;

/// The process's background thread and HTTP connections.
pub struct Runtime {
    pid: u32,
    tokio: tokio::runtime::Runtime,
    /// Shared by all databases of the process: connections are kept open between requests.
    pub http: reqwest::Client,
}

thread_local! {
    static OUR_WORK: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is at liteflare's own work: it sees what lies on the disk at a database's path, past the path hook.
pub fn is_our_work() -> bool {
    OUR_WORK.get()
}

/// Does `work` as liteflare's own.
pub fn as_our_work<T>(work: impl FnOnce() -> T) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            OUR_WORK.set(self.0);
        }
    }
    let _before = Before(OUR_WORK.replace(true));
    work()
}

/// The process's runtime. Rank 9: held to clone or make it, never while calling anything that takes another lock.
static CURRENT: Mutex<Option<Arc<Runtime>>> = Mutex::new(None);

impl Runtime {
    /// The runtime of this process; a child made by `fork` gets one of its own, since threads do not survive there.
    pub fn current() -> std::io::Result<Arc<Runtime>> {
        let mut current = CURRENT.lock();
        if let Some(runtime) = current.as_ref()
            && runtime.pid == std::process::id()
        {
            return Ok(runtime.clone());
        }
        // The parent's threads do not exist in a child: dropping its runtime here would wait for them for ever.
        std::mem::forget(current.take());
        let runtime = Arc::new(as_our_work(Runtime::start)?);
        *current = Some(runtime.clone());
        Ok(runtime)
    }

    fn start() -> std::io::Result<Runtime> {
        // The only failure is "somebody installed one already", and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("liteflare")
            .on_thread_start(|| OUR_WORK.set(true))
            .enable_all()
            .build()?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("liteflare/", env!("CARGO_PKG_VERSION")))
            .tcp_nodelay(true)
            .build()
            .map_err(no_https)?;
        Ok(Runtime { pid: std::process::id(), tokio, http })
    }

    /// Runs `future` on the background thread and waits for it. `None`: it panicked.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        self.tokio.spawn(async move {
            let _ = done.send(future.await); // nobody waits any more only when the caller's thread is gone
        });
        answer.recv().ok()
    }

    /// Does `work`, which may block, after `wait`, on a thread of ours.
    pub fn later(&self, wait: std::time::Duration, work: impl FnOnce() + Send + 'static) {
        self.tokio.spawn(async move {
            tokio::time::sleep(wait).await;
            tokio::task::spawn_blocking(work);
        });
    }
}

/// As in a small container; reqwest itself only says "builder error".
fn no_https(error: reqwest::Error) -> std::io::Error {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    std::io::Error::other(format!(
        "HTTPS cannot be set up, are the system's CA certificates installed (ca-certificates)? {cause}"
    ))
}
