//! The folder of a cloud's data: the user's, locked against other clouds, or a temporary one that is removed at the end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;
use uuid::Uuid;

pub(super) struct DataFolder {
    path: PathBuf,
    is_temporary: bool,
    _lock: File,
}

impl DataFolder {
    pub(super) fn open(dir: Option<&Path>) -> anyhow::Result<DataFolder> {
        let path = match dir {
            Some(dir) => dir.to_path_buf(),
            None => std::env::temp_dir().join(format!("liteflare-dev-{}", Uuid::new_v4().simple())),
        };
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
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

// Two clouds on one folder would disagree about which databases exist.
fn lock(path: &Path) -> anyhow::Result<File> {
    let file = File::create(path.join(".lock")).with_context(|| format!("cannot write in {}", path.display()))?;
    file.try_lock().with_context(|| format!("{} is in use by another `liteflare dev`", path.display()))?;
    Ok(file)
}
