//! Uploads files: first finds out which of them the bucket has already, then sends the others.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::Path;

use bytes::Bytes;

use super::{AT_ONCE, LocalFile, has_bytes_of, pool};
use crate::config::{MappedFolder, R2Settings};
use crate::r2::{Bucket, Checksum, FileError, Meta, PutMode};
use crate::transfer::compare::Differences;
use crate::transfer::{Error, Event, Progress, Step};

/// What is left to do until the bucket has exactly the local files under the mapped prefixes.
pub(crate) struct UploadPlan<'a> {
    settings: &'a R2Settings,
    bucket: &'a Bucket,
    files: Vec<LocalFile>,
    /// ETags of the files that the bucket has, by key.
    present: BTreeMap<String, String>,
    /// Indexes of the files to send.
    missing: Vec<usize>,
    /// Keys of objects without a file, to be deleted; empty without `--replace`.
    foreign: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UploadTotals {
    /// Files that were sent.
    pub(crate) files: u64,
    /// Bytes of those files.
    pub(crate) bytes: u64,
    /// Files that the bucket had already.
    pub(crate) present: u64,
    /// Objects without a file that were deleted.
    pub(crate) deleted: u64,
}

/// Compares the bucket with the files. Refuses objects that differ from them, or have no file, unless they may be replaced.
pub(crate) fn plan<'a>(
    settings: &'a R2Settings,
    bucket: &'a Bucket,
    files: Vec<LocalFile>,
    replace: bool,
    progress: Progress<'_>,
) -> Result<UploadPlan<'a>, Error> {
    let objects = objects(settings, bucket)?;
    let mut plan =
        UploadPlan { settings, bucket, files, present: BTreeMap::new(), missing: Vec::new(), foreign: Vec::new() };
    let same = plan.find_present(&objects, progress)?;
    plan.missing = (0..plan.files.len()).filter(|index| !same.contains_key(index)).collect();
    plan.present = same.values().map(|meta| (meta.key.clone(), meta.etag.clone())).collect();
    let different: Vec<&str> = plan
        .missing
        .iter()
        .map(|index| plan.files[*index].key.as_str())
        .filter(|key| objects.contains_key(*key))
        .collect();
    let names: BTreeMap<&str, ()> = plan.files.iter().map(|file| (file.key.as_str(), ())).collect();
    let foreign: Vec<String> = objects.keys().filter(|key| !names.contains_key(key.as_str())).cloned().collect();
    if !replace {
        refuse(settings, &different, "have other bytes than the local files", "overwrite")?;
        let foreign: Vec<&str> = foreign.iter().map(String::as_str).collect();
        refuse(settings, &foreign, "are not among the local files", "delete")?;
    }
    plan.foreign = foreign;
    Ok(plan)
}

fn refuse(settings: &R2Settings, keys: &[&str], how: &'static str, cure: &'static str) -> Result<(), Error> {
    let Some(first) = keys.first() else { return Ok(()) };
    let (bucket, key) = (settings.bucket.clone(), (*first).to_owned());
    Err(Error::Objects { bucket, count: keys.len(), how, key, cure })
}

/// All objects under the mapped prefixes that may be files.
fn objects(settings: &R2Settings, bucket: &Bucket) -> Result<BTreeMap<String, Meta>, Error> {
    Ok(listings(settings, bucket)?.0)
}

/// All objects under the mapped prefixes that may be files, and the keys of those that cannot.
pub(crate) fn listings(settings: &R2Settings, bucket: &Bucket) -> Result<(BTreeMap<String, Meta>, Vec<String>), Error> {
    let (mut objects, mut others) = (BTreeMap::new(), Vec::new());
    for MappedFolder { prefix, .. } in &settings.folders {
        let listing = bucket.listing(prefix)?;
        objects.extend(listing.objects.into_iter().map(|meta| (meta.key.clone(), meta)));
        others.extend(listing.unusable);
    }
    Ok((objects, others))
}

impl UploadPlan<'_> {
    /// The files that the bucket has already, by their indexes. Only objects of the same size are compared.
    fn find_present<'o>(
        &self,
        objects: &'o BTreeMap<String, Meta>,
        progress: Progress<'_>,
    ) -> Result<BTreeMap<usize, &'o Meta>, Error> {
        let candidate = |file: &LocalFile| objects.get(&file.key).filter(|meta| meta.size == file.size);
        let candidates: Vec<(usize, &Meta)> =
            self.files.iter().enumerate().filter_map(|(index, file)| Some((index, candidate(file)?))).collect();
        progress(Event::Begins(
            Step::CompareFiles,
            candidates.iter().map(|(_, meta)| meta.size).fold(0, u64::saturating_add),
        ));
        let same = pool::each(&candidates, AT_ONCE, |(index, meta)| {
            let file = &self.files[*index];
            let same = self.is_on_r2(file, meta)?;
            progress(Event::Advances(file.size));
            Ok(same)
        })?;
        progress(Event::Ends);
        Ok(candidates.into_iter().zip(same).filter(|(_, same)| *same).map(|(candidate, _)| candidate).collect())
    }

    pub(crate) fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Sends the missing files and deletes foreign objects.
    pub(crate) fn carry_out(&mut self, progress: Progress<'_>) -> Result<UploadTotals, Error> {
        let (large, small): (Vec<usize>, Vec<usize>) =
            self.missing.iter().partition(|index| Bucket::is_large(self.files[**index].size));
        let bytes = self.missing.iter().map(|index| self.files[*index].size).sum();
        progress(Event::Begins(Step::SendFiles, bytes));
        let send = |index: &usize| {
            let file = &self.files[*index];
            let etag = self.send(file)?;
            progress(Event::Advances(file.size));
            Ok((file.key.clone(), etag))
        };
        let mut sent = pool::each(&small, AT_ONCE, send)?;
        sent.extend(pool::each(&large, 1, send)?);
        self.bucket.delete(&self.foreign)?;
        progress(Event::Ends);
        let done = UploadTotals {
            files: sent.len() as u64,
            bytes,
            present: self.present.len() as u64,
            deleted: self.foreign.len() as u64,
        };
        self.present.extend(sent);
        Ok(done)
    }

    /// Lists the bucket once more, to check that it has exactly the files.
    pub(crate) fn verify(&self) -> Result<Differences, Error> {
        let objects = objects(self.settings, self.bucket)?;
        let mut found = Differences::default();
        for file in &self.files {
            let place = || format!("object {}", file.key);
            match (objects.get(&file.key), self.present.get(&file.key)) {
                (None, _) => found.add(place(), "it is missing".to_owned()),
                (Some(meta), Some(etag)) if meta.size == file.size && meta.etag == *etag => {}
                (Some(_), _) => found.add(place(), "it has other bytes than the file".to_owned()),
            }
        }
        let is_file = |key: &&String| self.files.binary_search_by(|file| file.key.cmp(key)).is_ok();
        for key in objects.keys().filter(|key| !is_file(key)) {
            found.add(format!("object {key}"), "there is no such file".to_owned());
        }
        Ok(found)
    }

    fn send(&self, file: &LocalFile) -> Result<String, Error> {
        let path = file.path(&self.settings.folders);
        let opened = file.open(&path)?;
        let (meta, etags) = if Bucket::is_large(file.size) {
            let meta = self.bucket.put_file(&file.key, opened, file.size).map_err(file_error(&path))?;
            // Read once more, because the upload does not keep what the parts held.
            (meta, self.etags(file, &path)?)
        } else {
            let mut bytes = Vec::with_capacity(file.size as usize);
            (&opened).take(file.size + 1).read_to_end(&mut bytes).map_err(Error::file(&path))?;
            file.unchanged(&opened, &path)?;
            let mut sum = Checksum::new(file.size);
            sum.add(&bytes);
            (self.bucket.put(&file.key, Bytes::from(bytes), PutMode::Overwrite)?, sum.etags())
        };
        if etags.contains(&meta.etag) {
            Ok(meta.etag)
        } else {
            Err(Error::Arrived { key: file.key.clone(), etag: meta.etag })
        }
    }

    fn is_on_r2(&self, file: &LocalFile, meta: &Meta) -> Result<bool, Error> {
        let path = file.path(&self.settings.folders);
        let etags = self.etags(file, &path)?;
        match has_bytes_of(meta, file.size, &etags) {
            Some(same) => Ok(same),
            // Uploaded by another program, in parts of another size: only its bytes tell.
            None => {
                let temporary = tempfile::tempfile().map_err(Error::file(&std::env::temp_dir()))?;
                let (_, sum) = self.bucket.get_file(&file.key, meta, &temporary).map_err(file_error(&path))?;
                Ok(sum.etags()[0] == etags[0])
            }
        }
    }

    /// Reads a whole file for its checksum.
    fn etags(&self, file: &LocalFile, path: &Path) -> Result<[String; 2], Error> {
        let mut opened = file.open(path)?;
        let sum = checksum(&mut opened, file.size).map_err(Error::file(path))?;
        file.unchanged(&opened, path)?;
        Ok(sum.etags())
    }
}

/// Reads a whole file.
pub(crate) fn checksum(mut file: impl Read, size: u64) -> std::io::Result<Checksum> {
    let mut sum = Checksum::new(size);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(sum),
            Ok(count) => sum.add(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn file_error(path: &Path) -> impl FnOnce(FileError) -> Error + use<'_> {
    move |error| match error {
        FileError::R2(error) => Error::R2(error),
        // The file has become shorter.
        FileError::File(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Error::Changed { path: path.to_path_buf() }
        }
        FileError::File(error) => Error::file(path)(error),
    }
}
