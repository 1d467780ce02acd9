//! The folder of an export. Until the export is finished it contains `.liteflare-export/`, with a manifest that says what is exported and
//! the files that are not complete yet. That folder is its owner's alone: nobody else prepares what an export goes on with.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use serde::{Deserialize, Serialize};

use super::beneath::Folder;
use crate::invokeai::DATABASE;
use crate::transfer::Error;
use crate::transfer::media::upload::checksum;

const OURS: &str = ".liteflare-export";
const MANIFEST: &str = "source.json";
const NEW_MANIFEST: &str = "source.part";
const NEW_DATABASE: &str = "database.part";

/// No manifest is longer; the account, the database, the bucket and the prefixes are in it.
const MANIFEST_BYTES: u64 = 1 << 20;

/// A folder that may be exported to.
pub(crate) struct ExportFolder {
    dir: PathBuf,
    source: String,
    /// `None`: it is still to be made.
    root: Option<Folder>,
}

/// The same once files are written.
pub(crate) struct ClaimedFolder {
    dir: PathBuf,
    source: String,
    pub(crate) root: Folder,
    /// Where files are until they are complete.
    pub(crate) ours: Folder,
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
        let root = match Folder::open(dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            opened => Some(opened.map_err(Error::file(dir))?),
        };
        let folder = ExportFolder { dir: dir.to_path_buf(), source: source.to_owned(), root };
        if let Some(root) = &folder.root {
            folder.check_content(root)?;
        }
        Ok(folder)
    }

    fn check_content(&self, root: &Folder) -> Result<(), Error> {
        let dir = &self.dir;
        if root.names().map_err(Error::file(dir))?.is_empty() {
            return Ok(());
        }
        let manifest = match root.below(Path::new(OURS)) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::file(&dir.join(OURS))(error)),
            Ok(ours) => {
                refuse_others(&ours, &dir.join(OURS))?;
                read_manifest(&ours, dir)?
            }
        };
        let Some(manifest) = manifest else { return Err(Error::FolderNotEmpty { path: dir.clone() }) };
        if manifest.source != self.source {
            let (path, this) = (dir.clone(), self.source.clone());
            return Err(Error::OtherExport { path, other: manifest.source, this });
        }
        let path = dir.join(DATABASE);
        match root.read(Path::new(DATABASE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::file(&path)(error)),
            Ok(file) => match manifest.database == Some(md5(file, &path)?) {
                true => Ok(()),
                false => Err(Error::DatabaseInTheWay { path }),
            },
        }
    }

    /// The folder, if it is there.
    pub(crate) fn root(&self) -> Option<&Folder> {
        self.root.as_ref()
    }

    /// Creates the folder and the manifest, and removes the incomplete files of an earlier attempt.
    pub(crate) fn claim(self) -> Result<ClaimedFolder, Error> {
        let ExportFolder { dir, source, root } = self;
        let root = match root {
            Some(root) => root,
            None => fs::create_dir_all(&dir).and_then(|()| Folder::open(&dir)).map_err(Error::file(&dir))?,
        };
        let place = dir.join(OURS);
        let ours = root.make_below(Path::new(OURS)).map_err(Error::file(&place))?;
        refuse_others(&ours, &place)?;
        ours.close_to_others().map_err(Error::file(&place))?;
        let folder = ClaimedFolder { dir, source, root, ours };
        folder.remove_all(|name| name.ends_with(".part"))?;
        if read_manifest(&folder.ours, &folder.dir)?.is_none() {
            folder.write_manifest(None)?;
        }
        Ok(folder)
    }
}

impl ClaimedFolder {
    /// A new file for the database until it has its place, and its path.
    pub(crate) fn database(&self) -> Result<(File, PathBuf), Error> {
        let path = self.dir.join(OURS).join(NEW_DATABASE);
        Ok((self.ours.create(NEW_DATABASE).map_err(Error::file(&path))?, path))
    }

    /// The path of a file in the folder, for messages.
    pub(crate) fn path(&self, relative: &Path) -> PathBuf {
        self.dir.join(relative)
    }

    /// Puts the database in its place. It comes last, so that the application cannot start while files are missing.
    pub(crate) fn finish(&self) -> Result<(), Error> {
        let place = self.dir.join(DATABASE);
        let database = self.ours.read(Path::new(NEW_DATABASE)).map_err(Error::file(&place))?;
        self.write_manifest(Some(md5(database, &place)?))?;
        self.ours.put(NEW_DATABASE, &self.root, Path::new(DATABASE), true).map_err(Error::file(&place))?;
        self.root.sync_all().map_err(Error::file(&self.dir))?;
        self.remove_all(|_| true)?;
        self.root.remove_folder(OURS).map_err(Error::file(&self.dir.join(OURS)))
    }

    /// Removes those files that are not complete, or not needed any more.
    fn remove_all(&self, which: impl Fn(&str) -> bool) -> Result<(), Error> {
        let place = self.dir.join(OURS);
        for name in self.ours.names().map_err(Error::file(&place))? {
            if let Some(name) = name.to_str().filter(|name| which(name)) {
                self.ours.remove(name).map_err(Error::file(&place.join(name)))?;
            }
        }
        Ok(())
    }

    /// Atomically.
    fn write_manifest(&self, database: Option<String>) -> Result<(), Error> {
        let manifest = Manifest { source: self.source.clone(), database };
        let write = || {
            let mut file = self.ours.create(NEW_MANIFEST)?;
            file.write_all(serde_json::to_string(&manifest)?.as_bytes())?;
            file.sync_all()?;
            self.ours.put(NEW_MANIFEST, &self.ours, Path::new(MANIFEST), true)
        };
        write().map_err(Error::file(&self.dir.join(OURS).join(MANIFEST)))
    }
}

fn refuse_others(ours: &Folder, path: &Path) -> Result<(), Error> {
    let owner = ours.stat().map_err(Error::file(path))?.st_uid;
    if owner == geteuid().as_raw() { Ok(()) } else { Err(Error::OfAnother { path: path.to_path_buf() }) }
}

/// `None`: there is none, or none that is whole.
fn read_manifest(ours: &Folder, dir: &Path) -> Result<Option<Manifest>, Error> {
    let path = dir.join(OURS).join(MANIFEST);
    let file = match ours.read(Path::new(MANIFEST)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file.map_err(Error::file(&path))?,
    };
    let mut bytes = Vec::new();
    file.take(MANIFEST_BYTES).read_to_end(&mut bytes).map_err(Error::file(&path))?;
    Ok(serde_json::from_slice(&bytes).ok())
}

fn md5(file: File, path: &Path) -> Result<String, Error> {
    let size = file.metadata().map_err(Error::file(path))?.len();
    let [md5, _] = checksum(file, size).map_err(Error::file(path))?.etags();
    Ok(md5)
}
