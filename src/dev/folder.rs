//! The folder a cloud keeps its data in: the user's, held by one process at a time, or a temporary one that is removed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use uuid::Uuid;

pub(super) struct Folder {
    path: PathBuf,
    temporary: bool,
    _lock: File,
}

impl Folder {
    pub(super) fn open(dir: Option<&Path>) -> anyhow::Result<Folder> {
        let path = match dir {
            Some(dir) => dir.to_path_buf(),
            None => std::env::temp_dir().join(format!("liteflare-dev-{}", Uuid::new_v4().simple())),
        };
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let lock = lock(&path)?;
        Ok(Folder { path, temporary: dir.is_none(), _lock: lock })
    }

    /// Whether it goes when the cloud ends.
    pub(super) fn temporary(&self) -> bool {
        self.temporary
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "the temporary folder could not be removed");
        }
    }
}

// Two clouds on one folder would each have their own idea of which databases exist.
fn lock(path: &Path) -> anyhow::Result<File> {
    let file = File::create(path.join(".lock")).with_context(|| format!("cannot write in {}", path.display()))?;
    file.try_lock().with_context(|| format!("{} is in use by another `liteflare dev`", path.display()))?;
    Ok(file)
}
