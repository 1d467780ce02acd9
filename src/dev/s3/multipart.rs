//! Multipart uploads. The object does not change until its upload is completed.

use rusqlite::{Connection, OptionalExtension, params};
use s3s::{S3Error, S3ErrorCode, S3Result};
use std::time::SystemTime;

use md5::{Digest, Md5};
use uuid::Uuid;

use super::blobs::Blob;
use super::store::{
    Conditions, ObjectAttributes, ObjectRecord, ObjectStore, attributes, internal, milliseconds, need_bucket, text,
    time,
};

/// The minimum size of a part other than the last; R2's documentation, "Multipart".
const PART_BYTES: u64 = 5 << 20;

struct Part {
    size: u64,
    etag: String,
    blob: String,
}

pub(super) struct UnfinishedUpload {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) created: SystemTime,
}

impl ObjectStore {
    pub(super) fn begin_upload(&self, bucket: &str, key: &str, attributes: &ObjectAttributes) -> S3Result<String> {
        let index = self.index();
        need_bucket(&index, bucket)?;
        let id = Uuid::new_v4().simple().to_string();
        let row = params![id, bucket, key, milliseconds(SystemTime::now()), text(attributes)];
        index.execute("INSERT INTO uploads VALUES (?1, ?2, ?3, ?4, ?5)", row).map_err(internal)?;
        Ok(id)
    }

    pub(super) fn uploads(&self, bucket: &str) -> S3Result<Vec<UnfinishedUpload>> {
        let index = self.index();
        need_bucket(&index, bucket)?;
        let sql = "SELECT id, key, created FROM uploads WHERE bucket=?1 ORDER BY key, created";
        let mut statement = index.prepare_cached(sql).map_err(internal)?;
        let upload = |row: &rusqlite::Row<'_>| {
            Ok(UnfinishedUpload { id: row.get(0)?, key: row.get(1)?, created: time(row.get(2)?) })
        };
        let rows = statement.query_map([bucket], upload).map_err(internal)?;
        rows.collect::<Result<_, _>>().map_err(internal)
    }

    pub(super) fn put_part(&self, bucket: &str, key: &str, id: &str, number: i32, blob: &Blob) -> S3Result<String> {
        let placed = self.place_part(bucket, key, id, number, blob);
        self.clean_up(placed, &blob.name)?;
        Ok(hex::encode(blob.md5))
    }

    fn place_part(&self, bucket: &str, key: &str, id: &str, number: i32, blob: &Blob) -> S3Result<Option<String>> {
        let mut index = self.index();
        let transaction = index.transaction().map_err(internal)?;
        need_upload(&transaction, bucket, key, id)?;
        let old = transaction
            .query_row("SELECT blob FROM parts WHERE upload=?1 AND number=?2", params![id, number], |row| row.get(0))
            .optional()
            .map_err(internal)?;
        let row = params![id, number, blob.size as i64, hex::encode(blob.md5), blob.name];
        transaction.execute("INSERT OR REPLACE INTO parts VALUES (?1, ?2, ?3, ?4, ?5)", row).map_err(internal)?;
        transaction.commit().map_err(internal)?;
        Ok(old)
    }

    /// Joins the parts, in this order, into the object.
    pub(super) fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        wanted: &[(i32, String)],
        conditions: &Conditions,
    ) -> S3Result<ObjectRecord> {
        let (attributes, parts) = self.parts(bucket, key, id, wanted)?;
        check_sizes(&parts)?;
        let names: Vec<String> = parts.iter().map(|part| part.blob.clone()).collect();
        let blob = self.blobs.join(&names).map_err(internal)?;
        let object = ObjectRecord {
            key: key.to_owned(),
            size: blob.size,
            etag: etag(&parts),
            modified: SystemTime::now(),
            attributes,
            blob: blob.name,
        };
        let mut left = Vec::new();
        self.replace(bucket, &object, conditions, |index| {
            left = remove_upload(index, id)?;
            Ok(())
        })?;
        left.iter().for_each(|blob| self.blobs.remove(blob));
        Ok(object)
    }

    fn parts(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        wanted: &[(i32, String)],
    ) -> S3Result<(ObjectAttributes, Vec<Part>)> {
        let index = self.index();
        let attributes = need_upload(&index, bucket, key, id)?;
        let find = |(number, etag): &(i32, String)| {
            let sql = "SELECT size, etag, blob FROM parts WHERE upload=?1 AND number=?2 AND etag=?3";
            let part = |row: &rusqlite::Row<'_>| {
                Ok(Part { size: row.get::<_, i64>(0)? as u64, etag: row.get(1)?, blob: row.get(2)? })
            };
            let found = index.query_row(sql, params![id, number, etag], part).optional().map_err(internal)?;
            found.ok_or_else(|| invalid("One or more of the specified parts could not be found."))
        };
        let ascending = wanted.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !ascending {
            return Err(S3ErrorCode::InvalidPartOrder.into());
        }
        Ok((attributes, wanted.iter().map(find).collect::<S3Result<_>>()?))
    }

    pub(super) fn abort_upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<()> {
        let index = self.index();
        need_upload(&index, bucket, key, id)?;
        let left = remove_upload(&index, id).map_err(internal)?;
        drop(index);
        left.iter().for_each(|blob| self.blobs.remove(blob));
        Ok(())
    }
}

fn need_upload(index: &Connection, bucket: &str, key: &str, id: &str) -> S3Result<ObjectAttributes> {
    need_bucket(index, bucket)?;
    let sql = "SELECT attributes FROM uploads WHERE id=?1 AND bucket=?2 AND key=?3";
    let found: Option<String> =
        index.query_row(sql, [id, bucket, key], |row| row.get(0)).optional().map_err(internal)?;
    found.map(|text| attributes(&text)).ok_or_else(|| S3ErrorCode::NoSuchUpload.into())
}

fn remove_upload(index: &Connection, id: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = index.prepare_cached("SELECT blob FROM parts WHERE upload=?1")?;
    let blobs = statement.query_map([id], |row| row.get(0))?.collect::<Result<_, _>>()?;
    index.execute("DELETE FROM uploads WHERE id=?1", [id])?;
    Ok(blobs)
}

// R2 requires all parts but the last to have the same size; S3 requires only a minimum.
fn check_sizes(parts: &[Part]) -> S3Result<()> {
    let Some((_, full)) = parts.split_last() else { return Ok(()) };
    if full.iter().any(|part| part.size < PART_BYTES) {
        return Err(S3ErrorCode::EntityTooSmall.into());
    }
    if full.windows(2).any(|pair| pair[0].size != pair[1].size) {
        return Err(invalid("All non-trailing parts must have the same length."));
    }
    Ok(())
}

fn etag(parts: &[Part]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default()); // we wrote it, as hex
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}

fn invalid(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidPart, message)
}
