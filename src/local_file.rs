//! Files of this machine at paths where somebody else may have put something: a pipe that never ends, a link that leads elsewhere.
//! In: a path, and the bytes that go there. Out: the file, or an error that says what is there instead. It follows links for reading, as
//! people put large folders on other disks, and never for writing.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Error, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// Opens a file for reading. A pipe, a device or a folder is refused: opening a pipe would wait for its other end, and reading a device
/// may never end.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    // A socket, and a pipe that nobody reads, cannot even be opened.
    let file =
        OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| match error.raw_os_error() {
            Some(libc::ENXIO) => not_a_file("a pipe or a socket"),
            _ => error,
        })?;
    regular(file)
}

/// The file, if it is one.
pub(crate) fn regular(file: File) -> Result<File, Error> {
    match file.metadata()?.file_type() {
        kind if kind.is_file() => Ok(file),
        kind if kind.is_dir() => Err(not_a_file("a directory")),
        kind if kind.is_fifo() => Err(not_a_file("a pipe")),
        _ => Err(not_a_file("a device")),
    }
}

/// The first bytes of a file: all of it, or `most`.
pub(crate) fn first_bytes(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file whole and then gives it its name, so that nobody reads half of it. Whatever had the name is replaced; a link is not
/// followed, neither here nor where the file is until it is whole.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let mut file = beside(path, mode)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    Ok(())
}

/// A new file in the folder of `path`, to be renamed to it once it is whole. Until then it has a name that nobody can have planted a
/// link under. `mode`: less what the umask takes.
pub(crate) fn beside(path: &Path, mode: u32) -> Result<NamedTempFile, Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new().prefix(".liteflare-").permissions(Permissions::from_mode(mode)).tempfile_in(folder)
}

fn not_a_file(kind: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("it is {kind}, not a regular file"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_are_opened_and_nothing_waits() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for path in [&pipe, folder.path(), Path::new("/dev/zero")] {
            assert_eq!(first_bytes(path, 10).unwrap_err().kind(), ErrorKind::InvalidInput, "{}", path.display());
        }
        fs::write(folder.path().join("file"), "0123456789").unwrap();
        assert_eq!(first_bytes(&folder.path().join("file"), 4).unwrap(), b"0123");
    }

    #[test]
    fn writing_replaces_a_link_and_not_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let (link, target) = (folder.path().join("link"), folder.path().join("target"));
        fs::write(&target, "theirs").unwrap();
        symlink(&target, &link).unwrap();
        replace(&link, b"ours", 0o640).unwrap();
        assert_eq!((fs::read(&target).unwrap(), fs::read(&link).unwrap()), (b"theirs".to_vec(), b"ours".to_vec()));
        let found = fs::symlink_metadata(&link).unwrap();
        assert!(found.is_file() && found.permissions().mode() & 0o777 == 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else stays");
    }
}
