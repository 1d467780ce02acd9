//! The libc functions that ours stand in front of.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{DIR, FILE, dirent64, gid_t, mode_t, off64_t, pid_t, size_t, ssize_t, stat64, timespec, timeval, uid_t};

use symbol::libc_functions;

mod older;
mod symbol;

pub use older::{__fxstat, __fxstatat, __lxstat, __xstat, close};

#[cold]
fn find(name: &CStr, found: &AtomicPtr<c_void>) -> *mut c_void {
    // A program that calls what neither libc nor `older` has would not have started without us.
    let symbol = symbol::next(name).or_else(|| older::substitute(name)).unwrap_or_else(|| std::process::abort());
    found.store(symbol, Ordering::Relaxed);
    symbol
}

type Path = *const c_char;

libc_functions! {
    find;
    open(Path, c_int, mode_t) -> c_int;
    open64(Path, c_int, mode_t) -> c_int;
    openat(c_int, Path, c_int, mode_t) -> c_int;
    openat64(c_int, Path, c_int, mode_t) -> c_int;
    fopen(Path, Path) -> *mut FILE;
    fopen64(Path, Path) -> *mut FILE;
    freopen(Path, Path, *mut FILE) -> *mut FILE;
    freopen64(Path, Path, *mut FILE) -> *mut FILE;
    fclose(*mut FILE) -> c_int;
    stat(Path, *mut stat64) -> c_int;
    lstat(Path, *mut stat64) -> c_int;
    fstat(c_int, *mut stat64) -> c_int;
    fstatat(c_int, Path, *mut stat64, c_int) -> c_int;
    statx(c_int, Path, c_int, c_uint, *mut libc::statx) -> c_int;
    access(Path, c_int) -> c_int;
    faccessat(c_int, Path, c_int, c_int) -> c_int;
    euidaccess(Path, c_int) -> c_int;
    unlink(Path) -> c_int;
    unlinkat(c_int, Path, c_int) -> c_int;
    remove(Path) -> c_int;
    rename(Path, Path) -> c_int;
    renameat(c_int, Path, c_int, Path) -> c_int;
    renameat2(c_int, Path, c_int, Path, c_uint) -> c_int;
    link(Path, Path) -> c_int;
    linkat(c_int, Path, c_int, Path, c_int) -> c_int;
    symlink(Path, Path) -> c_int;
    symlinkat(Path, c_int, Path) -> c_int;
    mkdir(Path, mode_t) -> c_int;
    mkdirat(c_int, Path, mode_t) -> c_int;
    rmdir(Path) -> c_int;
    chdir(Path) -> c_int;
    fchdir(c_int) -> c_int;
    opendir(Path) -> *mut DIR;
    fdopendir(c_int) -> *mut DIR;
    readdir64(*mut DIR) -> *mut dirent64;
    readdir64_r(*mut DIR, *mut dirent64, *mut *mut dirent64) -> c_int;
    closedir(*mut DIR) -> c_int;
    rewinddir(*mut DIR) -> ();
    telldir(*mut DIR) -> c_long;
    seekdir(*mut DIR, c_long) -> ();
    dirfd(*mut DIR) -> c_int;
    scandir64(Path, *mut *mut *mut dirent64, Option<Filter>, Option<Compare>) -> c_int;
    mkstemp64(*mut c_char) -> c_int;
    mkostemp64(*mut c_char, c_int) -> c_int;
    mkstemps64(*mut c_char, c_int) -> c_int;
    mkostemps64(*mut c_char, c_int, c_int) -> c_int;
    mkdtemp(*mut c_char) -> *mut c_char;
    realpath(Path, *mut c_char) -> *mut c_char;
    readlink(Path, *mut c_char, size_t) -> ssize_t;
    readlinkat(c_int, Path, *mut c_char, size_t) -> ssize_t;
    truncate64(Path, off64_t) -> c_int;
    utimensat(c_int, Path, *const timespec, c_int) -> c_int;
    utimes(Path, *const timeval) -> c_int;
    utime(Path, *const c_void) -> c_int;
    chmod(Path, mode_t) -> c_int;
    fchmodat(c_int, Path, mode_t, c_int) -> c_int;
    chown(Path, uid_t, gid_t) -> c_int;
    lchown(Path, uid_t, gid_t) -> c_int;
    fchownat(c_int, Path, uid_t, gid_t, c_int) -> c_int;
    statfs64(Path, *mut libc::statfs64) -> c_int;
    statvfs64(Path, *mut libc::statvfs64) -> c_int;
    listxattr(Path, *mut c_char, size_t) -> ssize_t;
    llistxattr(Path, *mut c_char, size_t) -> ssize_t;
    getxattr(Path, Path, *mut c_void, size_t) -> ssize_t;
    lgetxattr(Path, Path, *mut c_void, size_t) -> ssize_t;
    setxattr(Path, Path, *const c_void, size_t, c_int) -> c_int;
    lsetxattr(Path, Path, *const c_void, size_t, c_int) -> c_int;
    removexattr(Path, Path) -> c_int;
    lremovexattr(Path, Path) -> c_int;
    fstatfs64(c_int, *mut libc::statfs64) -> c_int;
    fstatvfs64(c_int, *mut libc::statvfs64) -> c_int;
    dup(c_int) -> c_int;
    dup2(c_int, c_int) -> c_int;
    dup3(c_int, c_int, c_int) -> c_int;
    fcntl64(c_int, c_int, *mut c_void) -> c_int;
    fcntl(c_int, c_int, *mut c_void) -> c_int;
    flock(c_int, c_int) -> c_int;
    lockf64(c_int, c_int, off64_t) -> c_int;
    socket(c_int, c_int, c_int) -> c_int;
    socketpair(c_int, c_int, c_int, *mut c_int) -> c_int;
    epoll_create1(c_int) -> c_int;
    eventfd(c_uint, c_int) -> c_int;
    close_range(c_uint, c_uint, c_int) -> c_int;
    closefrom(c_int) -> ();
    fsync(c_int) -> c_int;
    fdatasync(c_int) -> c_int;
    execve(Path, *const Path, *const Path) -> c_int;
    execvpe(Path, *const Path, *const Path) -> c_int;
    fexecve(c_int, *const Path, *const Path) -> c_int;
    posix_spawn(*mut pid_t, Path, *const c_void, *const c_void, *const Path, *const Path) -> c_int;
    posix_spawnp(*mut pid_t, Path, *const c_void, *const c_void, *const Path, *const Path) -> c_int;
    _exit(c_int) -> ();
    wait(*mut c_int) -> pid_t;
    waitpid(pid_t, *mut c_int, c_int) -> pid_t;
    wait3(*mut c_int, c_int, *mut c_void) -> pid_t;
    wait4(pid_t, *mut c_int, c_int, *mut c_void) -> pid_t;
    waitid(c_uint, libc::id_t, *mut c_void, c_int) -> c_int;
    system(Path) -> c_int;
    popen(Path, Path) -> *mut FILE;
    pclose(*mut FILE) -> c_int;
    glob64(Path, c_int, Option<GlobError>, *mut c_void) -> c_int;
    ftw64(Path, Ftw, c_int) -> c_int;
    nftw64(Path, Nftw, c_int, c_int) -> c_int;
}

/// What `glob` calls for a folder that cannot be read.
pub type GlobError = unsafe extern "C" fn(Path, c_int) -> c_int;
/// What `ftw` calls for each file.
pub type Ftw = unsafe extern "C" fn(Path, *const stat64, c_int) -> c_int;
/// What `nftw` calls for each file.
pub type Nftw = unsafe extern "C" fn(Path, *const stat64, c_int, *mut c_void) -> c_int;

/// `scandir`'s filter.
pub type Filter = unsafe extern "C" fn(*const dirent64) -> c_int;
/// `scandir`'s order.
pub type Compare = unsafe extern "C" fn(*mut *const dirent64, *mut *const dirent64) -> c_int;
