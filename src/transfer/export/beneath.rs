//! A folder, and what is made in it: no path leads out of it. Below the folder nothing is followed, no symbolic link and no `..`,
//! since others may have planted it, in a shared folder or in an export that was begun long ago.
//! In: paths relative to the folder. Out: descriptors. Each name is looked up in the descriptor of the folder it is in, one at a time:
//! `openat2` could do that in one call, but neither makes folders nor is it there on every kernel that we run on.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, DirEntry, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use crate::local_file;

/// What a folder is opened with. A symbolic link is refused.
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What a file is opened with. Opening a pipe does not wait.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// As for any file or folder that a program makes, less what the umask takes.
const FILE_MODE: Mode = Mode::from_raw_mode(0o666);
const FOLDER_MODE: Mode = Mode::from_raw_mode(0o777);

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    fd: OwnedFd,
    /// For messages.
    path: PathBuf,
}

impl Folder {
    /// Opens a folder. Only its last name must be no symbolic link: the path before it is the user's own.
    pub(crate) fn open(path: &Path) -> Result<Folder> {
        Ok(Folder { fd: open_folder(CWD, path, path)?, path: path.to_path_buf() })
    }

    /// Opens a folder below this one.
    pub(crate) fn below(&self, relative: &Path) -> Result<Folder> {
        self.walk(relative, false)
    }

    /// Opens a folder below this one, and makes it and those above it where they are missing.
    pub(crate) fn make_below(&self, relative: &Path) -> Result<Folder> {
        self.walk(relative, true)
    }

    fn walk(&self, relative: &Path, makes: bool) -> Result<Folder> {
        let mut at = Folder { fd: self.fd.try_clone()?, path: self.path.clone() };
        for component in relative.components() {
            let name = own_name(component)?;
            let path = at.path.join(name);
            let fd = match open_folder(at.fd.as_fd(), name, &path) {
                Err(error) if makes && error.kind() == ErrorKind::NotFound => {
                    match rustix::fs::mkdirat(&at.fd, name, FOLDER_MODE) {
                        Ok(()) | Err(Errno::EXIST) => open_folder(at.fd.as_fd(), name, &path)?,
                        Err(error) => return Err(error.into()),
                    }
                }
                opened => opened?,
            };
            at = Folder { fd, path };
        }
        Ok(at)
    }

    /// The folder that a path below this one is in, and the path's last name.
    fn parent_of<'p>(&self, relative: &'p Path, makes: bool) -> Result<(Folder, &'p Path)> {
        let name = own_name(relative.components().next_back().ok_or(ErrorKind::InvalidInput)?)?;
        Ok((self.walk(relative.parent().unwrap_or(Path::new("")), makes)?, name))
    }

    /// What there is at a path, itself if it is a symbolic link; `None`: nothing.
    pub(crate) fn look(&self, relative: &Path) -> Result<Option<Stat>> {
        let found = self
            .parent_of(relative, false)
            .and_then(|(folder, name)| Ok(rustix::fs::statat(&folder.fd, name, AtFlags::SYMLINK_NOFOLLOW)?));
        match found {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    /// Opens a file for reading; the error is of kind `NotFound` if there is none.
    pub(crate) fn read(&self, relative: &Path) -> Result<File> {
        let (folder, name) = self.parent_of(relative, false)?;
        let file = rustix::fs::openat(&folder.fd, name, OFlags::RDONLY | FILE, Mode::empty());
        local_file::regular(File::from(file.map_err(|error| link_or(error, &folder.path.join(name)))?))
    }

    /// Makes a new file directly in this folder.
    pub(crate) fn create(&self, name: &str) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | FILE;
        Ok(File::from(rustix::fs::openat(&self.fd, own_name_of(name)?, flags, FILE_MODE)?))
    }

    /// Gives a file of this folder a place below `to`, making the folders it takes. `replaces`: what has the place goes; else the error
    /// is of kind `AlreadyExists`.
    pub(crate) fn put(&self, name: &str, to: &Folder, place: &Path, replaces: bool) -> Result<()> {
        let (folder, new_name) = to.parent_of(place, true)?;
        let name = own_name_of(name)?;
        if replaces {
            return Ok(rustix::fs::renameat(&self.fd, name, &folder.fd, new_name)?);
        }
        match rustix::fs::renameat_with(&self.fd, name, &folder.fd, new_name, RenameFlags::NOREPLACE) {
            // Not every file system supports the flag.
            Err(Errno::INVAL | Errno::NOSYS) => {
                rustix::fs::linkat(&self.fd, name, &folder.fd, new_name, AtFlags::empty())?;
                Ok(rustix::fs::unlinkat(&self.fd, name, AtFlags::empty())?)
            }
            renamed => Ok(renamed?),
        }
    }

    /// Removes a file, or a link, directly in this folder.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, own_name_of(name)?, AtFlags::empty())?)
    }

    /// Removes an empty folder directly in this folder.
    pub(crate) fn remove_folder(&self, name: &str) -> Result<()> {
        Ok(rustix::fs::unlinkat(&self.fd, own_name_of(name)?, AtFlags::REMOVEDIR)?)
    }

    /// The names in this folder.
    pub(crate) fn names(&self) -> Result<Vec<OsString>> {
        let entries = rustix::fs::Dir::read_from(&self.fd)?;
        let name = |entry: rustix::io::Result<DirEntry>| Ok(OsString::from_vec(entry?.file_name().to_bytes().to_vec()));
        let names = entries.map(name).collect::<Result<Vec<OsString>>>()?;
        Ok(names.into_iter().filter(|name| name != "." && name != "..").collect())
    }

    /// What the folder itself is like.
    pub(crate) fn stat(&self) -> Result<Stat> {
        Ok(rustix::fs::fstat(&self.fd)?)
    }

    /// Keeps everybody else out.
    pub(crate) fn close_to_others(&self) -> Result<()> {
        Ok(rustix::fs::fchmod(&self.fd, Mode::RWXU)?)
    }

    /// Waits until everything on this folder's file system is on the disk.
    pub(crate) fn sync_all(&self) -> Result<()> {
        Ok(rustix::fs::syncfs(&self.fd)?)
    }
}

/// Whether something is a regular file.
pub(crate) fn is_file(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn open_folder(at: impl AsFd, name: &Path, path: &Path) -> Result<OwnedFd> {
    rustix::fs::openat(at.as_fd(), name, FOLDER, Mode::empty()).map_err(|error| match error {
        // The kernel says of a link only that it is no folder.
        Errno::NOTDIR if is_link(at.as_fd(), name) => link(path),
        error => link_or(error, path),
    })
}

fn is_link(at: impl AsFd, name: &Path) -> bool {
    let found = rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

fn link_or(error: Errno, path: &Path) -> Error {
    if error == Errno::LOOP { link(path) } else { error.into() }
}

fn link(path: &Path) -> Error {
    Error::other(format!("{} is a symbolic link, and nothing is written where one leads", path.display()))
}

/// A name of its own: neither `..` nor the root.
fn own_name(component: Component<'_>) -> Result<&Path> {
    match component {
        Component::Normal(name) => Ok(Path::new(name)),
        _ => Err(Error::new(ErrorKind::InvalidInput, "the path leads out of the folder")),
    }
}

fn own_name_of(name: &str) -> Result<&Path> {
    let mut components = Path::new(name).components();
    match (components.next(), components.next()) {
        (Some(only), None) => own_name(only),
        _ => Err(Error::new(ErrorKind::InvalidInput, "it is more than a name")),
    }
}
