//! D1 against a fresh replica, against a file, and rows against objects.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use super::compare::{Comparison, Differences, Sides};
use super::media::upload::objects;
use super::source::Source;
use super::{Error, Progress, Requests, expected};
use crate::config::{self, R2Settings};
use crate::d1::Client;
use crate::image::Image;
use crate::metrics::{Metrics, R2Metrics};
use crate::r2::Bucket;
use crate::replica::hydrate::{Bounds, hydrate};
use crate::schema::Schema;
use crate::vfs::scratch::Scratch;

/// How often D1 may be written to while it is compared.
const ATTEMPTS: usize = 3;

/// What was compared, and what differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Whether nothing differs.
    pub equal: bool,
    /// The commit that was looked at.
    pub seq: u64,
    /// Tables on D1.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
    /// Objects in the bucket whose rows are known; `None`: there is no bucket.
    pub objects: Option<u64>,
    /// D1 and a fresh replica, and what SQLite itself finds in that.
    pub replica: Differences,
    /// The file and D1; `None`: no file was given.
    pub file: Option<Differences>,
    /// Rows without objects, and objects without rows; `None`: there is no bucket.
    pub media: Option<Differences>,
    /// Requests.
    pub requests: Requests,
}

/// Compares everything. What differs is in the report; an error means that something could not be compared.
pub fn verify(file: Option<&Path>, progress: Progress<'_>) -> Result<Report, Error> {
    let (settings, r2) = config::load()?;
    let file = file.map(Source::open).transpose()?;
    let (d1_metrics, r2_metrics) = (Arc::new(Metrics::default()), Arc::new(R2Metrics::default()));
    let client = Client::connect(&settings, Arc::clone(&d1_metrics)).map_err(crate::error::Error::from)?;
    let bucket = r2.as_ref().map(|r2| Bucket::connect(r2, Arc::clone(&r2_metrics))).transpose()?;
    let mut left = ATTEMPTS;
    let mut report = loop {
        left -= 1;
        match attempt(&client, file.as_ref(), r2.as_ref().zip(bucket.as_ref()), progress) {
            Err(Error::Moved) if left > 0 => {}
            done => break done?,
        }
    };
    report.equal = [Some(&report.replica), report.file.as_ref(), report.media.as_ref()]
        .into_iter()
        .flatten()
        .all(|found| found.count == 0);
    report.requests = Requests::of(&d1_metrics, bucket.is_some().then_some(&r2_metrics));
    Ok(report)
}

fn attempt(
    client: &Client,
    file: Option<&Source>,
    r2: Option<(&R2Settings, &Bucket)>,
    progress: Progress<'_>,
) -> Result<Report, Error> {
    let image = hydrate(client, &Bounds::default())?;
    let scratch = Scratch::new(Image::empty(image.seq));
    scratch.show(&image);
    let replica = scratch.reader()?;
    let schema = Schema::read(&replica)?;
    let compare = |local: &Connection, schema: &Schema, name: &'static str| {
        let (sides, seq) = (Sides { local: name }, image.seq);
        Comparison { client, local, schema, sides, seq, progress }.differences()
    };
    let mut report = Report { seq: image.seq.0, tables: schema.tables.len() as u64, ..Report::default() };
    for table in schema.tables.values() {
        report.rows += super::check::count(&replica, table)?;
    }
    report.replica = compare(&replica, &schema, "the replica")?;
    own_checks(&replica, &mut report.replica)?;
    if let Some(file) = file {
        let schema = Schema::read(&file.connection)?;
        report.file = Some(compare(&file.connection, &schema, "the file")?);
    }
    if let Some((settings, bucket)) = r2 {
        let mut found = Differences::default();
        let objects = objects(settings, bucket)?;
        report.objects = Some(expected::compare(&replica, settings, &config::root(), &objects, &mut found)?);
        report.media = Some(found);
    }
    Ok(report)
}

/// What SQLite itself finds wrong.
fn own_checks(replica: &Connection, found: &mut Differences) -> Result<(), Error> {
    let mut statement = replica.prepare("PRAGMA integrity_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let problem: String = row.get(0)?;
        if problem != "ok" {
            found.add("integrity_check".to_owned(), problem);
        }
    }
    let mut statement = replica.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let rowid = rowid.map_or_else(String::new, |rowid| format!(", rowid {rowid}"));
        found.add(format!("table {table}{rowid}"), format!("it refers to a row of {parent} that is not there"));
    }
    Ok(())
}
