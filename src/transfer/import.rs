//! A local root to D1 and R2: all that may refuse, then the database, the files, and the comparison of both.

use std::path::Path;
use std::sync::Arc;

use super::check::{Checked, check};
use super::compare::schema::objects_of;
use super::compare::{Beginning, Comparison, Differences, Place, Sides};
use super::media::{scan, upload};
use super::source::Source;
use super::target::Target;
use super::{Error, Event, Progress, Requests, Step, send};
use crate::config;
use crate::d1::Client;
use crate::image::Seq;
use crate::invokeai::DATABASE;
use crate::ledger::{Loader, header, state};
use crate::metrics::{Metrics, R2Metrics};
use crate::r2::Bucket;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Tables of the database.
    pub tables: u64,
    /// Its rows.
    pub rows: u64,
    /// Rows that were sent this time; the others were there.
    pub rows_sent: u64,
    /// Whether there is a bucket; without one the files stay where they are.
    pub has_bucket: bool,
    /// Files in the mapped folders.
    pub files: u64,
    /// Files that were sent this time; the others were there.
    pub files_sent: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Objects that were deleted.
    pub objects_deleted: u64,
    /// Requests.
    pub requests: Requests,
}

/// Where the rows begin that have to be sent.
enum Start {
    /// Everything is there.
    Nowhere,
    /// Everything is to be sent, after what is there has gone.
    Anew,
    /// An interrupted import goes on.
    At(Place),
}

/// Brings the root to Cloudflare. `replace`: what is there goes first.
pub fn import(root: &Path, replace: bool, progress: Progress<'_>) -> Result<Summary, Error> {
    let (settings, r2) = config::load()?;
    let source = Source::open(&root.join(DATABASE))?;
    let checked = check(&source.connection, &root.join(DATABASE), progress)?;
    let files = r2.as_ref().map(|r2| scan(&r2.folders)).transpose()?;

    let (d1_metrics, r2_metrics) = (Arc::new(Metrics::default()), Arc::new(R2Metrics::default()));
    let client = Client::connect(&settings, Arc::clone(&d1_metrics)).map_err(crate::error::Error::from)?;
    let database = Database { client: &client, source: &source, checked: &checked, progress };
    let target = Target::read(&client)?;
    let start = database.start(&target, replace)?;
    let bucket = r2.as_ref().map(|r2| Bucket::connect(r2, Arc::clone(&r2_metrics))).transpose()?;
    let mut plan = match (&r2, &bucket, files) {
        (Some(r2), Some(bucket), Some(files)) => Some(upload::plan(r2, bucket, files, replace, progress)?),
        _ => None,
    };

    // Nothing was changed until here.
    let mut summary = Summary {
        tables: checked.schema.tables.len() as u64,
        rows: checked.row_count(),
        has_bucket: bucket.is_some(),
        files: plan.as_ref().map_or(0, upload::Plan::file_count) as u64,
        ..Summary::default()
    };
    let loader = database.send(&target, start, &mut summary)?;
    if let Some(plan) = &mut plan {
        let sent = plan.carry_out(progress)?;
        summary.files_sent = sent.files;
        summary.bytes_sent = sent.bytes;
        summary.objects_deleted = sent.deleted;
    }

    let mut found = Differences::default();
    if let Some(loader) = &loader {
        found.extend(database.comparison(loader.seq()).differences()?);
    }
    if let Some(plan) = &plan {
        found.extend(plan.verify()?);
    }
    if let Some(first) = found.first.first() {
        return Err(Error::NotEqual { count: found.count, first: first.to_string() });
    }
    if let Some(mut loader) = loader {
        loader.commit(vec![state::end_import()])?;
    }
    summary.requests = Requests::of(&d1_metrics, bucket.is_some().then_some(&r2_metrics));
    Ok(summary)
}

struct Database<'a> {
    client: &'a Client,
    source: &'a Source,
    checked: &'a Checked,
    progress: Progress<'a>,
}

impl<'a> Database<'a> {
    fn comparison(&self, seq: Seq) -> Comparison<'a> {
        Comparison {
            client: self.client,
            local: &self.source.connection,
            schema: &self.checked.schema,
            sides: Sides { local: "the local database" },
            seq,
            progress: self.progress,
        }
    }

    /// Refuses a target that holds anything but a beginning of the source, unless it may be replaced.
    fn start(&self, target: &Target, replace: bool) -> Result<Start, Error> {
        if target.is_empty() {
            return Ok(Start::At(Place::default()));
        }
        match self.start_of(target)? {
            Ok(start) => Ok(start),
            Err(_) if replace => Ok(Start::Anew),
            Err(what) => Err(Error::NotEmpty { what }),
        }
    }

    /// Or what is there instead.
    fn start_of(&self, target: &Target) -> Result<Result<Start, String>, Error> {
        let Some(seq) = target.seq else { return Ok(Err(target.describe())) };
        let mut other = Differences::default();
        let local = objects_of(&self.source.connection)?;
        let comparison = self.comparison(seq);
        super::compare::schema::compare_objects(&target.objects, &local, &comparison.sides, &mut other);
        super::compare::schema::compare_fields(
            &target.fields,
            &header::fields_of(&self.source.connection)?,
            &mut other,
        );
        if other.count > 0 {
            return Ok(Err(target.describe()));
        }
        if target.importing {
            return Ok(match comparison.beginning()? {
                Beginning::Whole => Ok(Start::At(Place { table: usize::MAX, rows: 0 })),
                Beginning::Until(place) => Ok(Start::At(place)),
                Beginning::Other(table) => {
                    Err(format!("it holds the beginning of another import (table {table} differs)"))
                }
            });
        }
        let found = comparison.differences()?;
        Ok(match found.first.first() {
            None => Ok(Start::Nowhere),
            Some(first) => Err(format!("it has the same tables with other rows ({first})")),
        })
    }

    /// Returns the loader, if there was anything to send.
    fn send(&self, target: &Target, start: Start, summary: &mut Summary) -> Result<Option<Loader<'a>>, Error> {
        let place = match start {
            Start::Nowhere => return Ok(None),
            Start::Anew => Place::default(),
            Start::At(place) => place,
        };
        let mut loader = Loader::begin(self.client)?;
        if target.seq.unwrap_or_default() != loader.seq() {
            return Err(Error::Moved);
        }
        // What is there goes in the batch that makes the new tables: there is never neither.
        let cleared = if matches!(start, Start::Anew) { target.clear()? } else { Vec::new() };
        if !cleared.is_empty() || !target.importing {
            let body = cleared.into_iter().chain([state::begin_import()]).chain(self.checked.creation.iter().cloned());
            loader.commit(body.collect())?;
        }
        let present = self.rows_before(place);
        summary.rows_sent = summary.rows - present;
        (self.progress)(Event::Begins(Step::SendRows, summary.rows_sent));
        send::rows(&mut loader, &self.source.connection, &self.checked.schema, place, self.progress)?;
        (self.progress)(Event::Ends);
        Ok(Some(loader))
    }

    fn rows_before(&self, place: Place) -> u64 {
        let tables = crate::plan::whole::parents_first(&self.checked.schema);
        let whole: u64 = tables.iter().take(place.table).map(|table| self.checked.rows[&table.name]).sum();
        whole + place.rows
    }
}
