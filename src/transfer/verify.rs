//! Compares D1 with a fresh replica and with a file, and the rows with the objects in the bucket.

use std::path::Path;

use rusqlite::Connection;

use super::compare::{D1Comparison, Differences};
use super::examine::{Depth, problems};
use super::media::upload::listings;
use super::source::DatabaseCopy;
use super::{Error, Progress, connect_bucket, connect_d1, expected, requests};
use crate::config::{self, R2Settings};
use crate::d1::Client;
use crate::image::Image;
use crate::metrics::RequestCount;
use crate::r2::Bucket;
use crate::replica::hydrate::{Bounds, hydrate};
use crate::schema::Schema;
use crate::vfs::inner::Task;
use crate::vfs::scratch::Scratch;

/// Attempts at a comparison during which nobody writes to D1.
const ATTEMPTS: usize = 3;

/// What was compared, and which differences were found.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Whether no difference was found.
    pub equal: bool,
    /// The commit that was compared.
    pub seq: u64,
    /// Tables on D1.
    pub tables: u64,
    /// Rows of those tables.
    pub rows: u64,
    /// Objects in the bucket that were checked; `None`: there is no bucket.
    pub objects: Option<u64>,
    /// Differences between D1 and a fresh replica, and what SQLite's own checks find in the replica.
    pub replica: Differences,
    /// Differences between the file and D1; `None`: no file was given.
    pub file: Option<Differences>,
    /// Rows without their objects, and objects without a row; `None`: there is no bucket.
    pub media: Option<Differences>,
    /// What it took.
    pub requests: RequestCount,
}

/// Compares everything. Differences are in the report; an error means that something could not be compared.
pub fn verify(file: Option<&Path>, progress: Progress<'_>) -> Result<Report, Error> {
    let (settings, r2) = config::load()?;
    let file = file.map(DatabaseCopy::open).transpose()?;
    let client = connect_d1(&settings)?;
    let bucket = connect_bucket(r2.as_ref())?;
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
    report.requests = requests(&client, bucket.as_ref());
    Ok(report)
}

fn attempt(
    client: &Client,
    file: Option<&DatabaseCopy>,
    r2: Option<(&R2Settings, &Bucket)>,
    progress: Progress<'_>,
) -> Result<Report, Error> {
    let image = hydrate(client, &Bounds::default())?;
    let scratch = Scratch::new(Image::default());
    scratch.show(&image);
    let replica = scratch.connection(Task::Examine)?;
    let schema = Schema::read(&replica)?;
    let compare = |local: &Connection, schema: &Schema, local_name: &'static str| {
        D1Comparison { client, local, schema, local_name, position: image.position.clone(), progress }.differences()
    };
    let mut report = Report { seq: image.position.seq.0, tables: schema.tables.len() as u64, ..Report::default() };
    for table in schema.tables.values() {
        report.rows += super::check::count(&replica, table)?;
    }
    report.replica = compare(&replica, &schema, "the replica")?;
    run_sqlite_checks(&replica, &mut report.replica)?;
    if let Some(file) = file {
        let schema = Schema::read(&file.connection)?;
        report.file = Some(compare(&file.connection, &schema, "the file")?);
    }
    if let Some((settings, bucket)) = r2 {
        let mut found = Differences::default();
        let (objects, unusable) = listings(settings, bucket)?;
        for key in unusable {
            found.add(format!("object {key}"), "it can be no file's name".to_owned());
        }
        report.objects = Some(expected::compare(&replica, settings, &config::media_folders()?, &objects, &mut found)?);
        report.media = Some(found);
    }
    Ok(report)
}

/// SQLite's own checks.
fn run_sqlite_checks(replica: &Connection, found: &mut Differences) -> Result<(), Error> {
    match problems(replica, Depth::Full) {
        Ok(problems) => problems.into_iter().for_each(|problem| found.add("integrity_check".to_owned(), problem)),
        Err(error @ Error::Unexaminable { .. }) => found.add("integrity_check".to_owned(), error.to_string()),
        Err(error) => return Err(error),
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
