//! The folder of a cloud's data: the user's, locked against other clouds, or a temporary one that is removed at the end.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rustix::process::geteuid;
use uuid::Uuid;

pub(super) struct DataFolder {
    path: PathBuf,
    is_temporary: bool,
    _lock: File,
}

impl DataFolder {
    pub(super) fn open(dir: Option<&Path>) -> anyhow::Result<DataFolder> {
        let (path, made) = match dir {
            Some(dir) => (dir.to_path_buf(), private().recursive(true).create(dir)),
            None => {
                let path = std::env::temp_dir().join(format!("liteflare-dev-{}", Uuid::new_v4().simple()));
                let made = private().create(&path); // an error if somebody else has made it
                (path, made)
            }
        };
        made.with_context(|| format!("cannot make {}", path.display()))?;
        close(&path)?;
        let lock = lock(&path)?;
        Ok(DataFolder { path, is_temporary: dir.is_none(), _lock: lock })
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.is_temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the temporary folder could not be removed");
        }
    }
}

/// Makes folders for their owner alone.
fn private() -> DirBuilder {
    let mut private = DirBuilder::new();
    private.mode(0o700);
    private
}

/// Keeps everybody else out of a folder, and out of all that is in it if they could get in until now. Refuses what is another user's: it
/// may have been put there for us to write to.
fn close(folder: &Path) -> anyhow::Result<()> {
    let found = fs::metadata(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let was_open = found.mode() & 0o077 != 0;
    close_one(folder, &found)?;
    if was_open { close_all(folder) } else { Ok(()) }
}

fn close_all(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?; // of a link itself
        close_one(&entry.path(), &found)?;
        if found.is_dir() {
            close_all(&entry.path())?;
        }
    }
    Ok(())
}

fn close_one(path: &Path, found: &Metadata) -> anyhow::Result<()> {
    let shown = path.display();
    if found.uid() != geteuid().as_raw() {
        bail!("{shown} belongs to another user: give a folder of your own");
    }
    if found.is_symlink() {
        bail!("{shown} is a symbolic link, which `liteflare dev` does not make: remove it, or give another folder");
    }
    let mode = if found.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| format!("cannot close {shown} to others"))
}

// Two clouds on one folder would disagree about which databases exist.
fn lock(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path.join(".lock"));
    let file = file.with_context(|| format!("cannot write in {}", path.display()))?;
    file.try_lock().with_context(|| format!("{} is in use by another `liteflare dev`", path.display()))?;
    Ok(file)
}
