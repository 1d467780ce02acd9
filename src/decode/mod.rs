//! Turns the pages one transaction changed into changed rows.
//!
//! In: the image before, the image after, and which pages differ. Out: for each table the keys of the rows whose payload differs.
//! No I/O, no clock, no SQL: the same pages give the same changes, and no input makes it panic (`fuzz/`). The rows behind the keys
//! are read by SQLite itself (`plan`). The rules (R11, R12) stand in `docs/DECODING.md`.

pub(crate) mod btree;
pub(crate) mod diff;
pub(crate) mod owners;
pub(crate) mod record;

use crate::image::PageNo;

/// A page or record that does not follow the file format. The commit is refused; the database stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// A page number past the end of the file.
    #[error("page {0} does not exist")]
    NoPage(u32),
    /// A page of a tree whose type byte no page of a b-tree has.
    #[error("page {page} is not a page of its b-tree (type {kind})", page = .page.get())]
    Kind {
        /// The page.
        page: PageNo,
        /// Its type byte.
        kind: u8,
    },
    /// A cell that reaches past the end of its page.
    #[error("cell {cell} of page {page} is cut short", page = .page.get())]
    Cell {
        /// The page.
        page: PageNo,
        /// The cell's number, from 0.
        cell: usize,
    },
    /// A page that is reached twice, or a tree deeper than any can be.
    #[error("page {page} is part of a cycle", page = .0.get())]
    Cycle(PageNo),
    /// A record whose header or body is cut short.
    #[error("a record is cut short")]
    Record,
}
