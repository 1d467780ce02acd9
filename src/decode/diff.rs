//! The rows that differ between two images, found from the pages that differ.
//!
//! For each table: the pages that left its tree or changed there (`old pages`), and those that joined or changed (`new pages`).
//! Rows on all other pages are the same in both images. A page can leave a tree without changing (SQLite frees whole
//! subtrees by unlinking them) and can join one without changing (a freed page that gets back the bytes it still held), so
//! membership is decided by the links of the pages above, never by "is it dirty" (`DECODE.md`, R11 and R12).

use std::collections::{BTreeMap, BTreeSet};

use super::Corrupt;
use super::btree::{BTreePage, Cell, overflow_chain, payload};
use super::owners::{MAX_DEPTH, Owner, Owners, OwnersUpdate, TreeId};
use super::record::{Field, fields};
use crate::image::{Image, PageMap, PageNo, PageSet};

/// A table's tree on both sides of a commit.
#[derive(Clone, Copy, Debug)]
pub struct TreePair {
    /// The identity its pages carry in [`Owners`].
    pub tree: TreeId,
    /// Its root before; `None` when the commit created it.
    pub old_root: Option<PageNo>,
    /// Its root after; `None` when the commit dropped it.
    pub new_root: Option<PageNo>,
    /// How many columns the key of a WITHOUT ROWID table has; `None` for rowid tables.
    pub key_columns: Option<usize>,
}

/// What identifies a row within its table.
#[derive(Clone, Debug, PartialEq)]
pub enum RowKey {
    /// The rowid.
    Rowid(i64),
    /// The key columns of a WITHOUT ROWID table.
    Key(Vec<Field>),
}

/// The rows of one table whose stored bytes differ.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowDiff {
    /// Rows that exist only before.
    pub deleted: Vec<RowKey>,
    /// Rows that exist only after.
    pub inserted: Vec<RowKey>,
    /// Rows in both whose payload differs; their values may still be equal (DROP COLUMN rewrites rows).
    pub updated: Vec<RowKey>,
}

impl RowDiff {
    /// Whether no row differs.
    pub fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.inserted.is_empty() && self.updated.is_empty()
    }
}

/// Two images and what is known of them.
pub struct Comparison<'a> {
    before: &'a Image,
    after: &'a Image,
    changed: PageSet,
    owners: &'a Owners,
    /// Changed pages by the tree they belonged to before: tree pages, and the pages of cells whose overflow chain changed.
    suspects: BTreeMap<TreeId, BTreeSet<PageNo>>,
    /// First pages of the chains that a changed page belonged to.
    changed_chains: PageSet,
}

impl<'a> Comparison<'a> {
    /// `changed`: the pages whose content differs. `owners`: the index of `before`.
    pub fn new(before: &'a Image, after: &'a Image, changed: &[PageNo], owners: &'a Owners) -> Comparison<'a> {
        let mut suspects: BTreeMap<TreeId, BTreeSet<PageNo>> = BTreeMap::new();
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
                suspects.entry(tree).or_default().insert(page);
            }
        }
        Comparison { before, after, changed: changed.iter().copied().collect(), owners, suspects, changed_chains }
    }

    /// Whether any page of this tree, or of its rows, changed.
    pub fn touches(&self, tree: TreeId) -> bool {
        self.suspects.contains_key(&tree)
    }

    /// Refuses an update after which some page would hang in two places; only damaged pages lead there. For all tables' updates
    /// together, since a page may go from one to another.
    pub fn check(&self, update: &OwnersUpdate) -> Result<(), Corrupt> {
        let removed: PageSet = update.removed.iter().copied().collect();
        let mut claimed = PageSet::default();
        for (no, owner) in &update.set {
            let is_free = match (self.owners.get(*no), owner) {
                _ if removed.contains(no) => true,
                (Owner::None, _) => true,
                // It left its parent, which then must have changed or gone.
                (Owner::Tree { tree: old, parent }, Owner::Tree { tree: new, .. }) => {
                    old == *new && (self.changed.contains(&parent) || removed.contains(&parent))
                }
                _ => false,
            };
            if !(is_free && claimed.insert(*no)) {
                return Err(Corrupt::Cycle(*no));
            }
        }
        Ok(())
    }

    /// Compares one table, and notes in `update` how its pages' owners change.
    pub fn table(&self, pair: &TreePair, update: &mut OwnersUpdate) -> Result<RowDiff, Corrupt> {
        let pages = match (pair.old_root, pair.new_root) {
            (Some(old), Some(new)) if old == new && self.before.page_size() == self.after.page_size() => {
                if !self.touches(pair.tree) {
                    return Ok(RowDiff::default());
                }
                self.changed_pages(pair.tree, old)?
            }
            (old, new) => {
                let mut pages = Pages::default();
                if let Some(root) = old {
                    self.subtree(self.before, root, &mut pages.old, |_| false)?;
                    pages.gone.extend(pages.old.iter().copied());
                }
                if let Some(root) = new {
                    self.join(pair.tree, root, root, &mut pages, 0)?;
                }
                pages
            }
        };
        self.update_owners(&pages, update)?;
        self.compare_rows(&pages, pair.key_columns)
    }

    /// The changed part of a tree that kept its root.
    fn changed_pages(&self, tree: TreeId, root: PageNo) -> Result<Pages, Corrupt> {
        let suspects = &self.suspects[&tree];
        // Walking down from the root only has to pass through pages above a suspect.
        let mut interesting = PageSet::default();
        let mut below: PageMap<Vec<PageNo>> = PageMap::default();
        for suspect in suspects {
            let mut no = *suspect;
            while interesting.insert(no) {
                match self.owners.get(no) {
                    Owner::Tree { parent, .. } if parent != no => {
                        below.entry(parent).or_default().push(no);
                        no = parent;
                    }
                    _ => break,
                }
            }
        }
        let mut walk = Walk { tree, suspects, interesting, below, linked: PageSet::default(), pages: Pages::default() };
        self.walk(&mut walk, root, 0)?;
        self.find_unlinked(&mut walk, root)?;
        Ok(walk.pages)
    }

    /// Visits a page that is in the tree after the commit.
    fn walk(&self, walk: &mut Walk<'_>, no: PageNo, depth: usize) -> Result<(), Corrupt> {
        if depth > MAX_DEPTH || !walk.pages.visited.insert(no) {
            return Err(Corrupt::Cycle(no));
        }
        if walk.suspects.contains(&no) {
            walk.pages.old.insert(no);
            walk.pages.new.insert(no);
        }
        if self.is_linked_as_before(walk.tree, no) {
            // Its other children, hundreds perhaps, are where they were and as they were.
            for child in walk.below.remove(&no).unwrap_or_default() {
                walk.linked.insert(child);
                self.walk(walk, child, depth + 1)?;
            }
            return Ok(());
        }
        for child in BTreePage::read(self.after, no)?.children()? {
            if !walk.linked.insert(child) {
                return Err(Corrupt::Cycle(child));
            }
            match self.owners.get(child) {
                Owner::Tree { tree, parent } if tree == walk.tree => {
                    if parent != no {
                        walk.pages.moved.push((child, Owner::Tree { tree, parent: no }));
                    }
                    if walk.interesting.contains(&child) {
                        self.walk(walk, child, depth + 1)?;
                    }
                }
                _ => self.join_below(walk, child, no, depth + 1)?,
            }
        }
        Ok(())
    }

    /// Whether the page was in the tree before and holds what it held, its links among it.
    fn is_linked_as_before(&self, tree: TreeId, no: PageNo) -> bool {
        !self.changed.contains(&no) && matches!(self.owners.get(no), Owner::Tree { tree: its, .. } if its == tree)
    }

    /// Visits a page that was not in the tree before; what hangs below it may have been.
    fn join_below(&self, walk: &mut Walk<'_>, no: PageNo, parent: PageNo, depth: usize) -> Result<(), Corrupt> {
        walk.pages.new.insert(no);
        walk.pages.moved.push((no, Owner::Tree { tree: walk.tree, parent }));
        self.walk(walk, no, depth)
    }

    /// A subtree that is new as a whole.
    fn join(&self, tree: TreeId, no: PageNo, parent: PageNo, pages: &mut Pages, depth: usize) -> Result<(), Corrupt> {
        if depth > MAX_DEPTH || !pages.visited.insert(no) {
            return Err(Corrupt::Cycle(no));
        }
        pages.new.insert(no);
        pages.moved.push((no, Owner::Tree { tree, parent }));
        for child in BTreePage::read(self.after, no)?.children()? {
            self.join(tree, child, no, pages, depth + 1)?;
        }
        Ok(())
    }

    /// Finds what was in the tree before and is no more: children that no page links to any longer, with all below them.
    fn find_unlinked(&self, walk: &mut Walk<'_>, root: PageNo) -> Result<(), Corrupt> {
        let mut gone = BTreeSet::new();
        let dead = |no: &PageNo| !walk.linked.contains(no) && *no != root;
        for no in &walk.interesting {
            if dead(no) {
                gone.insert(*no);
            }
            if !self.changed.contains(no) && !dead(no) {
                continue; // an unchanged page that stays links to the same children as before
            }
            for child in BTreePage::read(self.before, *no)?.children()? {
                if dead(&child) {
                    self.subtree(self.before, child, &mut gone, |below| !dead(below))?;
                }
            }
        }
        walk.pages.old.extend(gone.iter().copied());
        walk.pages.gone = gone;
        Ok(())
    }

    /// Collects the pages of a subtree, leaving out those (and what is below them) that `skip` names.
    fn subtree(
        &self,
        image: &Image,
        root: PageNo,
        pages: &mut BTreeSet<PageNo>,
        skip: impl Fn(&PageNo) -> bool,
    ) -> Result<(), Corrupt> {
        let mut todo = vec![root];
        let mut seen = PageSet::default();
        while let Some(no) = todo.pop() {
            if !seen.insert(no) {
                return Err(Corrupt::Cycle(no));
            }
            pages.insert(no);
            todo.extend(BTreePage::read(image, no)?.children()?.into_iter().filter(|child| !skip(child)));
        }
        Ok(())
    }

    fn update_owners(&self, pages: &Pages, update: &mut OwnersUpdate) -> Result<(), Corrupt> {
        update.removed.extend(pages.gone.iter().copied());
        update.set.extend(pages.moved.iter().copied());
        let old_chains = chains(self.before, &pages.old)?;
        let new_chains = chains(self.after, &pages.new)?;
        for (first, (_, len)) in &old_chains {
            if !new_chains.contains_key(first) || self.changed_chains.contains(first) {
                update.removed.extend(overflow_chain(self.before, *first, *len)?);
            }
        }
        let mut claimed = PageSet::default();
        for (first, (page, len)) in &new_chains {
            let kept = old_chains.contains_key(first) && !self.changed_chains.contains(first);
            if kept {
                // The chain is as it was; only the page that holds its cell may be another one.
                update.removed.push(*first);
                update.set.push((*first, Owner::Overflow { previous: *page }));
                continue;
            }
            let mut previous = *page;
            for no in overflow_chain(self.after, *first, *len)? {
                if !claimed.insert(no) {
                    return Err(Corrupt::Cycle(no)); // two chains that meet
                }
                update.set.push((no, Owner::Overflow { previous }));
                previous = no;
            }
        }
        Ok(())
    }

    fn compare_rows(&self, pages: &Pages, key_columns: Option<usize>) -> Result<RowDiff, Corrupt> {
        match key_columns {
            None => {
                let by_rowid = |_: &Image, cell: &Cell<'_>| Ok(cell.rowid);
                self.compare_keyed(pages, by_rowid, RowKey::Rowid)
            }
            Some(count) => {
                let by_key = |image: &Image, cell: &Cell<'_>| Ok(Sortable(fields(&payload(image, cell)?, count)?));
                self.compare_keyed(pages, by_key, |key| RowKey::Key(key.0))
            }
        }
    }

    fn compare_keyed<K: Ord>(
        &self,
        pages: &Pages,
        key: impl Fn(&Image, &Cell<'_>) -> Result<K, Corrupt>,
        row_key: impl Fn(K) -> RowKey,
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

/// The pages of one table that have to be compared, and what happens to their owners.
#[derive(Default)]
struct Pages {
    /// Pages of the tree before that changed or left.
    old: BTreeSet<PageNo>,
    /// Pages of the tree after that changed or joined.
    new: BTreeSet<PageNo>,
    /// Those of `old` that left.
    gone: BTreeSet<PageNo>,
    /// New owners of pages that joined or hang elsewhere now.
    moved: Vec<(PageNo, Owner)>,
    visited: PageSet,
}

struct Walk<'a> {
    tree: TreeId,
    suspects: &'a BTreeSet<PageNo>,
    /// Suspects and all pages that were above them.
    interesting: PageSet,
    /// The interesting children of a page before.
    below: PageMap<Vec<PageNo>>,
    /// Every page that a changed page links to, and every interesting one that an unchanged page links to.
    linked: PageSet,
    pages: Pages,
}

type Chains = BTreeMap<PageNo, (PageNo, usize)>;

/// First overflow page → page with its cell, and the payload's length, of all cells on `pages`.
fn chains(image: &Image, pages: &BTreeSet<PageNo>) -> Result<Chains, Corrupt> {
    let mut chains = BTreeMap::new();
    for_each_row(image, pages, |no, cell| {
        match cell.overflow.map(|first| (first, chains.insert(first, (no, cell.payload_len)))) {
            Some((first, Some(_))) => Err(Corrupt::Cycle(first)),
            _ => Ok(()),
        }
    })?;
    Ok(chains)
}

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

fn for_each_row<'i>(
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

/// Key columns in some total order: any will do, equality is what counts.
struct Sortable(Vec<Field>);

impl PartialEq for Sortable {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Sortable {}

impl PartialOrd for Sortable {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sortable {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.iter().map(sort_key).cmp(other.0.iter().map(sort_key))
    }
}

fn sort_key(field: &Field) -> (u8, u64, &[u8]) {
    match field {
        Field::Null => (0, 0, &[]),
        Field::Integer(value) => (1, *value as u64, &[]),
        Field::Real(value) => (2, value.to_bits(), &[]),
        Field::Text(bytes) => (3, 0, bytes),
        Field::Blob(bytes) => (4, 0, bytes),
    }
}

#[cfg(test)]
mod tests;
