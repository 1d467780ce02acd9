//! How a commit changes the index of page owners.
//!
//! In: the [`Pages`] of one table. Out: entries of the [`OwnersUpdate`] that all tables of the commit share.

use std::collections::{BTreeMap, BTreeSet};

use super::Comparison;
use super::pages::Pages;
use super::rows::for_each_row;
use crate::decode::Corrupt;
use crate::decode::btree::overflow_chain;
use crate::decode::owners::{Owner, OwnersUpdate};
use crate::image::{Image, PageNo, PageSet};

impl Comparison<'_> {
    /// Refuses an update after which some page would hang in two places; only damaged pages lead there. For all tables' updates
    /// together, since a page may go from one to another.
    pub(crate) fn check(&self, update: &OwnersUpdate) -> Result<(), Corrupt> {
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

    /// Adds what `pages` say of one table.
    pub(super) fn update_owners(&self, pages: &Pages, update: &mut OwnersUpdate) -> Result<(), Corrupt> {
        update.removed.extend(pages.gone.iter().copied());
        update.set.extend(pages.moved.iter().copied());
        let (old, new) = (chains(self.before, &pages.old)?, chains(self.after, &pages.new)?);
        for (first, (_, len)) in &old {
            if !new.contains_key(first) || self.changed_chains.contains(first) {
                update.removed.extend(overflow_chain(self.before, *first, *len)?);
            }
        }
        let mut claimed = PageSet::default();
        for (first, (page, len)) in &new {
            if old.contains_key(first) && !self.changed_chains.contains(first) {
                // The chain is as it was; only the page that holds its cell may be another one.
                update.removed.push(*first);
                update.set.push((*first, Owner::Overflow { previous: *page }));
            } else {
                let chain = overflow_chain(self.after, *first, *len)?;
                if let Some(no) = chain.iter().find(|no| !claimed.insert(**no)) {
                    return Err(Corrupt::Cycle(*no)); // two chains that meet
                }
                let previous = std::iter::once(page).chain(&chain);
                update.set.extend(chain.iter().zip(previous).map(|(no, p)| (*no, Owner::Overflow { previous: *p })));
            }
        }
        Ok(())
    }
}

/// By a chain's first page: the page with its cell, and the length of the payload.
type Chains = BTreeMap<PageNo, (PageNo, usize)>;

/// The overflow chains of all cells on `pages`.
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
