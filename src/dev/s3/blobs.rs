//! The objects' bytes, in files that are written once, under fresh names, and never changed.
//! Only the index says which object a file belongs to, so a file without a row there counts as never written.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use uuid::Uuid;

pub(super) struct Blobs {
    dir: PathBuf,
    /// Whether bytes are synced to disk before they are acknowledged; pointless in a temporary folder.
    durable: bool,
}

/// A blob being written; dropping it before `finish` removes the file.
pub(super) struct BlobWriter {
    file: File,
    path: PathBuf,
    md5: Md5,
    size: u64,
    finished: bool,
}

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

    pub(super) fn create(&self) -> io::Result<BlobWriter> {
        let path = self.path(&Uuid::new_v4().simple().to_string());
        Ok(BlobWriter { file: File::create_new(&path)?, path, md5: Md5::new(), size: 0, finished: false })
    }

    pub(super) fn finish(&self, mut writer: BlobWriter) -> io::Result<Blob> {
        if self.durable {
            writer.file.sync_all()?;
            File::open(&self.dir)?.sync_all()?; // the name, too
        }
        writer.finished = true;
        let name = writer.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Blob { name, size: writer.size, md5: writer.md5.clone().finalize().into() })
    }

    /// Concatenates blobs.
    pub(super) fn join(&self, names: &[String]) -> io::Result<Blob> {
        let mut writer = self.create()?;
        for name in names {
            writer.size += io::copy(&mut self.read(name)?, &mut writer.file)?;
        }
        self.finish(writer)
    }

    /// The same bytes under a second name.
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

    /// Readers that have the file open can go on. What cannot be removed now goes at the next start.
    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = fs::remove_file(self.path(name)) {
            tracing::debug!(%error, name, "an object's old bytes stay for now");
        }
    }

    /// Removes blobs that no row refers to, which a crash leaves behind.
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

impl BlobWriter {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.path); // else the next `sweep` removes it
        }
    }
}
