//! The shadow folder: what processes of one machine must share beside the bucket. It is private to one user, and always at the same
//! place, whatever the environment says. rustix's system calls go past the hook.

use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::geteuid;
use sha2::{Digest, Sha256};

use super::descriptor::Descriptor;
use super::disk;
use super::errno::{Errno, Result};

/// The file that stands for a file of a bucket where it is locked. `bucket`: which of all there are.
pub(super) fn lock_file(bucket: &str, key: &str) -> Result<Descriptor> {
    let name = hex::encode(Sha256::digest(format!("{bucket}/{key}")));
    let path = folder()?.join(name);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    Descriptor::new(rustix::fs::openat(CWD, &path, flags, Mode::RUSR | Mode::WUSR)?)
}

/// The folder with the lock files. One that somebody else has made at its place is not used.
fn folder() -> Result<PathBuf> {
    let user = geteuid();
    let top = PathBuf::from(format!("/tmp/liteflare-{}", user.as_raw()));
    match rustix::fs::mkdir(&top, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let stat = rustix::fs::lstat(&top)?;
    let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if !is_folder || stat.st_uid != user.as_raw() || stat.st_mode & 0o077 != 0 {
        crate::log::warn(&format_args!(
            "{} is not a private folder of this user, so no file of a mapped folder can be locked: remove it",
            top.display()
        ));
        return Err(Errno(libc::ENOLCK));
    }
    let locks = top.join("locks");
    disk::make(&locks)?;
    Ok(locks)
}
