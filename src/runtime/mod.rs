//! All that is made anew after `fork`: the background thread and the HTTP connections.
//!
//! The host's threads are not ours: they call into SQLite and wait for us. Requests therefore run on a thread of our own,
//! and the caller waits for the answer. All of it is also made anew when the host has closed the descriptors it needs.

mod health;
mod http;
pub mod numbers;
pub(crate) mod place;
mod raw;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Once, Weak};
use std::thread::LocalKey;
use std::time::Duration;

use health::Health;
pub use http::{Http, is_loopback};

/// How often one who waits for an answer looks whether the runtime is still there to give it.
const LOOK: Duration = Duration::from_millis(200);

/// The process's background thread and HTTP connections.
pub struct Runtime {
    tokio: tokio::runtime::Handle,
    health: Arc<Health>,
    /// What requests are sent with.
    pub http: Http,
}

thread_local! {
    static OUR_WORK: Cell<bool> = const { Cell::new(false) };
    /// Whether the path hook passes this thread's calls on to libc. (Without a destructor: there until the thread's very end.)
    static PAST_THE_HOOK: Cell<bool> = const { Cell::new(false) };
    /// The runtime whose background thread this is.
    static OWN: RefCell<Weak<Runtime>> = const { RefCell::new(Weak::new()) };
}

/// Whether this thread is at liteflare's own work: it sees what lies on the disk at a database's path, past the path hook.
pub fn is_our_work() -> bool {
    OUR_WORK.get()
}

/// Does `work` as liteflare's own.
pub fn as_our_work<T>(work: impl FnOnce() -> T) -> T {
    let _before = Before::set(&OUR_WORK, true);
    work()
}

/// Does `work` as liteflare's own, on the disk alone. The way to the bucket begins so: what is read for it, settings and the links to
/// them, may lie where only the bucket could say what is there.
pub fn past_the_hook<T>(work: impl FnOnce() -> T) -> T {
    let _before = hook_is_passed(true);
    as_our_work(work)
}

/// Says whether the calls of this thread go past the path hook to libc, until the answer is dropped, which knows whether they did before.
#[inline]
pub fn hook_is_passed(is_passed: bool) -> Before {
    Before::set(&PAST_THE_HOOK, is_passed)
}

/// What a mark of this thread was before; dropped, after a panic too, it is that again.
pub struct Before {
    mark: &'static LocalKey<Cell<bool>>,
    was: bool,
}

impl Before {
    #[inline]
    fn set(mark: &'static LocalKey<Cell<bool>>, is_set: bool) -> Before {
        Before { mark, was: mark.replace(is_set) }
    }

    /// Whether it was set.
    #[inline]
    pub fn was(&self) -> bool {
        self.was
    }
}

impl Drop for Before {
    #[inline]
    fn drop(&mut self) {
        self.mark.set(self.was);
    }
}

impl Runtime {
    /// The runtime of this process. A child made by `fork` gets one of its own, since threads do not survive there, and so does a
    /// process that has closed the descriptors of the one before.
    pub fn current() -> std::io::Result<Arc<Runtime>> {
        if let Some(own) = OWN.with_borrow(Weak::upgrade) {
            return Ok(own);
        }
        if let Some(runtime) = Runtime::good() {
            return Ok(runtime);
        }
        let _turn = raw::Turn::take();
        if let Some(runtime) = Runtime::good() {
            return Ok(runtime); // another thread's
        }
        // The one before is not dropped: that would, in a child, wait for threads that do not exist there, and else close descriptors
        // that are the host's now.
        let runtime = as_our_work(Runtime::start)?;
        raw::keep(runtime.clone());
        Ok(runtime)
    }

    fn good() -> Option<Arc<Runtime>> {
        raw::newest().filter(|runtime| runtime.is_good())
    }

    fn start() -> std::io::Result<Arc<Runtime>> {
        // The only failure is "somebody installed one already", and then that one serves.
        let _ = rustls::crypto::ring::default_provider().install_default();
        expect_panics_of_the_driver();
        numbers::clear();
        let health = Arc::new(Health::new()?);
        let (parks, wakes) = (health.clone(), health.clone());
        // tokio's threads of the other kind abort the process when one of them panics.
        let tokio = tokio::runtime::Builder::new_current_thread()
            .thread_name("liteflare")
            .on_thread_start(|| OUR_WORK.set(true))
            .on_thread_park(move || parks.insist())
            .on_thread_unpark(move || wakes.insist())
            .enable_all()
            .build()?;
        let http = Http::new()?;
        health.complete()?;
        let runtime = Arc::new(Runtime { tokio: tokio.handle().clone(), health, http });
        let own = Arc::downgrade(&runtime);
        std::thread::Builder::new().name("liteflare".into()).spawn(move || drive(tokio, own))?;
        Ok(runtime)
    }

    /// Whether what was made with it can still be used, or dropped. (What cannot must be leaked.)
    pub fn is_good(&self) -> bool {
        self.health.is_good()
    }

    /// Runs `future` on the background thread and waits for it. `None`: it panicked, or the runtime has ended before there was an answer.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Option<T> {
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        self.spawn(async move {
            let _ = done.send(future.await); // nobody waits any more only when the caller's thread is gone
        })?;
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) if self.is_good() => {}
                Err(_) => return None,
            }
        }
    }

    /// Does `work`, which may block, after `wait`, on a thread of ours.
    pub fn later(&self, wait: Duration, work: impl FnOnce() + Send + 'static) {
        self.spawn(async move {
            tokio::time::sleep(wait).await;
            tokio::task::spawn_blocking(work);
        });
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Option<()> {
        if !self.is_good() {
            std::mem::forget(work); // it may hold a connection
            return None;
        }
        // tokio panics when its thread cannot be woken.
        let spawned = catch_unwind(AssertUnwindSafe(|| self.tokio.spawn(work)));
        spawned.map(drop).map_err(|_| self.health.end()).ok()
    }
}

/// The background thread. It ends only if tokio cannot go on.
fn drive(tokio: tokio::runtime::Runtime, own: Weak<Runtime>) {
    let tokio = ManuallyDrop::new(tokio); // as `Health::rest` has it
    OUR_WORK.set(true);
    let runtime = own.upgrade();
    OWN.set(own);
    let _ = catch_unwind(AssertUnwindSafe(|| tokio.block_on(std::future::pending::<()>())));
    if let Some(runtime) = runtime {
        runtime.health.end();
    }
}

/// tokio panics when its descriptors are gone. That is dealt with, and no reason to alarm anybody.
fn expect_panics_of_the_driver() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map_or("", |location| location.file());
            if !file.contains("/tokio-") || !file.ends_with("runtime/io/driver.rs") {
                return usual(panic);
            }
            tracing::debug!("the runtime has lost its descriptors and starts anew: {panic}");
            // On tokio's own thread, unwinding would close descriptors. (Nobody changes the panic hook later, which this keeps busy.)
            if let Some(own) = OWN.with_borrow(Weak::upgrade) {
                own.health.rest();
            }
        }));
    });
}
