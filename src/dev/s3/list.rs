//! A page of names, in the order of their UTF-8 bytes, folded at a delimiter if one is given.

use rusqlite::{Connection, params};
use s3s::S3Result;

use super::store::{Object, columns, internal, need_bucket, object};

/// Names on one page at most; R2's documentation, ListObjectsV2.
pub(super) const PAGE: usize = 1000;

/// After every key that begins with what it is put behind.
const LAST: &str = "\u{10ffff}";

#[derive(Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    pub(super) prefixes: Vec<String>,
    /// Where the next page begins, if there is one.
    pub(super) next: Option<String>,
}

impl Page {
    fn len(&self) -> usize {
        self.objects.len() + self.prefixes.len()
    }
}

/// The names below `prefix` behind `after`, at most `limit` of them.
pub(super) fn page(
    index: &Connection,
    bucket: &str,
    prefix: &str,
    delimiter: &str,
    after: &str,
    limit: usize,
) -> S3Result<Page> {
    need_bucket(index, bucket)?;
    let mut page = Page::default();
    let mut after = after.to_owned();
    loop {
        // A folded prefix is skipped by asking again behind it.
        let wanted = limit + 1 - page.len();
        let found = rows(index, bucket, prefix, &after, wanted)?;
        let exhausted = found.len() < wanted;
        let mut folded = false;
        for object in found {
            if page.len() == limit {
                page.next = Some(after);
                return Ok(page);
            }
            match fold(&object.key, prefix, delimiter) {
                Some(common) => {
                    after = format!("{common}{LAST}");
                    page.prefixes.push(common);
                    folded = true;
                    break;
                }
                None => {
                    after.clone_from(&object.key);
                    page.objects.push(object);
                }
            }
        }
        if !folded && exhausted {
            return Ok(page);
        }
    }
}

fn rows(index: &Connection, bucket: &str, prefix: &str, after: &str, limit: usize) -> S3Result<Vec<Object>> {
    let columns = columns();
    let sql = format!(
        "SELECT {columns} FROM objects WHERE bucket=?1 AND key>?2 AND key>=?3 AND key<?4 ORDER BY key LIMIT ?5"
    );
    let mut statement = index.prepare_cached(&sql).map_err(internal)?;
    let end = format!("{prefix}{LAST}");
    let rows = statement.query_map(params![bucket, after, prefix, end, limit as i64], object).map_err(internal)?;
    rows.collect::<Result<_, _>>().map_err(internal)
}

fn fold(key: &str, prefix: &str, delimiter: &str) -> Option<String> {
    let rest = key.strip_prefix(prefix).filter(|_| !delimiter.is_empty())?;
    let end = prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(key[..end].to_owned())
}
