//! The objects' bytes: files that are written once, under names nobody has seen, and never changed.
//! What they belong to stands in the index alone, so a file without a row there is as good as not written.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use uuid::Uuid;

pub(super) struct Blobs {
    dir: PathBuf,
    /// Whether bytes must be on disk before they are acknowledged; pointless in a temporary folder.
    durable: bool,
}

/// Bytes being written; dropped before `finish`, they are gone.
pub(super) struct Draft {
    file: File,
    path: PathBuf,
    md5: Md5,
    size: u64,
    finished: bool,
}

/// Bytes that are complete.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
}

impl Blobs {
    pub(super) fn open(dir: &Path, durable: bool) -> io::Result<Blobs> {
        fs::create_dir_all(dir)?;
        Ok(Blobs { dir: dir.to_path_buf(), durable })
    }

    pub(super) fn draft(&self) -> io::Result<Draft> {
        let path = self.path(&Uuid::new_v4().simple().to_string());
        Ok(Draft { file: File::create_new(&path)?, path, md5: Md5::new(), size: 0, finished: false })
    }

    pub(super) fn finish(&self, mut draft: Draft) -> io::Result<Blob> {
        if self.durable {
            draft.file.sync_all()?;
            File::open(&self.dir)?.sync_all()?; // the name, too
        }
        draft.finished = true;
        let name = draft.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Blob { name, size: draft.size, md5: draft.md5.clone().finalize().into() })
    }

    /// One blob of several, in order.
    pub(super) fn join(&self, names: &[String]) -> io::Result<Blob> {
        let mut draft = self.draft()?;
        for name in names {
            draft.size += io::copy(&mut self.read(name)?, &mut draft.file)?;
        }
        self.finish(draft)
    }

    /// The same bytes under another name.
    pub(super) fn duplicate(&self, name: &str) -> io::Result<String> {
        let copy = Uuid::new_v4().simple().to_string();
        fs::hard_link(self.path(name), self.path(&copy))?;
        if self.durable {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(copy)
    }

    pub(super) fn read(&self, name: &str) -> io::Result<File> {
        File::open(self.path(name))
    }

    /// Whoever reads the blob may go on. A file that stays goes at the next start.
    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.path(name)) {
            tracing::debug!(%error, name, "an object's old bytes stay for now");
        }
    }

    /// Removes what a crash has left: blobs that no row knows.
    pub(super) fn sweep(&self, known: &HashSet<String>) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !known.contains(&name) {
                self.remove(&name);
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Draft {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path); // else the sweep has it
        }
    }
}
