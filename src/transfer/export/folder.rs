//! The folder of an export. Until it is finished it has `.liteflare-export/`, which says what is exported and holds files that are not
//! whole yet; they get their names when they are.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::invokeai::DATABASE;
use crate::transfer::Error;
use crate::transfer::media::upload::sum;

const OURS: &str = ".liteflare-export";

/// The folder of an export.
pub struct Folder {
    dir: PathBuf,
    source: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    /// What is exported.
    source: String,
    /// The MD5 of the database this export has put in its place.
    database: Option<String>,
}

impl Folder {
    /// Refuses a folder that holds anything but an unfinished export of `source`. Changes nothing.
    pub fn check(dir: &Path, source: &str) -> Result<Folder, Error> {
        let folder = Folder { dir: dir.to_path_buf(), source: source.to_owned() };
        let mut entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(folder),
            entries => entries.map_err(Error::file(dir))?,
        };
        if entries.next().is_none() {
            return Ok(folder);
        }
        let Some(record) = folder.record()? else { return Err(Error::FolderNotEmpty { path: dir.to_path_buf() }) };
        if record.source != source {
            let (path, this) = (dir.to_path_buf(), source.to_owned());
            return Err(Error::OtherExport { path, other: record.source, this });
        }
        let database = dir.join(DATABASE);
        match File::open(&database) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file(&database)(error)),
            Ok(file) => {
                if record.database != Some(md5(file, &database)?) {
                    return Err(Error::DatabaseInTheWay { path: database });
                }
            }
        }
        Ok(folder)
    }

    fn record(&self) -> Result<Option<Record>, Error> {
        let path = self.record_path();
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(&path)(error)),
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        }
    }

    fn record_path(&self) -> PathBuf {
        self.dir.join(OURS).join("source.json")
    }

    /// Makes the folder this export's. What an earlier attempt left half done is removed.
    pub fn claim(&self) -> Result<(), Error> {
        let ours = self.dir.join(OURS);
        fs::create_dir_all(&ours).map_err(Error::file(&ours))?;
        if self.record()?.is_none() {
            self.write_record(None)?;
        }
        for entry in fs::read_dir(&ours).map_err(Error::file(&ours))? {
            let path = entry.map_err(Error::file(&ours))?.path();
            if path.extension().is_some_and(|extension| extension == "part") {
                fs::remove_file(&path).map_err(Error::file(&path))?;
            }
        }
        Ok(())
    }

    /// The place of a file that is not whole yet.
    pub fn part(&self, name: &str) -> PathBuf {
        self.dir.join(OURS).join(format!("{name}.part"))
    }

    /// Puts the database in its place, last of all: until then the application does not start on a part of its files.
    pub fn finish(&self, database: &Path, place: &Path) -> Result<(), Error> {
        let sum = md5(File::open(database).map_err(Error::file(database))?, database)?;
        self.write_record(Some(sum))?;
        let parent = place.parent().unwrap_or(&self.dir);
        fs::create_dir_all(parent).map_err(Error::file(parent))?;
        fs::rename(database, place).map_err(Error::file(place))?;
        let root = File::open(&self.dir).map_err(Error::file(&self.dir))?;
        rustix::fs::syncfs(&root).map_err(|error| Error::file(&self.dir)(error.into()))?;
        let ours = self.dir.join(OURS);
        fs::remove_dir_all(&ours).map_err(Error::file(&ours))
    }

    /// At once or not at all.
    fn write_record(&self, database: Option<String>) -> Result<(), Error> {
        let record = Record { source: self.source.clone(), database };
        let (new, path) = (self.part("source"), self.record_path());
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(serde_json::to_string(&record)?.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(Error::file(&path))
    }
}

fn md5(file: File, path: &Path) -> Result<String, Error> {
    let size = file.metadata().map_err(Error::file(path))?.len();
    let [md5, _] = sum(file, size).map_err(Error::file(path))?.etags();
    Ok(md5)
}
