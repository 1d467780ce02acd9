//! The rows that differ between two images, found from the pages that differ.
//!
//! `pages` finds, for each table, the pages that left its tree or changed there, and those that joined it or changed; rows on all
//! other pages are the same in both images. `rows` compares the rows on these pages, and `update` brings the index of page owners
//! forward. The rules are R11 and R12 of `docs/DECODING.md`.

mod pages;
mod rows;
mod update;

use std::collections::{BTreeMap, BTreeSet};

use super::Corrupt;
use super::owners::{Owner, Owners, OwnersUpdate, TreeId};
use crate::image::{Image, PageNo, PageSet};
use crate::value::Key;

/// A table's tree on both sides of a commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TreePair {
    /// The identity its pages carry in [`Owners`].
    pub tree: TreeId,
    /// Its root before; `None` when the commit created it.
    pub old_root: Option<PageNo>,
    /// Its root after; `None` when the commit dropped it.
    pub new_root: Option<PageNo>,
    /// How many columns the key of a WITHOUT ROWID table has; `None` for rowid tables.
    pub key_columns: Option<usize>,
}

/// The rows of one table whose stored bytes differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RowDiff {
    /// Rows that exist only before.
    pub deleted: Vec<Key>,
    /// Rows that exist only after.
    pub inserted: Vec<Key>,
    /// Rows in both whose payload differs; their values may still be equal (DROP COLUMN rewrites rows).
    pub updated: Vec<Key>,
}

impl RowDiff {
    /// Whether no row differs.
    pub(crate) fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.inserted.is_empty() && self.updated.is_empty()
    }
}

/// Two images, and what the index of page owners says of the pages that differ.
pub(crate) struct Comparison<'a> {
    before: &'a Image,
    after: &'a Image,
    changed: PageSet,
    owners: &'a Owners,
    /// Changed pages by the tree they belonged to before: tree pages, and the pages of cells whose overflow chain changed.
    dirty: BTreeMap<TreeId, BTreeSet<PageNo>>,
    /// First pages of the chains that a changed page belonged to.
    changed_chains: PageSet,
}

impl<'a> Comparison<'a> {
    /// `changed`: the pages whose content differs. `owners`: the index of `before`.
    pub(crate) fn new(before: &'a Image, after: &'a Image, changed: &[PageNo], owners: &'a Owners) -> Comparison<'a> {
        let mut dirty: BTreeMap<TreeId, BTreeSet<PageNo>> = BTreeMap::new();
        let mut changed_chains = PageSet::default();
        for no in changed {
            let page = match owners.chain_start(*no) {
                Some((cell_page, first)) => {
                    changed_chains.insert(first);
                    cell_page
                }
                None => *no,
            };
            if let Owner::Tree { tree, .. } = owners.get(page) {
                dirty.entry(tree).or_default().insert(page);
            }
        }
        Comparison { before, after, changed: changed.iter().copied().collect(), owners, dirty, changed_chains }
    }

    /// Compares one table, and adds to `update` how the owners of its pages change.
    pub(crate) fn table(&self, pair: &TreePair, update: &mut OwnersUpdate) -> Result<RowDiff, Corrupt> {
        let pages = self.pages(pair)?;
        self.update_owners(&pages, update)?;
        self.compare_rows(&pages, pair.key_columns)
    }
}

#[cfg(test)]
mod tests;
