//! Functions that walk through folders. libc's call internal functions, which are not hooked: `glob` can be told to call others;
//! `ftw` and `nftw` are written anew here, for walks that come into a mapped folder.

use std::collections::HashSet;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use libc::{DIR, dirent64, size_t, stat64};

use super::arguments::{Directory, Room, Text};
use super::attributes::{lf_lstat, lf_stat};
use super::directories::{lf_closedir, lf_opendir, lf_readdir};
use super::frame::{checked, hooked, keeping_errno, outside};
use super::hook;
use super::links::lf_chdir;
use crate::hook::errno::{Errno, Result};
use crate::hook::paths::as_path;
use crate::hook::real;
use crate::hook::real::{Ftw, GlobError, Nftw};
use crate::hook::state::{Hook, local_path};

const ALTDIRFUNC: c_int = 1 << 9; // glibc's `glob.h`

/// glibc's `glob_t`.
#[repr(C)]
pub(crate) struct Glob {
    count: size_t,
    paths: *mut *mut c_char,
    offset: size_t,
    flags: c_int,
    closedir: Option<unsafe extern "C" fn(Directory)>,
    readdir: Option<unsafe extern "C" fn(Directory) -> *mut dirent64>,
    opendir: Option<unsafe extern "C" fn(Text) -> *mut DIR>,
    lstat: Option<unsafe extern "C" fn(Text, Room<stat64>) -> c_int>,
    stat: Option<unsafe extern "C" fn(Text, Room<stat64>) -> c_int>,
}

hooked! {
    fn lf_glob(pattern: Text, flags: c_int, error: Option<GlobError>, out: *mut c_void) -> c_int, or glob64 {
        let is_ours = hook().is_some_and(is_mapping) && flags & ALTDIRFUNC == 0;
        // SAFETY: our caller has given what `glob` demands, room for a `glob_t` among it.
        is_ours.then(|| Ok(outside(|| unsafe { glob(pattern, flags, error, &mut *out.cast()) })))
    }
    fn lf_ftw(path: Text, call: Ftw, descriptors: c_int) -> c_int, or ftw64 {
        concerned(path).map(|path| keeping_errno(|| outside(|| Walk::new(0, Call::Ftw(call)).start(path))))
    }
    fn lf_nftw(path: Text, call: Nftw, descriptors: c_int, flags: c_int) -> c_int, or nftw64 {
        concerned(path).map(|path| keeping_errno(|| outside(|| Walk::new(flags, Call::Nftw(call)).start(path))))
    }
}

/// SAFETY (of the callers): as `glob` demands.
unsafe fn glob(pattern: Text, flags: c_int, error: Option<GlobError>, out: &mut Glob) -> c_int {
    out.closedir = Some(close);
    out.readdir = Some(lf_readdir);
    out.opendir = Some(lf_opendir);
    out.lstat = Some(lf_lstat);
    out.stat = Some(lf_stat);
    // SAFETY: as above, and the five functions are of the types that `glob` wants.
    let result = unsafe { real::glob64()(pattern.into(), flags | ALTDIRFUNC, error, (&raw mut *out).cast()) };
    out.flags &= !ALTDIRFUNC;
    result
}

unsafe extern "C" fn close(dir: Directory) {
    // SAFETY: `glob` closes what it has opened.
    unsafe { lf_closedir(dir) };
}

fn is_mapping(hook: &Hook) -> bool {
    !hook.paths.is_empty()
}

/// The path, if a walk from there comes into a mapped folder.
fn concerned(path: Text<'_>) -> Option<&CStr> {
    let hook = hook().filter(|hook| is_mapping(hook))?;
    let path = path.get()?;
    local_path(libc::AT_FDCWD, as_path(path)).is_some_and(|path| hook.paths.meets(&path)).then_some(path)
}

// glibc's `ftw.h`.
const PHYS: c_int = 1;
const MOUNT: c_int = 2;
const CHDIR: c_int = 4;
const DEPTH: c_int = 8;
const ACTIONRETVAL: c_int = 16;
const SKIP_SUBTREE: c_int = 2;
const SKIP_SIBLINGS: c_int = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File = 0,
    Folder = 1,
    Unreadable = 2,
    Unknown = 3,
    Link = 4,
    FolderAfter = 5,
    DeadLink = 6,
}

/// `struct FTW`.
#[repr(C)]
pub(crate) struct Position {
    base: c_int,
    level: c_int,
}

enum Call {
    Ftw(Ftw),
    Nftw(Nftw),
}

struct Walk {
    flags: c_int,
    call: Call,
    device: u64,
    /// Folders that were entered: with links followed, one may lead back.
    entered: HashSet<(u64, u64)>,
}

impl Walk {
    fn new(flags: c_int, call: Call) -> Walk {
        Walk { flags, call, device: 0, entered: HashSet::new() }
    }

    fn has(&self, flag: c_int) -> bool {
        self.flags & flag != 0
    }

    fn start(mut self, path: &CStr) -> Result<c_int> {
        let bytes = path.to_bytes();
        let end = bytes.iter().rposition(|byte| *byte != b'/').map_or(bytes.len().min(1), |last| last + 1);
        let path = &bytes[..end];
        let (_, stat) = self.look(path)?;
        self.device = stat.st_dev;
        let before = if self.has(CHDIR) { Some(std::env::current_dir()?) } else { None };
        let result = self.visit(path, 0);
        if let Some(before) = before {
            change(&before)?;
        }
        match result? {
            SKIP_SUBTREE | SKIP_SIBLINGS if self.has(ACTIONRETVAL) => Ok(0),
            result => Ok(result),
        }
    }

    /// What is there.
    fn look(&self, path: &[u8]) -> Result<(Kind, stat64)> {
        let path = CString::new(path).map_err(|_| Errno(libc::EINVAL))?;
        // SAFETY: a struct of integers alone, for which all zeros is a value.
        let mut stat: stat64 = unsafe { std::mem::zeroed() };
        // SAFETY: a C string, and room for a `stat`.
        if !self.has(PHYS) && unsafe { lf_stat(Text::from(&*path), Room::from(&mut stat)) } == 0 {
            return Ok((Kind::of(&stat), stat));
        }
        // SAFETY: as above.
        checked(unsafe { lf_lstat(Text::from(&*path), Room::from(&mut stat)) })?;
        match Kind::of(&stat) {
            Kind::Link if !self.has(PHYS) => Ok((Kind::DeadLink, stat)),
            kind => Ok((kind, stat)),
        }
    }

    /// Calls for a path and what is below it. Something else than 0 ends the walk, or a part of it.
    fn visit(&mut self, path: &[u8], level: c_int) -> Result<c_int> {
        // SAFETY: a struct of integers, for which all zeros is a value.
        let (kind, stat) = self.look(path).unwrap_or_else(|_| (Kind::Unknown, unsafe { std::mem::zeroed() }));
        if self.has(MOUNT) && kind != Kind::Unknown && stat.st_dev != self.device {
            return Ok(0);
        }
        if kind != Kind::Folder {
            return self.call(path, &stat, kind, level);
        }
        if !self.has(PHYS) && !self.entered.insert((stat.st_dev, stat.st_ino)) {
            return Ok(0);
        }
        let names = match names_in(path) {
            Ok(names) => names,
            Err(Errno(libc::EACCES)) => return self.call(path, &stat, Kind::Unreadable, level),
            Err(error) => return Err(error),
        };
        if !self.has(DEPTH) {
            match self.call(path, &stat, Kind::Folder, level)? {
                0 => {}
                SKIP_SUBTREE if self.has(ACTIONRETVAL) => return Ok(0),
                other => return Ok(other),
            }
        }
        for name in names {
            let separator: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
            match self.visit(&[path, separator, &name].concat(), level + 1)? {
                0 => {}
                SKIP_SIBLINGS if self.has(ACTIONRETVAL) => break,
                SKIP_SUBTREE if self.has(ACTIONRETVAL) => {}
                other => return Ok(other),
            }
        }
        if self.has(DEPTH) { self.call(path, &stat, Kind::FolderAfter, level) } else { Ok(0) }
    }

    fn call(&self, path: &[u8], stat: &stat64, kind: Kind, level: c_int) -> Result<c_int> {
        let base = path.iter().rposition(|byte| *byte == b'/').filter(|_| path.len() > 1).map_or(0, |slash| slash + 1);
        if self.has(CHDIR) && base > 0 {
            change(as_path(&CString::new(&path[..base]).map_err(|_| Errno(libc::EINVAL))?))?;
        }
        let path = CString::new(path).map_err(|_| Errno(libc::EINVAL))?;
        let mut position = Position { base: base as c_int, level };
        // SAFETY: the function is the caller's, of the type that `ftw` and `nftw` want.
        Ok(unsafe {
            match self.call {
                // `ftw` knows files, folders and what it cannot look at.
                Call::Ftw(call) => {
                    let kind = match kind {
                        Kind::Link => Kind::File,
                        Kind::DeadLink => Kind::Unknown,
                        kind => kind,
                    };
                    call(path.as_ptr(), stat, kind as c_int)
                }
                Call::Nftw(call) => call(path.as_ptr(), stat, kind as c_int, (&raw mut position).cast::<c_void>()),
            }
        })
    }
}

impl Kind {
    fn of(stat: &stat64) -> Kind {
        match stat.st_mode & libc::S_IFMT {
            libc::S_IFDIR => Kind::Folder,
            libc::S_IFLNK => Kind::Link,
            _ => Kind::File,
        }
    }
}

fn names_in(path: &[u8]) -> Result<Vec<Vec<u8>>> {
    let path = CString::new(path).map_err(|_| Errno(libc::EINVAL))?;
    let mut names = Vec::new();
    // SAFETY: a C string.
    let stream = unsafe { lf_opendir(Text::from(&*path)) };
    if stream.is_null() {
        return Err(Errno::last());
    }
    // SAFETY: the stream is open, and this function's alone; an entry is read before the next one is.
    while let Some(entry) = unsafe { lf_readdir(Directory::new(stream)).as_ref() } {
        // SAFETY: the name ends with a null byte.
        let name = unsafe { CStr::from_ptr(entry.d_name.as_ptr()) }.to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    // SAFETY: it is not used any more.
    unsafe { lf_closedir(Directory::new(stream)) };
    Ok(names)
}

fn change(folder: &Path) -> Result<()> {
    let path = CString::new(folder.as_os_str().as_encoded_bytes()).map_err(|_| Errno(libc::EINVAL))?;
    // SAFETY: a C string.
    checked(unsafe { lf_chdir(Text::from(&*path)) })
}
