//! The replicas of this process, by path: made once for all connections, and kept for a while after the last one has closed, since
//! many applications open a connection for each request.
//!
//! A child made by `fork` begins with none: its parent's may be locked by a thread that does not exist there, and their images stop at
//! the moment of the fork. (The child's copy of them is leaked, with what it locks.)

use std::collections::HashMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::marker;
use crate::config::Settings;
use crate::error::Error;
use crate::lock::Mutex;
use crate::replica::{Access, Replica};
use crate::runtime::Runtime;

/// How long a replica is kept that no connection uses: longer than the pauses between the requests to a small site, and than cron's
/// shortest interval. Bringing it forward after that costs one request, reading it anew costs one for each 4 MB.
const KEPT: Duration = Duration::from_secs(600);
/// What those that no connection uses may take together. The one that was left last stays, however large: the process had room for it
/// a moment ago, and will need it again for its next request.
const KEPT_BYTES: u64 = 512 << 20;

/// The replicas of a process.
#[derive(Default)]
struct Replicas {
    /// The last failure to make one. Rank 0. Held while a replica is made, so that two connections do not make it twice.
    hydrating: Mutex<Option<Failure>, 0>,
    /// Those there are. Rank 6: held to look or to add one, never while calling anything.
    open: Mutex<Known, 6>,
}

#[derive(Default)]
struct Known {
    by_path: HashMap<PathBuf, Open>,
    /// When those that were left long ago are looked for.
    sweep: Option<Instant>,
}

struct Open {
    settings: Settings,
    replica: Arc<Replica>,
    /// How many use it.
    connections: usize,
    /// Whether the marker was left: connections that only read leave none.
    is_marked: bool,
    /// Somebody reads the path as a file, and may do so again: it stays until the process ends.
    is_read_as_file: bool,
    /// When the last connection closed, and how many bytes the replica had.
    left: Option<(Instant, u64)>,
}

/// Who uses a replica.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Connections,
    /// No connection yet; somebody reads the path as a file.
    Readers,
    /// No connection any more.
    Nobody,
}

impl Open {
    /// When it was left and how large it is, if it goes one day.
    fn kept(&self) -> Option<(Instant, u64)> {
        self.left.filter(|_| !self.is_read_as_file)
    }
}

/// For those who waited for the same.
struct Failure {
    path: PathBuf,
    settings: Settings,
    at: Instant,
    error: Arc<Error>,
}

/// The replicas of a process, and those of a child that it makes.
struct Generation {
    pid: u32,
    replicas: Replicas,
    child: OnceLock<Box<Generation>>,
}

/// This process's. No lock is taken to find them: at the moment of a fork another thread might hold it.
fn replicas() -> &'static Replicas {
    static FIRST: OnceLock<Box<Generation>> = OnceLock::new();
    let (pid, mut place) = (std::process::id(), &FIRST);
    loop {
        let make = || Box::new(Generation { pid, replicas: Replicas::default(), child: OnceLock::new() });
        let generation = place.get_or_init(make);
        if generation.pid == pid {
            return &generation.replicas;
        }
        place = &generation.child;
    }
}

/// How many replicas this process has opened: a path may be new since somebody last looked.
static OPENED: AtomicUsize = AtomicUsize::new(0);

/// How many replicas this process has opened.
pub fn opened_count() -> usize {
    OPENED.load(Ordering::Acquire)
}

/// A connection's use of a replica.
pub struct InUse {
    path: PathBuf,
    replica: Arc<Replica>,
}

impl Deref for InUse {
    type Target = Arc<Replica>;

    fn deref(&self) -> &Arc<Replica> {
        &self.replica
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        replicas().leave(&self.path, &self.replica);
    }
}

/// The replica of a path for a connection.
pub(super) fn connect(path: &Path, settings: Settings, access: Access) -> Result<InUse, Arc<Error>> {
    let replicas = replicas();
    if let Some((replica, others)) = replicas.find(path, &settings, true) {
        let in_use = InUse { path: path.to_path_buf(), replica };
        if others != Others::Connections {
            // It begins as a first connection does.
            marker::check(path)?;
            in_use.before_first_use(others == Others::Readers);
        }
        if access != Access::Read && (others != Others::Connections || !replicas.is_marked(path)) {
            marker::leave(path, &settings)?;
            replicas.note_marker(path);
        }
        return Ok(in_use);
    }
    let replica = replicas.make(path, settings, Some(access))?;
    Ok(InUse { path: path.to_path_buf(), replica })
}

/// The replica of a path for somebody who reads it as a file: the one there is, else one that is made now and kept until the process
/// ends.
pub(super) fn read_as_file(path: &Path, settings: Settings) -> Result<Arc<Replica>, Arc<Error>> {
    let replicas = replicas();
    match replicas.find(path, &settings, false) {
        Some((replica, _)) => Ok(replica),
        None => replicas.make(path, settings, None),
    }
}

/// The replicas of this process, with their paths.
pub fn all() -> Vec<(PathBuf, Arc<Replica>)> {
    let known = replicas().open.lock();
    known.by_path.iter().map(|(path, open)| (path.clone(), open.replica.clone())).collect()
}

/// The replica of a path, if there is one.
pub fn of(path: &Path) -> Option<Arc<Replica>> {
    replicas().open.lock().by_path.get(path).map(|open| open.replica.clone())
}

/// Whether there is a replica of this path.
pub(super) fn has(path: &Path) -> bool {
    replicas().open.lock().by_path.contains_key(path)
}

impl Replicas {
    /// The replica of a path and of the database that `settings` name, and who uses it besides the caller, who is counted from now on
    /// if it is a connection.
    fn find(&self, path: &Path, settings: &Settings, is_connection: bool) -> Option<(Arc<Replica>, Others)> {
        let mut known = self.open.lock();
        let open = known.by_path.get_mut(path).filter(|open| open.settings == *settings)?;
        let others = match (open.connections, open.left) {
            (0, None) => Others::Readers,
            (0, Some(_)) => Others::Nobody,
            _ => Others::Connections,
        };
        if is_connection {
            open.connections += 1;
            open.left = None;
        }
        Some((open.replica.clone(), others))
    }

    /// Makes the replica of a path, unless somebody does meanwhile. Who waited for one that could not be made learns why, instead of
    /// trying the same and waiting as long again. `access`: of a connection.
    fn make(&self, path: &Path, settings: Settings, access: Option<Access>) -> Result<Arc<Replica>, Arc<Error>> {
        let (began, is_connection) = (Instant::now(), access.is_some());
        let access = access.unwrap_or(Access::Create);
        let mut failure = self.hydrating.lock();
        if let Some((replica, _)) = self.find(path, &settings, is_connection) {
            return Ok(replica);
        }
        let is_ours = |failed: &&Failure| failed.at >= began && failed.path == path && failed.settings == settings;
        if let Some(failed) = failure.as_ref().filter(is_ours) {
            return Err(failed.error.clone());
        }
        match hydrated(path, &settings, access) {
            Ok(replica) => {
                *failure = None;
                let connections = usize::from(is_connection);
                let (replica, is_read_as_file) = (Arc::new(replica), !is_connection);
                let is_marked = access != Access::Read;
                let open =
                    Open { settings, replica: replica.clone(), connections, is_marked, is_read_as_file, left: None };
                let before = self.open.lock().by_path.insert(path.to_path_buf(), open);
                drop(before); // another database's, which was served from this path
                OPENED.fetch_add(1, Ordering::AcqRel);
                Ok(replica)
            }
            Err(error) => {
                let (path, error) = (path.to_path_buf(), Arc::new(error));
                *failure = Some(Failure { path, settings, at: Instant::now(), error: error.clone() });
                Err(error)
            }
        }
    }

    fn is_marked(&self, path: &Path) -> bool {
        self.open.lock().by_path.get(path).is_some_and(|open| open.is_marked)
    }

    fn note_marker(&self, path: &Path) {
        if let Some(open) = self.open.lock().by_path.get_mut(path) {
            open.is_marked = true;
        }
    }

    /// A connection has closed.
    fn leave(&self, path: &Path, replica: &Arc<Replica>) {
        let is_this = |open: &&mut Open| Arc::ptr_eq(&open.replica, replica);
        // In a child made by `fork` it is the parent's, whose locks are not touched.
        if self.open.lock().by_path.get_mut(path).filter(is_this).is_none() {
            return;
        }
        let (now, bytes) = (Instant::now(), replica.newest().size());
        let (dropped, sweep) = {
            let mut known = self.open.lock();
            let Some(open) = known.by_path.get_mut(path).filter(is_this) else { return };
            open.connections -= 1;
            if open.connections > 0 {
                return;
            }
            open.left = Some((now, bytes));
            (known.take_over_bound(), known.next_sweep(now))
        };
        drop(dropped);
        sweep_after(sweep);
    }

    fn sweep(&self) {
        let (dropped, sweep) = {
            let (mut known, now) = (self.open.lock(), Instant::now());
            known.sweep = None;
            (known.take(|open| open.kept().is_some_and(|(at, _)| now >= at + KEPT)), known.next_sweep(now))
        };
        drop(dropped);
        sweep_after(sweep);
    }
}

impl Known {
    /// Takes out those that are too many bytes.
    fn take_over_bound(&mut self) -> Vec<Open> {
        match over_bound(self.by_path.values().filter_map(Open::kept).collect()) {
            Some(newest) => self.take(|open| open.kept().is_some_and(|(at, _)| at <= newest)),
            None => Vec::new(),
        }
    }

    /// Takes out those of which `which` is true, to be dropped when the lock is gone.
    fn take(&mut self, which: impl Fn(&Open) -> bool) -> Vec<Open> {
        self.by_path.extract_if(|_, open| which(open)).map(|(_, open)| open).collect()
    }

    /// When to look for what was left long ago, as a wait, if nobody does so already. (One that is overdue got lost with its thread.)
    fn next_sweep(&mut self, now: Instant) -> Option<Duration> {
        if self.sweep.is_some_and(|at| now < at + KEPT) {
            return None;
        }
        let first = self.by_path.values().filter_map(Open::kept).map(|(at, _)| at).min()?;
        self.sweep = Some(first + KEPT);
        Some((first + KEPT).saturating_duration_since(now))
    }
}

/// Of replicas with the times at which they were left and their bytes: those left then, or earlier, are too many bytes.
fn over_bound(mut left: Vec<(Instant, u64)>) -> Option<Instant> {
    left.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let mut sum = 0;
    let over = |(nth, (_, bytes)): &(usize, (Instant, u64))| {
        sum += bytes;
        *nth > 0 && sum > KEPT_BYTES
    };
    left.into_iter().enumerate().find(over).map(|(_, (at, _))| at)
}

fn sweep_after(wait: Option<Duration>) {
    if let Some(wait) = wait
        && let Ok(runtime) = Runtime::current()
    {
        runtime.later(wait, || replicas().sweep());
    }
}

fn hydrated(path: &Path, settings: &Settings, access: Access) -> Result<Replica, Error> {
    marker::check(path)?;
    let replica = Replica::open(settings, access)?;
    if access != Access::Read {
        marker::leave(path, settings)?;
    }
    Ok(replica)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_left_last_stays_and_others_as_far_as_there_is_room() {
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        let (first, second, third) = (at(1), at(2), at(3));
        let part = KEPT_BYTES / 2;
        assert_eq!(over_bound(vec![]), None);
        assert_eq!(over_bound(vec![(first, KEPT_BYTES * 9)]), None);
        assert_eq!(over_bound(vec![(first, part), (second, part)]), None);
        assert_eq!(over_bound(vec![(second, part), (first, part), (third, 1)]), Some(first));
        assert_eq!(over_bound(vec![(first, 1), (third, KEPT_BYTES + 1), (second, 1)]), Some(second));
    }
}
