//! Buckets and objects: an index in SQLite, and the bytes in files next to it.
//! An object is its row: it appears, changes and disappears in one transaction, so that nobody sees half of it and what was acknowledged
//! survives `kill -9`.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OptionalExtension, Row, params};
use s3s::dto::ETagCondition;
use s3s::{S3Error, S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};

use super::blobs::{Blob, Blobs};

pub(super) struct ObjectStore {
    pub(super) blobs: Blobs,
    /// Held for one statement or one short transaction, never while bytes travel.
    index: Mutex<Connection>,
}

/// An object as the index has it.
#[derive(Clone, Debug)]
pub(super) struct ObjectRecord {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified: SystemTime,
    pub(super) attributes: ObjectAttributes,
    pub(super) blob: String,
}

/// What the uploader said about an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ObjectAttributes {
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_language: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// `If-Match` and `If-None-Match`.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    matches: Option<ETagCondition>,
    matches_none: Option<ETagCondition>,
}

impl Conditions {
    pub(super) fn new(matches: Option<ETagCondition>, matches_none: Option<ETagCondition>) -> Conditions {
        Conditions { matches, matches_none }
    }

    /// Whether an object with this ETag, or none, passes `If-Match`.
    pub(super) fn wanted(&self, etag: Option<&str>) -> bool {
        self.matches.as_ref().is_none_or(|condition| covers(condition, etag))
    }

    /// Whether `If-None-Match` excludes it.
    pub(super) fn excluded(&self, etag: Option<&str>) -> bool {
        self.matches_none.as_ref().is_some_and(|condition| covers(condition, etag))
    }
}

fn covers(condition: &ETagCondition, etag: Option<&str>) -> bool {
    match (condition, etag) {
        (_, None) => false,
        (ETagCondition::Any, Some(_)) => true,
        (ETagCondition::ETag(wanted), Some(etag)) => wanted.value() == etag,
    }
}

const COLUMNS: &str = "key, size, etag, modified, attributes, blob";

impl ObjectStore {
    pub(super) fn open(dir: &Path, durable: bool) -> anyhow::Result<ObjectStore> {
        fs::create_dir_all(dir)?;
        let blobs = Blobs::open(&dir.join("blobs"), durable)?;
        let index = Connection::open(dir.join("index.sqlite"))?;
        index.execute_batch("PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON")?;
        index.execute_batch(if durable { "PRAGMA synchronous=FULL" } else { "PRAGMA synchronous=OFF" })?;
        index.execute_batch(include_str!("index.sql"))?;
        let known: HashSet<String> = index
            .prepare("SELECT blob FROM objects UNION ALL SELECT blob FROM parts")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        blobs.sweep(&known)?;
        Ok(ObjectStore { blobs, index: Mutex::new(index) })
    }

    pub(super) fn index(&self) -> MutexGuard<'_, Connection> {
        self.index.lock()
    }

    /// Returns whether the bucket is new.
    pub(super) fn create_bucket(&self, name: &str) -> S3Result<bool> {
        let sql = "INSERT INTO buckets VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        let made = self.index().execute(sql, params![name, milliseconds(SystemTime::now())]).map_err(internal)?;
        Ok(made == 1)
    }

    pub(super) fn buckets(&self) -> S3Result<Vec<(String, SystemTime)>> {
        let index = self.index();
        let mut statement =
            index.prepare_cached("SELECT name, created FROM buckets ORDER BY name").map_err(internal)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, time(row.get(1)?)))).map_err(internal)?;
        rows.collect::<Result<_, _>>().map_err(internal)
    }

    /// An object and its bytes, which remain readable even if the object is replaced or deleted.
    pub(super) fn read(&self, bucket: &str, key: &str) -> S3Result<(ObjectRecord, File)> {
        let index = self.index(); // held until the file is open: an overwrite in between would remove it
        let object = find(&index, bucket, key)?;
        let object = object.ok_or_else(|| missing(&index, bucket))?;
        let bytes = self.blobs.read(&object.blob).map_err(internal)?;
        Ok((object, bytes))
    }

    /// Creates or replaces an object, if `conditions` allow it.
    pub(super) fn put(
        &self,
        bucket: &str,
        key: &str,
        blob: &Blob,
        attributes: &ObjectAttributes,
        conditions: &Conditions,
    ) -> S3Result<ObjectRecord> {
        let object = ObjectRecord {
            key: key.to_owned(),
            size: blob.size,
            etag: hex::encode(blob.md5),
            modified: SystemTime::now(),
            attributes: attributes.clone(),
            blob: blob.name.clone(),
        };
        self.replace(bucket, &object, conditions, |_| Ok(()))?;
        Ok(object)
    }

    /// Puts `object` into the index, in one transaction with what `also` does there.
    pub(super) fn replace(
        &self,
        bucket: &str,
        object: &ObjectRecord,
        conditions: &Conditions,
        also: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> S3Result<()> {
        let placed = self.place(bucket, object, conditions, also);
        self.clean_up(placed, &object.blob)
    }

    /// Once `blob` was entered in the index, or refused: removes the blob it replaced, or itself.
    pub(super) fn clean_up(&self, placed: S3Result<Option<String>>, blob: &str) -> S3Result<()> {
        match &placed {
            Ok(Some(old)) => self.blobs.remove(old),
            Ok(None) => {}
            Err(_) => self.blobs.remove(blob),
        }
        placed.map(|_| ())
    }

    fn place(
        &self,
        bucket: &str,
        object: &ObjectRecord,
        conditions: &Conditions,
        also: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> S3Result<Option<String>> {
        let mut index = self.index();
        let transaction = index.transaction().map_err(internal)?;
        need_bucket(&transaction, bucket)?;
        let old = find(&transaction, bucket, &object.key)?;
        let etag = old.as_ref().map(|old| old.etag.as_str());
        if !conditions.wanted(etag) || conditions.excluded(etag) {
            return Err(S3ErrorCode::PreconditionFailed.into());
        }
        insert(&transaction, bucket, object).and_then(|()| also(&transaction)).map_err(internal)?;
        transaction.commit().map_err(internal)?;
        Ok(old.map(|old| old.blob))
    }

    /// Deletes objects. A key without an object is no error.
    pub(super) fn delete(&self, bucket: &str, keys: &[String]) -> S3Result<()> {
        let mut index = self.index();
        let transaction = index.transaction().map_err(internal)?;
        need_bucket(&transaction, bucket)?;
        let mut blobs: Vec<String> = Vec::new();
        for key in keys {
            let sql = "DELETE FROM objects WHERE bucket=?1 AND key=?2 RETURNING blob";
            let removed = transaction.query_row(sql, [bucket, key], |row| row.get(0)).optional();
            blobs.extend(removed.map_err(internal)?);
        }
        transaction.commit().map_err(internal)?;
        blobs.iter().for_each(|blob| self.blobs.remove(blob));
        Ok(())
    }
}

/// Refuses a request to a bucket that does not exist.
pub(super) fn need_bucket(index: &Connection, bucket: &str) -> S3Result<()> {
    let known = index.query_row("SELECT 1 FROM buckets WHERE name=?1", [bucket], |_| Ok(())).optional();
    known.map_err(internal)?.ok_or_else(|| S3Error::with_message(S3ErrorCode::NoSuchBucket, "There is no such bucket."))
}

fn missing(index: &Connection, bucket: &str) -> S3Error {
    need_bucket(index, bucket).err().unwrap_or_else(|| S3ErrorCode::NoSuchKey.into())
}

fn find(index: &Connection, bucket: &str, key: &str) -> S3Result<Option<ObjectRecord>> {
    let sql = format!("SELECT {COLUMNS} FROM objects WHERE bucket=?1 AND key=?2");
    let mut statement = index.prepare_cached(&sql).map_err(internal)?;
    statement.query_row([bucket, key], object).optional().map_err(internal)
}

fn insert(index: &Connection, bucket: &str, object: &ObjectRecord) -> rusqlite::Result<()> {
    let ObjectRecord { key, size, etag, modified, attributes, blob } = object;
    let sql = "INSERT OR REPLACE INTO objects (bucket, key, size, etag, modified, attributes, blob) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut statement = index.prepare_cached(sql)?;
    statement.execute(params![bucket, key, *size as i64, etag, milliseconds(*modified), text(attributes), blob])?;
    Ok(())
}

/// A row of `COLUMNS`.
pub(super) fn object(row: &Row<'_>) -> rusqlite::Result<ObjectRecord> {
    Ok(ObjectRecord {
        key: row.get(0)?,
        size: row.get::<_, i64>(1)? as u64,
        etag: row.get(2)?,
        modified: time(row.get(3)?),
        attributes: attributes(&row.get::<_, String>(4)?),
        blob: row.get(5)?,
    })
}

pub(super) fn columns() -> &'static str {
    COLUMNS
}

pub(super) fn text(attributes: &ObjectAttributes) -> String {
    serde_json::to_string(attributes).unwrap_or_default() // strings and maps of strings always serialize
}

pub(super) fn attributes(text: &str) -> ObjectAttributes {
    serde_json::from_str(text).unwrap_or_default() // written by `text`
}

pub(super) fn milliseconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

pub(super) fn time(milliseconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds as u64)
}

pub(super) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> S3Error {
    tracing::error!(%error, "the local R2");
    S3Error::internal_error(error)
}
