//! Reads `liteflare.toml`, which may hold secrets and says where they go: only a file that nobody else may have written is believed.
//! The user of this process and root are not somebody else; nor is group root, whose members can do what root can.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::SettingError;
use super::links::LINKS;
use crate::local_file;
use crate::runtime::past_the_hook;

/// More than any settings need.
const LIMIT_BYTES: u64 = 1 << 20;

/// Sticky: in such a folder everybody may make files, but only replace their own.
const STICKY: u32 = 0o1000;

/// Why there is no text.
pub(super) enum NoText {
    /// The system says so.
    Failed(io::Error),
    /// It may be somebody else's.
    Distrusted(SettingError),
}

impl From<io::Error> for NoText {
    fn from(error: io::Error) -> NoText {
        NoText::Failed(error)
    }
}

/// The text of a settings file. What is checked is the file that was opened, whatever its path leads to meanwhile.
pub(super) fn read(path: &Path) -> Result<String, NoText> {
    past_the_hook(|| {
        let mut file = local_file::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => io::Error::other("this is no regular file"),
            _ => error,
        })?;
        judge(path, &file.metadata()?, rustix::process::geteuid().as_raw())?;
        Ok(text(&mut file)?)
    })
}

/// The text of an open settings file, whosever settings they are.
pub(super) fn text(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.take(LIMIT_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LIMIT_BYTES {
        return Err(io::Error::other("this is too large for a settings file"));
    }
    Ok(text)
}

/// Whether `file`, found at `path`, its folder, and the links that lead to it are all out of others' reach.
fn judge(path: &Path, file: &Metadata, user: u32) -> Result<(), NoText> {
    let mut at = std::path::absolute(path)?;
    for _ in 0..LINKS {
        let folder = at.parent().unwrap_or(Path::new("/")).to_path_buf();
        let found = fs::metadata(&folder)?;
        if is_writable(&found) && found.mode() & STICKY == 0 {
            return Err(writable(&folder, &found));
        }
        let link = fs::symlink_metadata(&at)?;
        if !link.is_symlink() {
            break;
        }
        if is_foreign(&link, user) {
            return Err(foreign(&at, &link, user, "chown -h"));
        }
        at = folder.join(fs::read_link(&at)?);
    }
    if is_foreign(file, user) {
        return Err(foreign(&at, file, user, "chown"));
    }
    if is_writable(file) { Err(writable(&at, file)) } else { Ok(()) }
}

fn is_foreign(found: &Metadata, user: u32) -> bool {
    ![0, user].contains(&found.uid())
}

fn is_writable(found: &Metadata) -> bool {
    found.mode() & 0o002 != 0 || (found.mode() & 0o020 != 0 && found.gid() != 0)
}

fn foreign(path: &Path, found: &Metadata, user: u32, command: &str) -> NoText {
    let danger = format!("belongs to user {}, and this is user {user}", found.uid());
    distrusted(path, danger, format!("{command} {user} {}", word(path)))
}

fn writable(path: &Path, found: &Metadata) -> NoText {
    let danger = format!("may be written by other users (mode {:o})", found.mode() & 0o7777);
    distrusted(path, danger, format!("chmod go-w {}", word(path)))
}

fn distrusted(path: &Path, danger: String, mend: String) -> NoText {
    NoText::Distrusted(SettingError::Distrusted { path: PathBuf::from(path), danger, mend })
}

/// A path as a shell takes it.
fn word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+,@%".contains(&byte));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What is said of a file with this mode in a folder with that one, when `user` asks.
    fn said(mode: u32, folder_mode: u32, user: u32) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("it's mine.toml");
        fs::write(&path, "").unwrap();
        // Whatever group the test runs in, this one is not root's.
        for (path, mode) in [(path.as_path(), mode), (folder.path(), folder_mode)] {
            let _ = std::os::unix::fs::chown(path, None, Some(12345)); // only root may
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        match judge(&path, &path.metadata().unwrap(), user) {
            Ok(()) => None,
            Err(NoText::Distrusted(error)) => Some(error.to_string()),
            Err(NoText::Failed(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn only_files_out_of_others_reach_are_believed() {
        let user = rustix::process::geteuid().as_raw();
        for (mode, folder) in [(0o600, 0o700), (0o644, 0o755), (0o444, 0o1777), (0o400, 0o3777)] {
            assert_eq!(said(mode, folder, user), None, "{mode:o} {folder:o}");
        }
        for (mode, folder) in [(0o602, 0o700), (0o620, 0o700), (0o666, 0o1777)] {
            assert!(said(mode, folder, user).is_some_and(|said| said.contains("it'\\''s mine.toml'")), "{mode:o}");
        }
        for (mode, folder) in [(0o600, 0o702), (0o600, 0o720), (0o600, 0o777)] {
            assert!(said(mode, folder, user).is_some_and(|said| !said.contains("mine.toml")), "{folder:o}");
        }
    }

    #[test]
    fn roots_files_are_believed_by_everybody_and_others_by_nobody_else() {
        let user = rustix::process::geteuid().as_raw();
        let other = said(0o600, 0o700, user + 1);
        match user {
            0 => assert_eq!(other, None),
            _ => assert!(other.is_some_and(|said| said.contains(&format!("chown {}", user + 1)))),
        }
    }
}
