//! What `stat` says of objects and directories.
#![allow(unsafe_code)]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, SystemTime};

use libc::{stat64, statx, timespec};

/// The device of everything in the bucket: one for all mapped folders, so that files can be renamed between them ("lf" in ASCII).
const DEVICE: u32 = 0x6c66;
/// 2000-01-01 00:00 UTC. Not 1970, which zip archives cannot hold.
const DIRECTORY_TIME: Duration = Duration::from_secs(946_684_800);
/// Unit of `st_blocks`, whatever the block size.
pub(crate) const BLOCK_BYTES: u64 = 512;

/// What the kernel would know of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// The same for the same key.
    pub(crate) inode: u64,
    /// Whether it is a directory.
    pub(crate) is_directory: bool,
    /// Bytes.
    pub(crate) size: u64,
    /// When it was written.
    pub(crate) modified: SystemTime,
    /// Whether it has no name any more.
    pub(crate) is_unlinked: bool,
}

impl Attributes {
    /// Of a file under this key.
    pub(crate) fn file(key: &str, size: u64, modified: SystemTime) -> Attributes {
        Attributes { inode: inode(key), is_directory: false, size, modified, is_unlinked: false }
    }

    /// Of a directory with this prefix. A bucket keeps no times for directories: all are of the year 2000.
    pub(crate) fn directory(prefix: &str) -> Attributes {
        let key = prefix.trim_end_matches('/');
        let modified = SystemTime::UNIX_EPOCH + DIRECTORY_TIME;
        Attributes { inode: inode(key), is_directory: true, size: 4096, modified, is_unlinked: false }
    }

    fn mode(&self) -> u32 {
        if self.is_directory { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o644 }
    }

    fn links(&self) -> u32 {
        match (self.is_unlinked, self.is_directory) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    fn since_epoch(&self) -> Duration {
        self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    /// As `stat` has it.
    pub(crate) fn stat(&self) -> stat64 {
        // SAFETY: a struct of integers, for which all zeros is a value.
        let mut stat: stat64 = unsafe { std::mem::zeroed() };
        stat.st_dev = DEVICE.into();
        stat.st_ino = self.inode;
        stat.st_mode = self.mode();
        stat.st_nlink = self.links() as _;
        (stat.st_uid, stat.st_gid) = owner();
        stat.st_size = self.size as i64;
        stat.st_blksize = 4096;
        stat.st_blocks = self.size.div_ceil(BLOCK_BYTES) as i64;
        let at = self.since_epoch();
        (stat.st_mtime, stat.st_mtime_nsec) = (at.as_secs() as i64, at.subsec_nanos().into());
        (stat.st_ctime, stat.st_ctime_nsec) = (stat.st_mtime, stat.st_mtime_nsec);
        (stat.st_atime, stat.st_atime_nsec) = (stat.st_mtime, stat.st_mtime_nsec);
        stat
    }

    /// As `statx` has it.
    pub(crate) fn statx(&self) -> statx {
        // SAFETY: a struct of integers, for which all zeros is a value.
        let mut out: statx = unsafe { std::mem::zeroed() };
        let at = self.since_epoch();
        let mut time = out.stx_mtime;
        (time.tv_sec, time.tv_nsec) = (at.as_secs() as i64, at.subsec_nanos());
        out.stx_mask = libc::STATX_BASIC_STATS;
        out.stx_blksize = 4096;
        out.stx_nlink = self.links();
        (out.stx_uid, out.stx_gid) = owner();
        out.stx_mode = self.mode() as u16;
        out.stx_ino = self.inode;
        out.stx_size = self.size;
        out.stx_blocks = self.size.div_ceil(BLOCK_BYTES);
        (out.stx_atime, out.stx_ctime, out.stx_mtime) = (time, time, time);
        (out.stx_dev_major, out.stx_dev_minor) = (libc::major(DEVICE.into()), libc::minor(DEVICE.into()));
        out
    }
}

/// Whose everything in the bucket is: the process's own user and group.
fn owner() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// A number that is the same for the same key, in every process, and not 0.
pub(crate) fn inode(key: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() | 1
}

/// `timespec`s of `utimensat` are not kept; only their form is checked, as the kernel does.
pub(crate) fn is_valid_time(time: &timespec) -> bool {
    (0..1_000_000_000).contains(&time.tv_nsec) || time.tv_nsec == libc::UTIME_NOW || time.tv_nsec == libc::UTIME_OMIT
}
