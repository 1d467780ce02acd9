//! Which pages of one table have to be compared, and which of them left its tree or joined it.
//!
//! In: the two roots, and what [`Comparison`] knows of the changed pages. Out: [`Pages`]. Only links decide: a page can leave a tree
//! without changing (SQLite frees whole subtrees by unlinking them), and can join one without changing (a page from the freelist that
//! gets back the bytes it still held). See R12.

use std::collections::BTreeSet;

use super::{Comparison, TreePair};
use crate::decode::Corrupt;
use crate::decode::btree::BTreePage;
use crate::decode::owners::{MAX_DEPTH, Owner, TreeId};
use crate::image::{Image, PageMap, PageNo, PageSet};

/// The pages of one table that have to be compared, and what happens to their owners.
#[derive(Default)]
pub(super) struct Pages {
    /// Pages of the tree before that changed or left.
    pub(super) old: BTreeSet<PageNo>,
    /// Pages of the tree after that changed or joined.
    pub(super) new: BTreeSet<PageNo>,
    /// Those of `old` that left.
    pub(super) gone: BTreeSet<PageNo>,
    /// The owners of pages that joined, or have another parent now.
    pub(super) moved: Vec<(PageNo, Owner)>,
    visited: PageSet,
}

/// A walk down a tree as it is after the commit.
struct Walk<'a> {
    tree: TreeId,
    dirty: &'a BTreeSet<PageNo>,
    /// The dirty pages and all pages that were above them.
    paths: PageSet,
    /// For each page the pages of `paths` that were its children.
    below: PageMap<Vec<PageNo>>,
    /// Every page that a changed page links to, and of `paths` those that an unchanged page links to.
    linked: PageSet,
    pages: Pages,
}

impl Comparison<'_> {
    /// The pages of one table that have to be compared.
    pub(super) fn pages(&self, pair: &TreePair) -> Result<Pages, Corrupt> {
        match (pair.old_root, pair.new_root) {
            (Some(old), Some(new)) if old == new && self.before.page_size() == self.after.page_size() => {
                self.changed_pages(pair.tree, old)
            }
            (old, new) => self.whole_trees(pair.tree, old, new),
        }
    }

    /// All pages of a tree that was created, dropped, or given another root.
    fn whole_trees(&self, tree: TreeId, old: Option<PageNo>, new: Option<PageNo>) -> Result<Pages, Corrupt> {
        let mut pages = Pages::default();
        if let Some(root) = old {
            self.subtree(self.before, root, &mut pages.old, |_| false)?;
            pages.gone.extend(pages.old.iter().copied());
        }
        if let Some(root) = new {
            self.join(tree, root, root, &mut pages, 0)?;
        }
        Ok(pages)
    }

    /// The changed part of a tree that kept its root.
    fn changed_pages(&self, tree: TreeId, root: PageNo) -> Result<Pages, Corrupt> {
        let Some(dirty) = self.dirty.get(&tree) else { return Ok(Pages::default()) };
        // On the way down from the root only pages above a dirty one have to be visited.
        let mut paths = PageSet::default();
        let mut below: PageMap<Vec<PageNo>> = PageMap::default();
        for page in dirty {
            let mut no = *page;
            while paths.insert(no) {
                match self.owners.get(no) {
                    Owner::Tree { parent, .. } if parent != no => {
                        below.entry(parent).or_default().push(no);
                        no = parent;
                    }
                    _ => break,
                }
            }
        }
        let mut walk = Walk { tree, dirty, paths, below, linked: PageSet::default(), pages: Pages::default() };
        self.walk(&mut walk, root, 0)?;
        self.find_unlinked(&mut walk, root)?;
        Ok(walk.pages)
    }

    /// Visits a page that is in the tree after the commit.
    fn walk(&self, walk: &mut Walk<'_>, no: PageNo, depth: usize) -> Result<(), Corrupt> {
        if depth > MAX_DEPTH || !walk.pages.visited.insert(no) {
            return Err(Corrupt::Cycle(no));
        }
        if walk.dirty.contains(&no) {
            walk.pages.old.insert(no);
            walk.pages.new.insert(no);
        }
        if self.is_linked_as_before(walk.tree, no) {
            // Its other children, perhaps hundreds, are where they were and hold what they held.
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
                    if walk.paths.contains(&child) {
                        self.walk(walk, child, depth + 1)?;
                    }
                }
                _ => self.join_below(walk, child, no, depth + 1)?,
            }
        }
        Ok(())
    }

    /// Whether the page was in the tree before and still has the links it had.
    fn is_linked_as_before(&self, tree: TreeId, no: PageNo) -> bool {
        !self.changed.contains(&no) && matches!(self.owners.get(no), Owner::Tree { tree: owner, .. } if owner == tree)
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

    /// Finds the pages that left the tree: those that no page links to any longer, with all that hung below them.
    fn find_unlinked(&self, walk: &mut Walk<'_>, root: PageNo) -> Result<(), Corrupt> {
        let mut gone = BTreeSet::new();
        let is_unlinked = |no: &PageNo| !walk.linked.contains(no) && *no != root;
        for no in &walk.paths {
            if is_unlinked(no) {
                gone.insert(*no);
            }
            if !self.changed.contains(no) && !is_unlinked(no) {
                continue; // an unchanged page that stays links to the same children as before
            }
            for child in BTreePage::read(self.before, *no)?.children()? {
                if is_unlinked(&child) {
                    self.subtree(self.before, child, &mut gone, |below| !is_unlinked(below))?;
                }
            }
        }
        walk.pages.old.extend(gone.iter().copied());
        walk.pages.gone = gone;
        Ok(())
    }

    /// Collects the pages of a subtree, without those that `skip` names and all below them.
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
}
