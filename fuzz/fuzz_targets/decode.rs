//! No pages make the decoder panic, run away or fill the memory; and when it accepts them, its index of owners is right.
//!
//! The input is either pages as they come, or damage to a pair of real databases (`seeds/make.py`), which gets deeper than noise ever
//! would.
#![no_main]
#![allow(dead_code, reason = "the target uses a part of each file")]

#[path = "../../src/decode/mod.rs"]
mod decode;
#[path = "../../src/image.rs"]
mod image;
#[path = "../../src/value/exact.rs"]
mod value;

use decode::diff::{Comparison, TreePair};
use decode::owners::{Owners, OwnersUpdate, SCHEMA_TREE, TreeId};
use decode::record;
use image::{Image, Overlay, PageNo};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const BEFORE: &[u8] = include_bytes!("../seeds/before.db");
const AFTER: &[u8] = include_bytes!("../seeds/after.db");
const PAGE_BYTES: usize = 512;

/// The trees of the seeds: the schema, a rowid table, and a WITHOUT ROWID table whose key has two columns.
const TREES: [(TreeId, u8, Option<usize>); 3] = [(SCHEMA_TREE, 1, None), (TreeId(1), 2, None), (TreeId(2), 3, Some(2))];

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    /// Two files, and where three tables begin in each.
    Pages { before: &'a [u8], after: &'a [u8], roots: [(u8, u8); 3], key_columns: u8 },
    /// The seeds with damage.
    Damage { before: Vec<Edit<'a>>, after: Vec<Edit<'a>>, roots: Option<[u8; 3]> },
    /// A record.
    Record { bytes: &'a [u8], count: u8 },
}

#[derive(Arbitrary, Debug)]
enum Edit<'a> {
    Byte {
        page: u8,
        at: u16,
        value: u8,
    },
    /// Aimed at what matters most: the page's header and its cell pointers.
    Header {
        page: u8,
        at: u8,
        value: u8,
    },
    /// A page number, big-endian, at any place.
    Link {
        page: u8,
        at: u16,
        to: u8,
    },
    Bytes {
        page: u8,
        at: u16,
        bytes: &'a [u8],
    },
    Copy {
        from: u8,
        to: u8,
    },
    Truncate {
        pages: u8,
    },
}

impl Edit<'_> {
    fn apply(&self, file: &mut Vec<u8>) {
        let count = file.len() / PAGE_BYTES;
        let place = |page: u8, at: usize| usize::from(page) % count.max(1) * PAGE_BYTES + at % PAGE_BYTES;
        let mut put = |at: usize, bytes: &[u8]| {
            for (byte, value) in file.iter_mut().skip(at).zip(bytes) {
                *byte = *value;
            }
        };
        match *self {
            Edit::Byte { page, at, value } => put(place(page, at.into()), &[value]),
            Edit::Header { page, at, value } => put(place(page, usize::from(at) % 32), &[value]),
            Edit::Link { page, at, to } => put(place(page, at.into()), &u32::from(to).to_be_bytes()),
            Edit::Bytes { page, at, bytes } => put(place(page, at.into()), bytes),
            Edit::Copy { from, to } => {
                let from = place(from, 0);
                let page = file.get(from..from + PAGE_BYTES).map(<[u8]>::to_vec).unwrap_or_default();
                let to = place(to, 0);
                for (byte, value) in file.iter_mut().skip(to).zip(page) {
                    *byte = value;
                }
            }
            Edit::Truncate { pages } => file.truncate(usize::from(pages) * PAGE_BYTES),
        }
    }
}

fuzz_target!(|input: Input<'_>| match input {
    Input::Record { bytes, count } => {
        let _ = record::values(bytes, count.into()); // any answer will do, as long as there is one
    }
    Input::Pages { before, after, roots, key_columns } => {
        let keys = [None, None, Some(usize::from(key_columns))];
        let pairs = [0, 1, 2].map(|i| pair(TreeId(i as u32), roots[i].0, roots[i].1, keys[i]));
        compare(before, after, &pairs);
    }
    Input::Damage { before, after, roots } => {
        let (mut old, mut new) = (BEFORE.to_vec(), AFTER.to_vec());
        before.iter().for_each(|edit| edit.apply(&mut old));
        after.iter().for_each(|edit| edit.apply(&mut new));
        let new_root = |i: usize| roots.map_or(TREES[i].1, |roots| roots[i]);
        let pairs = [0, 1, 2].map(|i| pair(TREES[i].0, TREES[i].1, new_root(i), TREES[i].2));
        compare(&old, &new, &pairs);
    }
});

fn pair(tree: TreeId, old: u8, new: u8, key_columns: Option<usize>) -> TreePair {
    TreePair { tree, old_root: PageNo::new(old.into()), new_root: PageNo::new(new.into()), key_columns }
}

/// Does what a commit does, up to the SQL.
fn compare(before: &[u8], after: &[u8], pairs: &[TreePair]) {
    let empty = Image::default();
    let before = empty.with(&overlay(&empty, before)).0;
    let (after, changed) = before.with(&overlay(&before, after));
    let roots =
        |root: fn(&TreePair) -> Option<PageNo>| pairs.iter().filter_map(move |pair| Some((pair.tree, root(pair)?)));
    // A replica never gets past a damaged image: its owners are built when it is made.
    let Ok(mut owners) = Owners::build(&before, roots(|pair| pair.old_root)) else { return };
    let comparison = Comparison::new(&before, &after, &changed, &owners);
    let mut update = OwnersUpdate::default();
    let accepted = pairs.iter().all(|pair| comparison.table(pair, &mut update).is_ok());
    let accepted = accepted && comparison.check(&update).is_ok();
    drop(comparison);
    if accepted && let Ok(rebuilt) = Owners::build(&after, roots(|pair| pair.new_root)) {
        owners.apply(&update);
        assert_eq!(owners.entries(), rebuilt.entries());
    }
}

fn overlay(base: &Image, file: &[u8]) -> Overlay {
    let mut overlay = Overlay::on(base);
    for (index, page) in file.chunks_exact(PAGE_BYTES).enumerate() {
        overlay.write(base, (index * PAGE_BYTES) as u64, page).expect("a page is a page");
    }
    overlay.truncate((file.len() / PAGE_BYTES * PAGE_BYTES) as u64);
    overlay
}
