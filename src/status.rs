//! What D1 and R2 hold, in few requests: two to D1, and one to R2 per 1,000 objects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::{self, R2Settings, SettingError};
use crate::d1::{Client, SendError, Statement, StatementResult};
use crate::ledger::{log, tables};
use crate::metrics::{Metrics, R2Metrics, RequestCount};
use crate::r2::{self, Bucket, Listing, Requests};

/// How long a watch reuses a listing: every page of names costs money.
const LIST_AGAIN: Duration = Duration::from_secs(60);

/// How long a watch reuses row counts if nobody commits: other programs write without a commit in the log.
const COUNT_AGAIN: Duration = Duration::from_secs(30);

/// Why the status is unknown.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// D1 refused or did not answer.
    #[error(transparent)]
    D1(#[from] SendError),
    /// R2 refused or did not answer.
    #[error(transparent)]
    R2(#[from] r2::Error),
}

/// What D1 and R2 hold.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The database, as it is named in the settings.
    pub database: String,
    /// The newest commit; 0: nobody has committed through liteflare.
    pub seq: u64,
    /// Bytes of the database.
    pub bytes: u64,
    /// The application's tables.
    pub tables: Vec<TableStatus>,
    /// The last commits, newest first.
    pub commits: Vec<Commit>,
    /// The bucket's name, if there is one.
    pub bucket: Option<String>,
    /// The objects of each mapped folder.
    pub prefixes: Vec<PrefixStatus>,
    /// What this answer took.
    pub requests: RequestCount,
}

/// One table.
#[derive(Clone, Debug, Serialize)]
pub struct TableStatus {
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
}

/// One commit.
#[derive(Clone, Debug, Serialize)]
pub struct Commit {
    /// Its place in the log.
    pub seq: u64,
    /// When, by D1's clock.
    pub at: String,
    /// Who wrote.
    pub source: String,
    /// The tables named in the log; empty if it changed the schema, or more rows than the log names.
    pub tables: Vec<String>,
}

/// One folder's objects.
#[derive(Clone, Debug, Serialize)]
pub struct PrefixStatus {
    /// The folder's prefix.
    pub prefix: String,
    /// How many there are.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Keys beside them that can be no file's name.
    pub unusable: Vec<String>,
}

/// Reads the status repeatedly, and asks only for what may have changed.
pub struct Watch {
    client: Client,
    database: String,
    bucket: Option<(Bucket, R2Settings)>,
    /// Requests up to the last answer.
    reported: RequestCount,
    last: Option<LastAnswer>,
}

struct LastAnswer {
    status: Status,
    counted: Instant,
    listed: Instant,
}

impl Watch {
    /// Connects to the database and the bucket of the settings. A database given by name costs a request, and so do bucket keys that are
    /// derived from the token.
    pub fn open() -> Result<Watch, StatusError> {
        let (settings, r2) = config::load()?;
        let bucket = match r2 {
            Some(settings) => Some((Bucket::connect(&settings, Arc::<R2Metrics>::default())?, settings)),
            None => None,
        };
        let client = Client::connect(&settings, Arc::new(Metrics::default()))?;
        Ok(Watch { client, database: settings.database, bucket, reported: RequestCount::default(), last: None })
    }

    /// What there is now.
    pub fn poll(&mut self) -> Result<Status, StatusError> {
        let now = Instant::now();
        let last = self.last.as_ref(); // kept if this fails, so that its listing can be reused
        let known = last.filter(|last| now.duration_since(last.counted) < COUNT_AGAIN);
        let (mut status, counted) = match known {
            Some(last) if last.status.seq == self.seq()? => (last.status.clone(), last.counted),
            _ => (self.count()?, now),
        };
        let listed = match last {
            Some(last) if now.duration_since(last.listed) < LIST_AGAIN => {
                status.prefixes.clone_from(&last.status.prefixes);
                last.listed
            }
            _ => {
                status.prefixes = self.list()?;
                now
            }
        };
        let total = self.total();
        status.requests = RequestCount { d1: total.d1 - self.reported.d1, r2: total.r2 - self.reported.r2 };
        self.reported = total;
        self.last = Some(LastAnswer { status: status.clone(), counted, listed });
        Ok(status)
    }

    fn total(&self) -> RequestCount {
        let r2 = self.bucket.as_ref().map_or(0, |(bucket, _)| Requests::read(bucket.metrics()).total());
        RequestCount { d1: self.client.metrics.d1_requests.get(), r2 }
    }

    fn seq(&self) -> Result<u64, StatusError> {
        match self.client.send_idempotent(&[log::newest()]) {
            Ok(answer) => Ok(log::newest_in(&answer[0]).unwrap_or_default().seq.0),
            Err(SendError::Refused(refusal)) if refusal.message.contains("no such table") => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Two requests: which tables there are, and what is in them.
    fn count(&self) -> Result<Status, StatusError> {
        let answer = self.client.send_idempotent(&[tables::names(), tables::has_log()])?;
        let (tables, has_log) = (tables::read_names(&answer[0]), tables::read_has_log(&answer[1]));
        let mut status = Status {
            database: self.database.clone(),
            seq: 0,
            bytes: size(&answer),
            tables: Vec::new(),
            commits: Vec::new(),
            bucket: self.bucket.as_ref().map(|(_, settings)| settings.bucket.clone()),
            prefixes: Vec::new(),
            requests: RequestCount::default(),
        };
        let mut ask: Vec<Statement> = tables
            .iter()
            .map(|table| Statement::new(format!("SELECT count(*) AS n FROM {}", crate::schema::quoted(table))))
            .collect();
        if has_log {
            ask.push(log::recent());
        }
        if ask.is_empty() {
            return Ok(status);
        }
        let answer = self.client.send_idempotent(&ask)?;
        status.bytes = status.bytes.max(size(&answer));
        let count =
            |rows: &StatementResult| rows.results.rows.first().and_then(|row| row.first()?.as_u64()).unwrap_or(0);
        status.tables =
            tables.into_iter().zip(&answer).map(|(name, rows)| TableStatus { name, rows: count(rows) }).collect();
        if has_log && let Some(rows) = answer.last() {
            status.commits = log::read_recent(rows).into_iter().map(commit).collect();
            status.seq = status.commits.first().map_or(0, |commit| commit.seq);
        }
        Ok(status)
    }

    fn list(&self) -> Result<Vec<PrefixStatus>, StatusError> {
        let Some((bucket, settings)) = &self.bucket else { return Ok(Vec::new()) };
        let prefixes: BTreeMap<&str, ()> = settings.folders.iter().map(|folder| (folder.prefix.as_str(), ())).collect();
        let list = |prefix: &str| {
            let Listing { objects, unusable } = bucket.listing(prefix)?;
            let bytes = objects.iter().map(|meta| meta.size).fold(0, u64::saturating_add);
            Ok(PrefixStatus { prefix: prefix.to_owned(), objects: objects.len() as u64, bytes, unusable })
        };
        prefixes.into_keys().map(list).collect()
    }
}

fn commit(entry: log::Entry) -> Commit {
    Commit { seq: entry.seq.0, at: entry.at, source: entry.source, tables: entry.tables }
}

fn size(answer: &[StatementResult]) -> u64 {
    answer.iter().map(|rows| rows.meta.size_after).max().unwrap_or(0)
}
