//! Which rows differ, once it is known which pages they can be on.

use std::collections::{BTreeMap, BTreeSet};

use super::pages::Pages;
use super::{Comparison, RowDiff};
use crate::decode::Corrupt;
use crate::decode::btree::{BTreePage, Cell, payload};
use crate::decode::record::values;
use crate::image::{Image, PageNo};
use crate::value::{Encoding, Key, Value};

impl Comparison<'_> {
    /// Compares the rows on `pages`.
    pub(super) fn compare_rows(&self, pages: &Pages, key_columns: Option<usize>) -> Result<RowDiff, Corrupt> {
        match key_columns {
            None => {
                let by_rowid = |_: &Image, cell: &Cell<'_>| Ok(cell.rowid);
                self.compare_keyed(pages, by_rowid, Key::Rowid)
            }
            Some(count) => {
                // Compared as they are stored: two keys of invalid UTF-16 may become the same UTF-8.
                let by_key = |image: &Image, cell: &Cell<'_>| values(&payload(image, cell)?, count);
                let encoding = Encoding::numbered(self.after.header_u32(56));
                self.compare_keyed(pages, by_key, |key: Vec<Value>| {
                    Key::Primary(key.into_iter().map(|value| value.in_utf8(encoding)).collect())
                })
            }
        }
    }

    /// `key` reads a row's key from its cell, `row_key` makes of it what the planner wants.
    fn compare_keyed<K: Ord>(
        &self,
        pages: &Pages,
        key: impl Fn(&Image, &Cell<'_>) -> Result<K, Corrupt>,
        row_key: impl Fn(K) -> Key,
    ) -> Result<RowDiff, Corrupt> {
        let old = rows(self.before, &pages.old, &key)?;
        let mut new = rows(self.after, &pages.new, &key)?;
        let mut diff = RowDiff::default();
        for (key, old_cell) in old {
            match new.remove(&key) {
                None => diff.deleted.push(row_key(key)),
                Some(new_cell) if self.same_payload(&old_cell, &new_cell)? => {}
                Some(_) => diff.updated.push(row_key(key)),
            }
        }
        diff.inserted = new.into_keys().map(row_key).collect();
        Ok(diff)
    }

    /// Reads overflow chains only where they may differ.
    fn same_payload(&self, old: &Cell<'_>, new: &Cell<'_>) -> Result<bool, Corrupt> {
        if old.payload_len != new.payload_len {
            return Ok(false);
        }
        match (old.overflow, new.overflow) {
            (None, None) => Ok(old.local == new.local),
            (Some(a), Some(b)) if a == b && !self.changed_chains.contains(&a) && old.local.len() == new.local.len() => {
                Ok(old.local == new.local)
            }
            _ => Ok(payload(self.before, old)? == payload(self.after, new)?),
        }
    }
}

/// The cells of all rows on `pages`, by their keys.
fn rows<'i, K: Ord>(
    image: &'i Image,
    pages: &BTreeSet<PageNo>,
    key: impl Fn(&Image, &Cell<'_>) -> Result<K, Corrupt>,
) -> Result<BTreeMap<K, Cell<'i>>, Corrupt> {
    let mut rows = BTreeMap::new();
    for_each_row(image, pages, |_, cell| {
        rows.insert(key(image, &cell)?, cell);
        Ok(())
    })?;
    Ok(rows)
}

/// Visits the cells of all rows on `pages`.
pub(super) fn for_each_row<'i>(
    image: &'i Image,
    pages: &BTreeSet<PageNo>,
    mut visit: impl FnMut(PageNo, Cell<'i>) -> Result<(), Corrupt>,
) -> Result<(), Corrupt> {
    for no in pages {
        let page = BTreePage::read(image, *no)?;
        if page.holds_rows() {
            for index in 0..page.cell_count() {
                visit(*no, page.cell(index)?)?;
            }
        }
    }
    Ok(())
}
