//! Listings: keys in the order of their UTF-8 bytes, a page at a time, grouped at a delimiter if there is one.

use rusqlite::{Connection, params};
use s3s::S3Result;

use super::store::{ObjectRecord, columns, internal, need_bucket, object};

/// The most names on one page; R2's documentation, ListObjectsV2.
pub(super) const PAGE: usize = 1000;

/// Appended to a prefix, it sorts after every key with that prefix.
const LAST: &str = "\u{10ffff}";

#[derive(Default)]
pub(super) struct Listing {
    pub(super) objects: Vec<ObjectRecord>,
    pub(super) prefixes: Vec<String>,
    /// The key after which the next page starts, if there is one.
    pub(super) next: Option<String>,
}

impl Listing {
    fn len(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }
}

/// At most `limit` names with `prefix`, from the first one after `after`.
pub(super) fn page(
    index: &Connection,
    bucket: &str,
    prefix: &str,
    delimiter: &str,
    after: &str,
    limit: usize,
) -> S3Result<Listing> {
    need_bucket(index, bucket)?;
    let mut page = Listing::default();
    let mut after = after.to_owned();
    loop {
        // The other keys of a group are skipped by asking again from behind them.
        let wanted = limit + 1 - page.len();
        let found = rows(index, bucket, prefix, &after, wanted)?;
        let exhausted = found.len() < wanted;
        let mut grouped = false;
        for object in found {
            if page.len() == limit {
                page.next = Some(after);
                return Ok(page);
            }
            match common_prefix(&object.key, prefix, delimiter) {
                Some(common) => {
                    after = format!("{common}{LAST}");
                    page.prefixes.push(common);
                    grouped = true;
                    break;
                }
                None => {
                    after.clone_from(&object.key);
                    page.objects.push(object);
                }
            }
        }
        if !grouped && exhausted {
            return Ok(page);
        }
    }
}

fn rows(index: &Connection, bucket: &str, prefix: &str, after: &str, limit: usize) -> S3Result<Vec<ObjectRecord>> {
    let columns = columns();
    let sql = format!(
        "SELECT {columns} FROM objects WHERE bucket=?1 AND key>?2 AND key>=?3 AND key<?4 ORDER BY key LIMIT ?5"
    );
    let mut statement = index.prepare_cached(&sql).map_err(internal)?;
    let end = format!("{prefix}{LAST}");
    let rows = statement.query_map(params![bucket, after, prefix, end, limit as i64], object).map_err(internal)?;
    rows.collect::<Result<_, _>>().map_err(internal)
}

fn common_prefix(key: &str, prefix: &str, delimiter: &str) -> Option<String> {
    let rest = key.strip_prefix(prefix).filter(|_| !delimiter.is_empty())?;
    let end = prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(key[..end].to_owned())
}
