//! The folder of an export. Until the export is finished it contains `.liteflare-export/`, with a manifest that says what is exported and
//! the files that are not complete yet.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::invokeai::DATABASE;
use crate::transfer::Error;
use crate::transfer::media::upload::checksum;

const OURS: &str = ".liteflare-export";

pub(crate) struct ExportFolder {
    dir: PathBuf,
    source: String,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    /// Describes what is exported.
    source: String,
    /// The MD5 of the database that this export put in its place.
    database: Option<String>,
}

impl ExportFolder {
    /// Refuses a folder that holds anything but an unfinished export of `source`. Writes nothing.
    pub(crate) fn check(dir: &Path, source: &str) -> Result<ExportFolder, Error> {
        let folder = ExportFolder { dir: dir.to_path_buf(), source: source.to_owned() };
        let mut entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(folder),
            entries => entries.map_err(Error::file(dir))?,
        };
        if entries.next().is_none() {
            return Ok(folder);
        }
        let Some(manifest) = folder.manifest()? else { return Err(Error::FolderNotEmpty { path: dir.to_path_buf() }) };
        if manifest.source != source {
            let (path, this) = (dir.to_path_buf(), source.to_owned());
            return Err(Error::OtherExport { path, other: manifest.source, this });
        }
        let database = dir.join(DATABASE);
        match File::open(&database) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file(&database)(error)),
            Ok(file) => {
                if manifest.database != Some(md5(file, &database)?) {
                    return Err(Error::DatabaseInTheWay { path: database });
                }
            }
        }
        Ok(folder)
    }

    fn manifest(&self) -> Result<Option<Manifest>, Error> {
        let path = self.manifest_path();
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path)(error)),
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        }
    }

    fn manifest_path(&self) -> PathBuf {
        self.dir.join(OURS).join("source.json")
    }

    /// Creates the manifest, and removes the incomplete files of an earlier attempt.
    pub(crate) fn claim(&self) -> Result<(), Error> {
        let ours = self.dir.join(OURS);
        fs::create_dir_all(&ours).map_err(Error::file(&ours))?;
        if self.manifest()?.is_none() {
            self.write_manifest(None)?;
        }
        for entry in fs::read_dir(&ours).map_err(Error::file(&ours))? {
            let path = entry.map_err(Error::file(&ours))?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(&path).map_err(Error::file(&path))?;
            }
        }
        Ok(())
    }

    /// Where a file is until it is complete.
    pub(crate) fn part(&self, name: &str) -> PathBuf {
        self.dir.join(OURS).join(format!("{name}.part"))
    }

    /// Puts the database in its place. It comes last, so that the application cannot start while files are missing.
    pub(crate) fn finish(&self, database: &Path, place: &Path) -> Result<(), Error> {
        let sum = md5(File::open(database).map_err(Error::file(database))?, database)?;
        self.write_manifest(Some(sum))?;
        let parent = place.parent().unwrap_or(&self.dir);
        fs::create_dir_all(parent).map_err(Error::file(parent))?;
        fs::rename(database, place).map_err(Error::file(place))?;
        let root = File::open(&self.dir).map_err(Error::file(&self.dir))?;
        rustix::fs::syncfs(&root).map_err(|error| Error::file(&self.dir)(error.into()))?;
        let ours = self.dir.join(OURS);
        fs::remove_dir_all(&ours).map_err(Error::file(&ours))
    }

    /// Atomically.
    fn write_manifest(&self, database: Option<String>) -> Result<(), Error> {
        let manifest = Manifest { source: self.source.clone(), database };
        let (new, path) = (self.part("source"), self.manifest_path());
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(serde_json::to_string(&manifest)?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(Error::file(&path))
    }
}

fn md5(file: File, path: &Path) -> Result<String, Error> {
    let size = file.metadata().map_err(Error::file(path))?.len();
    let [md5, _] = checksum(file, size).map_err(Error::file(path))?.etags();
    Ok(md5)
}
