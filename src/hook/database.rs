//! A database's path, read as a file. On the disk there is a small text (`serve::marker`); a program that asks for its size, or reads
//! it, finds the SQLite file that it stands for: one image of the replica. SQLite itself, and a program that opens the path for
//! writing, finds the text.
#![allow(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{CStr, CString, c_int};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use libc::{stat64, statx};

use super::errno::{Errno, Result};
use super::memfd::Memfd;
use super::real;
use super::stat::BLOCK_BYTES;
use crate::config::Prefilter;
use crate::image::Image;
use crate::lock::{Mutex, RwLock};
use crate::runtime::{as_our_work, is_our_work};
use crate::serve::marker;
use crate::serve::{replicas, router};

/// How much is copied at a time.
const COPIED_BYTES: u64 = 1 << 20;

/// After a failure D1 is left alone for so long: `ls`, `cp` and the like ask several times in a row.
const REST: Duration = Duration::from_secs(5);

/// What the process knows of its databases as files.
pub(crate) struct Databases {
    /// Rank 7. Held to look a path up or to add one.
    prefilters: RwLock<Vec<Prefilter>, 7>,
    /// How many replicas had been opened when `prefilters` was brought up to date.
    opened: AtomicUsize,
    /// The images that were shown, and since when. Rank 7.
    shown: Mutex<HashMap<PathBuf, (Weak<Image>, SystemTime)>, 7>,
    /// Why and when a database could not be read. Rank 7.
    failed: Mutex<HashMap<PathBuf, (String, Instant)>, 7>,
}

/// What a database's path looks like now.
pub(crate) struct View {
    /// What `stat` says.
    pub(crate) stat: stat64,
    /// What `statx` says.
    pub(crate) statx: statx,
    image: Arc<Image>,
}

impl Databases {
    /// Those whose paths look like this.
    pub(crate) fn new(prefilters: Vec<Prefilter>) -> Databases {
        let (shown, failed) = Default::default();
        Databases {
            prefilters: RwLock::new(prefilters),
            opened: AtomicUsize::new(replicas::opened_count()),
            shown,
            failed,
        }
    }

    /// Whether a path may be a database's; `false` is certain.
    #[inline]
    pub(crate) fn may_be(&self, path: &CStr) -> bool {
        if self.opened.load(Ordering::Relaxed) != replicas::opened_count() {
            self.learn();
        }
        self.prefilters.read().iter().any(|prefilter| prefilter.may_match(path.to_bytes())) && !is_our_work()
    }

    /// Takes every lock, for `fork`.
    pub(crate) fn lock(&self) -> impl Sized + '_ {
        (self.prefilters.write(), self.shown.lock(), self.failed.lock())
    }

    /// Adds the databases that a connection has opened under paths that the settings did not name at the start.
    #[cold]
    fn learn(&self) {
        self.opened.store(replicas::opened_count(), Ordering::Relaxed);
        let named = replicas::all().into_iter().filter_map(|(path, _)| Prefilter::named(&path));
        let mut prefilters = self.prefilters.write();
        for prefilter in named {
            if !prefilters.contains(&prefilter) {
                prefilters.push(prefilter);
            }
        }
    }

    /// What an absolute path looks like. `None`: it is no database of D1's, or not there.
    pub(crate) fn view(&self, path: &Path, follow: bool) -> Option<Result<View>> {
        as_our_work(|| {
            let c_path = CString::new(path.as_os_str().as_bytes()).ok()?;
            let (mut stat, mut statx) = on_disk(&c_path, follow)?;
            let is_marker = stat.st_mode & libc::S_IFMT == libc::S_IFREG
                && u64::try_from(stat.st_size).is_ok_and(|size| size <= marker::MOST_BYTES)
                && marker::Kind::at(path).is_ok_and(|kind| kind == marker::Kind::Marker);
            if !is_marker {
                return None;
            }
            let path = path.canonicalize().ok()?;
            let image = match self.image(&path)? {
                Ok(image) => image,
                Err(errno) => return Some(Err(errno)),
            };
            let since = self.since(&path, &image).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let (size, blocks) = (image.size(), image.size().div_ceil(BLOCK_BYTES));
            (stat.st_size, stat.st_blocks) = (size as i64, blocks as i64);
            (stat.st_mtime, stat.st_mtime_nsec) = (since.as_secs() as i64, since.subsec_nanos().into());
            (stat.st_ctime, stat.st_ctime_nsec) = (stat.st_mtime, stat.st_mtime_nsec);
            (statx.stx_size, statx.stx_blocks) = (size, blocks);
            (statx.stx_mtime.tv_sec, statx.stx_mtime.tv_nsec) = (since.as_secs() as i64, since.subsec_nanos());
            statx.stx_ctime = statx.stx_mtime;
            Some(Ok(View { stat, statx, image }))
        })
    }

    /// The image that a path (without symbolic links) stands for now.
    fn image(&self, path: &Path) -> Option<Result<Arc<Image>>> {
        let failed = self.failed.lock().get(path).map(|(reason, at)| (reason.clone(), at.elapsed()));
        if failed.as_ref().is_some_and(|(_, ago)| *ago < REST) {
            return Some(Err(Errno(libc::EIO)));
        }
        crate::log::start();
        let replica = router::replica_to_read(path)?;
        let image = replica.and_then(|replica| replica.before_read(false).map(|()| replica.newest()).map_err(Arc::new));
        Some(image.map_err(|error| {
            let reason = error.to_string();
            // Once: a program that reads a folder asks again and again, for each name in it.
            if failed.is_none_or(|(before, _)| before != reason) {
                error.report();
            }
            self.failed.lock().insert(path.to_path_buf(), (reason, Instant::now()));
            Errno(libc::EIO)
        }))
    }

    /// Since when the path shows this image.
    fn since(&self, path: &Path, image: &Arc<Image>) -> SystemTime {
        let mut shown = self.shown.lock();
        match shown.get(path) {
            Some((before, since)) if std::ptr::eq(before.as_ptr(), Arc::as_ptr(image)) => *since,
            _ => {
                let now = SystemTime::now();
                shown.insert(path.to_path_buf(), (Arc::downgrade(image), now));
                now
            }
        }
    }
}

impl View {
    /// A descriptor from which the database is read, as a file of the kernel's.
    pub(crate) fn open(&self, flags: c_int) -> Result<OwnedFd> {
        let memfd = Memfd::new("database", &[])?;
        let size = self.image.size();
        let mut at = 0;
        while at < size {
            let mut bytes = vec![0; usize::try_from((size - at).min(COPIED_BYTES)).unwrap_or(0)];
            self.image.read(at, &mut bytes);
            memfd.append(&bytes)?;
            at += bytes.len() as u64;
        }
        memfd.open(flags)
    }
}

/// What the disk has at a path.
fn on_disk(path: &CStr, follow: bool) -> Option<(stat64, statx)> {
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: both are structs of integers, for which all zeros is a value; the path is a C string.
    unsafe {
        let (mut stat, mut statx): (stat64, statx) = (std::mem::zeroed(), std::mem::zeroed());
        let found = real::fstatat()(libc::AT_FDCWD, path.as_ptr(), &mut stat, flags);
        let found_too = real::statx()(libc::AT_FDCWD, path.as_ptr(), flags, libc::STATX_BASIC_STATS, &mut statx);
        (found == 0 && found_too == 0).then_some((stat, statx))
    }
}
