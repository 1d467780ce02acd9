//! Brings a local root to D1 and R2: first every check, then the database, the files, and a comparison of both.

use std::path::{Path, PathBuf};

use super::check::{Checked, check};
use super::compare::schema::objects_of;
use super::compare::{D1Comparison, Differences, ImportedPart, ResumePoint};
use super::media::{Links, scan, upload};
use super::source::DatabaseCopy;
use super::target::Target;
use super::{Error, Event, Progress, Step, connect_bucket, connect_d1, expected, requests, send};
use crate::config::{self, R2Settings, Settings, Source};
use crate::d1::Client;
use crate::image::Position;
use crate::invokeai::DATABASE;
use crate::ledger::{Loader, header, state};
use crate::metrics::RequestCount;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ImportSummary {
    /// The database's file.
    pub database: PathBuf,
    /// Tables in the database.
    pub tables: u64,
    /// Rows in the database.
    pub rows: u64,
    /// Rows that were sent this time; D1 had the others already.
    pub rows_sent: u64,
    /// Whether a bucket is set; without one the files stay where they are.
    pub has_bucket: bool,
    /// Files in the mapped folders.
    pub files: u64,
    /// Files that were sent this time; the bucket had the others already.
    pub files_sent: u64,
    /// Bytes of those files.
    pub bytes_sent: u64,
    /// Objects that `--replace` deleted.
    pub objects_deleted: u64,
    /// Symbolic links that lead out of the root, and folders that the root's own settings file puts there; nothing there was sent.
    pub links_left_out: Vec<PathBuf>,
    /// Rows that refer to files which are not there, and were not before the import.
    pub without_files: Differences,
    /// What it took.
    pub requests: RequestCount,
}

/// Which rows D1 still needs.
enum RowsToSend {
    /// D1 has all of them.
    Nothing,
    /// All, once what D1 holds is deleted.
    AllAfterClearing,
    /// Those from this point on: all on an empty database, or the rest of an interrupted import.
    From(ResumePoint),
}

/// What an import may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether what Cloudflare holds now may be deleted.
    pub replace: bool,
    /// Whether symbolic links may lead out of the root.
    pub follow_links: bool,
}

/// Imports the root.
pub fn import(root: &Path, options: Options, progress: Progress<'_>) -> Result<ImportSummary, Error> {
    let Options { replace, follow_links } = options;
    let given = Source::read()?;
    let (settings, mut r2, confined) = (Settings::of(&given)?, R2Settings::of(&given)?, given.confined_to());
    let path = database(root, &given)?;
    confined.map_or(Ok(()), |root| root.check(&path))?;
    let outside = if follow_links { Vec::new() } else { given.led_outside()? };
    if outside.contains(&path) {
        return Err(Error::DatabaseOutside { path, root: root.to_path_buf() });
    }
    if let Some(r2) = &mut r2 {
        r2.folders.retain(|folder| !outside.contains(&folder.dir));
    }
    let source = DatabaseCopy::open(&path)?;
    let checked = check(&source.connection, &path, progress)?;
    let within = (!follow_links).then(config::root);
    let found = r2.as_ref().map(|r2| scan(&r2.folders, Links { confined, within: within.as_deref() })).transpose()?;
    let (files, links_left_out) = found.map(|found| (found.files, found.links)).unzip();
    let without_files = match (&r2, &files) {
        (Some(r2), Some(files)) => {
            let keys = files.iter().map(|file| file.key.as_str()).collect();
            expected::missing(&source.connection, r2, &config::media_folders()?, &keys)?
        }
        _ => Differences::default(),
    };

    let client = connect_d1(&settings)?;
    let database = DatabaseImport { client: &client, source: &source, checked: &checked, progress };
    let target = Target::read(&client)?;
    let wanted = database.rows_to_send(&target, replace)?;
    let bucket = connect_bucket(r2.as_ref())?;
    let mut plan = match (&r2, &bucket, files) {
        (Some(r2), Some(bucket), Some(files)) => Some(upload::plan(r2, bucket, files, replace, progress)?),
        _ => None,
    };

    // From here on, things are changed.
    let mut summary = ImportSummary {
        database: path.clone(),
        tables: checked.schema.tables.len() as u64,
        rows: checked.row_count(),
        has_bucket: bucket.is_some(),
        links_left_out: links_left_out.into_iter().flatten().chain(outside).collect(),
        without_files,
        files: plan.as_ref().map_or(0, upload::UploadPlan::file_count) as u64,
        ..ImportSummary::default()
    };
    let loader = database.send(&target, wanted, &mut summary)?;
    if let Some(plan) = &mut plan {
        let sent = plan.carry_out(progress)?;
        summary.files_sent = sent.files;
        summary.bytes_sent = sent.bytes;
        summary.objects_deleted = sent.deleted;
    }

    database.verify(loader.as_ref(), plan.as_ref())?;
    if let Some(mut loader) = loader {
        loader.end(vec![state::end_import()], &checked.schema)?;
    }
    summary.requests = requests(&client, bucket.as_ref());
    Ok(summary)
}

/// The database of a root: the one that is named, if it is one, else the application's own.
fn database(root: &Path, given: &Source) -> Result<PathBuf, Error> {
    match <[PathBuf; 1]>::try_from(given.named_databases()?) {
        Ok([path]) => Ok(path),
        Err(_) => Ok(root.join(DATABASE)),
    }
}

struct DatabaseImport<'a> {
    client: &'a Client,
    source: &'a DatabaseCopy,
    checked: &'a Checked,
    progress: Progress<'a>,
}

impl<'a> DatabaseImport<'a> {
    fn comparison(&self, position: Position) -> D1Comparison<'a> {
        D1Comparison {
            client: self.client,
            local: &self.source.connection,
            schema: &self.checked.schema,
            local_name: "the local database",
            position,
            progress: self.progress,
        }
    }

    /// Refuses a target that holds anything but the first part of our rows, unless it may be replaced.
    fn rows_to_send(&self, target: &Target, replace: bool) -> Result<RowsToSend, Error> {
        if target.is_empty() {
            return Ok(RowsToSend::From(ResumePoint::default()));
        }
        match self.find_start(target)? {
            Ok(wanted) => Ok(wanted),
            Err(_) if replace => Ok(RowsToSend::AllAfterClearing),
            Err(what) => Err(Error::NotEmpty { what }),
        }
    }

    /// The inner error describes what D1 holds instead of our rows.
    fn find_start(&self, target: &Target) -> Result<Result<RowsToSend, String>, Error> {
        let Some(position) = &target.position else { return Ok(Err(target.describe())) };
        let mut other = Differences::default();
        let local = objects_of(&self.source.connection)?;
        let comparison = self.comparison(position.clone());
        super::compare::schema::compare_objects(&target.objects, &local, comparison.local_name, &mut other);
        super::compare::schema::compare_fields(
            &target.fields,
            &header::fields_of(&self.source.connection)?,
            &mut other,
        );
        if other.count > 0 {
            return Ok(Err(target.describe()));
        }
        if target.importing {
            return Ok(match comparison.imported_part()? {
                ImportedPart::All => Ok(RowsToSend::From(ResumePoint { table: usize::MAX, rows: 0 })),
                ImportedPart::UpTo(resume) => Ok(RowsToSend::From(resume)),
                ImportedPart::Other(table) => {
                    Err(format!("it holds the beginning of another import (table {table} differs)"))
                }
            });
        }
        let found = comparison.differences()?;
        Ok(match found.first.first() {
            None => Ok(RowsToSend::Nothing),
            Some(first) => Err(format!("it has the same tables with other rows ({first})")),
        })
    }

    /// `None`: there was nothing to send.
    fn send(
        &self,
        target: &Target,
        wanted: RowsToSend,
        summary: &mut ImportSummary,
    ) -> Result<Option<Loader<'a>>, Error> {
        let resume = match wanted {
            RowsToSend::Nothing => return Ok(None),
            RowsToSend::AllAfterClearing => ResumePoint::default(),
            RowsToSend::From(resume) => resume,
        };
        let mut loader = Loader::begin(self.client)?;
        if target.position.as_ref().unwrap_or(&Position::default()) != loader.position() {
            return Err(Error::Moved);
        }
        // One batch deletes the old content and creates the new tables, so that D1 never has neither.
        let cleared = if matches!(wanted, RowsToSend::AllAfterClearing) { target.clear()? } else { Vec::new() };
        if !cleared.is_empty() || !target.importing {
            let body = cleared.into_iter().chain([state::begin_import()]).chain(self.checked.creation.iter().cloned());
            loader.begin_anew(body.collect())?;
        }
        let present = self.rows_before(resume);
        summary.rows_sent = summary.rows - present;
        (self.progress)(Event::Begins(Step::SendRows, summary.rows_sent));
        send::rows(&mut loader, &self.source.connection, &self.checked.schema, resume, self.progress)?;
        (self.progress)(Event::Ends);
        Ok(Some(loader))
    }

    /// Compares what was sent with what is there now.
    fn verify(&self, loader: Option<&Loader<'_>>, files: Option<&upload::UploadPlan<'_>>) -> Result<(), Error> {
        let mut found = Differences::default();
        if let Some(loader) = loader {
            found.extend(self.comparison(loader.position().clone()).differences()?);
        }
        if let Some(files) = files {
            found.extend(files.verify()?);
        }
        match found.first.first() {
            Some(first) => Err(Error::NotEqual { count: found.count, first: first.to_string() }),
            None => Ok(()),
        }
    }

    /// Rows that come before a resume point.
    fn rows_before(&self, resume: ResumePoint) -> u64 {
        let tables = crate::plan::whole::parents_first(&self.checked.schema);
        let whole: u64 = tables.iter().take(resume.table).map(|table| self.checked.rows[&table.name]).sum();
        whole + resume.rows
    }
}
