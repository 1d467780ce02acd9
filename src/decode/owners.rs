//! Whose page is it? For every page of a table's b-tree its parent, and for every overflow page of its rows the page before it.
//!
//! A commit says which pages changed; this index says which table, and which leaf, a changed page belongs to, without walking the
//! database. It takes 12 bytes for each page and is brought forward with each commit.
//!
//! Invariant: after every commit the index equals one built anew from the newest image (`Owners::build`). It is kept by
//! `diff`, and checked by every random test.

use super::Corrupt;
use super::btree::{BTreePage, Cell, overflow_chain};
use crate::image::{Image, PageNo};

/// A table's b-tree, for as long as this process lives: a rename keeps it, a rebuild ends it. 0 is `sqlite_schema`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TreeId(pub u32);

/// `sqlite_schema`, whose root is page 1.
pub(crate) const SCHEMA_TREE: TreeId = TreeId(0);

/// What a page belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owner {
    /// No table: it is on the freelist, or a page of an index, or a pointer map.
    #[default]
    None,
    /// A page of a table's b-tree, below `parent`; a root is its own parent.
    Tree { tree: TreeId, parent: PageNo },
    /// An overflow page: `previous` is the page before it in its chain; for the first of a chain, the page that holds the cell.
    Overflow { previous: PageNo },
}

/// The owner of every page.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    pages: Vec<Owner>,
}

/// No database is large enough for a tree deeper than this, so one that seems to be has a cycle.
pub(super) const MAX_DEPTH: usize = 40;

impl Owners {
    /// The index of a whole image with these trees' roots.
    pub(crate) fn build(image: &Image, trees: impl IntoIterator<Item = (TreeId, PageNo)>) -> Result<Owners, Corrupt> {
        let mut owners = Owners::default();
        for (tree, root) in trees {
            owners.add_subtree(image, tree, root, root)?;
        }
        Ok(owners)
    }

    fn add_subtree(&mut self, image: &Image, tree: TreeId, root: PageNo, parent: PageNo) -> Result<(), Corrupt> {
        let mut todo = vec![(root, parent)];
        while let Some((no, parent)) = todo.pop() {
            if self.get(no) != Owner::None {
                return Err(Corrupt::Cycle(no));
            }
            let page = BTreePage::read(image, no)?; // before `set`: a page number from a damaged page must not size the index
            self.set(no, Owner::Tree { tree, parent });
            todo.extend(page.children()?.into_iter().map(|child| (child, no)));
            if page.holds_rows() {
                for index in 0..page.cell_count() {
                    self.add_chain(image, no, &page.cell(index)?)?;
                }
            }
        }
        Ok(())
    }

    /// The overflow chain of a cell on page `no`.
    fn add_chain(&mut self, image: &Image, no: PageNo, cell: &Cell<'_>) -> Result<(), Corrupt> {
        let Some(first) = cell.overflow else { return Ok(()) };
        let mut previous = no;
        for link in overflow_chain(image, first, cell.payload_len)? {
            if self.get(link) != Owner::None {
                return Err(Corrupt::Cycle(link));
            }
            self.set(link, Owner::Overflow { previous });
            previous = link;
        }
        Ok(())
    }

    /// What a page belongs to.
    pub(crate) fn get(&self, no: PageNo) -> Owner {
        self.pages.get(no.index()).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, no: PageNo, owner: Owner) {
        if self.pages.len() <= no.index() {
            self.pages.resize(no.index() + 1, Owner::None);
        }
        self.pages[no.index()] = owner;
    }

    /// Brings the index forward by one commit.
    pub(crate) fn apply(&mut self, update: &OwnersUpdate) {
        for no in &update.removed {
            if no.index() < self.pages.len() {
                self.set(*no, Owner::None);
            }
        }
        for (no, owner) in &update.set {
            self.set(*no, *owner);
        }
    }

    /// The page with the cell whose overflow chain `no` is part of, and the chain's first page.
    pub(super) fn chain_start(&self, no: PageNo) -> Option<(PageNo, PageNo)> {
        let mut first = no;
        for _ in 0..=self.pages.len() {
            match self.get(first) {
                Owner::Overflow { previous } => match self.get(previous) {
                    Owner::Tree { .. } => return Some((previous, first)),
                    Owner::Overflow { .. } => first = previous,
                    Owner::None => return None,
                },
                _ => return None,
            }
        }
        None
    }

    /// All entries but the empty ones, for comparing two indexes.
    pub(crate) fn entries(&self) -> Vec<(PageNo, Owner)> {
        let numbered = self.pages.iter().enumerate();
        numbered
            .filter(|(_, owner)| **owner != Owner::None)
            .filter_map(|(index, owner)| Some((PageNo::new(u32::try_from(index).ok()? + 1)?, *owner)))
            .collect()
    }
}

/// How one commit changes the index: first the removals, then the new entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnersUpdate {
    pub(super) removed: Vec<PageNo>,
    pub(super) set: Vec<(PageNo, Owner)>,
}
