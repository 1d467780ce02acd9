//! The path hook: with this library preloaded, file operations in the mapped folders happen in the bucket.
//! Without `LITEFLARE=1` every function falls straight through to libc, and without a bucket all but those that read a file.
//!
//! ```text
//! raw          the libc functions, and libc's own behind them (real)
//! state        what the hook knows: switched on or not, whose file a path names
//! inherit      open files across `exec`
//! open  upload  delete  rename  folders    the operations
//! store        what a name stands for: known, or asked of the bucket
//! locks        locks between processes, on files of the shadow folder (shadow)
//! deferred     deletions that wait for others
//! table        whose descriptor?
//! database     a database's path, read as a file
//! dir          directory streams
//! file         open files: bytes in memory (memfd), put into the bucket by `close`
//! directories  those without files, which stand on the disk (disk)
//! paths  stat  descriptor  children  errno
//! ```
//! A file uses those below it.

mod children;
mod database;
mod deferred;
mod delete;
mod descriptor;
mod dir;
mod directories;
mod disk;
mod errno;
mod file;
mod fingerprint;
mod folders;
mod inherit;
mod locks;
mod memfd;
mod open;
mod paths;
mod raw;
mod real;
mod rename;
mod shadow;
mod stat;
mod state;
mod store;
mod table;
mod upload;

pub(crate) use state::metrics;
