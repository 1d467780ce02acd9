//! Which databases exist: their names and UUIDs are in `d1/registry.json`, next to one SQLite file per database.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::database::DevDatabase;
use super::envelope::ApiError;
use crate::local_file;

/// A database, as the API describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DatabaseInfo {
    pub(super) uuid: Uuid,
    pub(super) name: String,
    #[serde(default = "version")]
    version: String,
}

pub(super) struct Registry {
    dir: PathBuf,
    /// Held while a file is opened or the list is written, never while a statement runs.
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    known: Vec<DatabaseInfo>, // in order of creation
    open: HashMap<Uuid, Arc<DevDatabase>>,
}

impl Registry {
    pub(super) fn open(dir: &Path) -> anyhow::Result<Registry> {
        fs::create_dir_all(dir)?;
        let known = match fs::read(list_path(dir)) {
            Ok(text) => serde_json::from_slice(&text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Registry { dir: dir.to_path_buf(), inner: Mutex::new(Inner { known, open: HashMap::new() }) })
    }

    pub(super) fn list(&self) -> Vec<DatabaseInfo> {
        self.inner.lock().known.clone()
    }

    pub(super) fn find_or_create(&self, name: &str) -> Result<DatabaseInfo, ApiError> {
        if let Some(info) = self.inner.lock().known.iter().find(|info| info.name == name) {
            return Ok(info.clone());
        }
        self.create(name)
    }

    pub(super) fn create(&self, name: &str) -> Result<DatabaseInfo, ApiError> {
        let mut inner = self.inner.lock();
        if name.is_empty() {
            return Err(ApiError::malformed("`name` must not be empty"));
        }
        if inner.known.iter().any(|info| info.name == name) {
            return Err(ApiError::name_taken(name));
        }
        let info = DatabaseInfo { uuid: Uuid::new_v4(), name: name.to_owned(), version: version() };
        let database = DevDatabase::open(&self.path(info.uuid))?;
        inner.known.push(info.clone());
        self.write(&inner.known)?;
        inner.open.insert(info.uuid, Arc::new(database));
        Ok(info)
    }

    pub(super) fn info(&self, id: &str) -> Result<DatabaseInfo, ApiError> {
        self.inner.lock().info(id).cloned()
    }

    pub(super) fn get(&self, id: &str) -> Result<Arc<DevDatabase>, ApiError> {
        let mut inner = self.inner.lock();
        let uuid = inner.info(id)?.uuid;
        if let Some(database) = inner.open.get(&uuid) {
            return Ok(Arc::clone(database));
        }
        let database = Arc::new(DevDatabase::open(&self.path(uuid))?);
        inner.open.insert(uuid, Arc::clone(&database));
        Ok(database)
    }

    pub(super) fn delete(&self, id: &str) -> Result<(), ApiError> {
        let mut inner = self.inner.lock();
        let uuid = inner.info(id)?.uuid;
        inner.known.retain(|info| info.uuid != uuid);
        self.write(&inner.known)?;
        inner.open.remove(&uuid); // a query that still runs keeps the unlinked files open
        for suffix in ["", "-wal", "-shm"] {
            let mut path = self.path(uuid).into_os_string();
            path.push(suffix);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn path(&self, uuid: Uuid) -> PathBuf {
        self.dir.join(format!("{uuid}.sqlite"))
    }

    // Written to a new file that replaces the old one: after a crash there is either the old list or the new one.
    fn write(&self, known: &[DatabaseInfo]) -> Result<(), ApiError> {
        local_file::replace(&list_path(&self.dir), &serde_json::to_vec_pretty(known)?, 0o600)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(())
    }
}

impl Inner {
    fn info(&self, id: &str) -> Result<&DatabaseInfo, ApiError> {
        let uuid = Uuid::parse_str(id).map_err(|_| ApiError::unknown_database(id))?;
        self.known.iter().find(|info| info.uuid == uuid).ok_or_else(|| ApiError::unknown_database(id))
    }
}

fn list_path(dir: &Path) -> PathBuf {
    dir.join("registry.json")
}

fn version() -> String {
    "production".to_owned() // D1's name for its current storage
}
