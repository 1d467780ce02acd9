//! The walk over both sides, page by page. The pages of small tables share a request.

use std::ops::ControlFlow;

use super::read::{self, Cell, MOST_INLINE};
use super::{Comparison, Event};
use crate::schema::Table;
use crate::transfer::Error;
use crate::transfer::check::each_row;
use crate::transfer::send::size;
use crate::value::Value;

/// Bytes of values in one request. D1's answer has them as hex digits, and may have 15 MB (seen on workerd).
const REQUEST_BYTES: usize = 2_000_000;
/// Rows of one page.
const PAGE_ROWS: usize = 10_000;
/// Pages in one request.
const PAGES: usize = 20;

/// What a page is like on D1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The same; so many rows.
    Equal(u64),
    /// So many of its rows are there, and no more rows of the table.
    Ends(u64),
    /// Something else.
    Differs,
}

/// What comes after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next one.
    GoOn,
    /// The next table.
    SkipTable,
    /// Nothing.
    Stop,
}

/// Some rows of a table.
struct Page<'t> {
    number: usize,
    table: &'t Table,
    /// The key of the row before.
    after: Option<Vec<Value>>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
    /// Whether the plain side has no more rows of the table.
    is_last: bool,
}

impl<'t> Page<'t> {
    fn new(number: usize, table: &'t Table) -> Page<'t> {
        Page { number, table, after: None, rows: Vec::new(), bytes: 0, is_last: false }
    }

    fn next(&self) -> Page<'t> {
        let after = self.rows.last().map(|row| read::key_of(self.table, row));
        Page { after, ..Page::new(self.number, self.table) }
    }

    /// Larger cells than the largest one here need not come along: they differ.
    fn inline(&self) -> usize {
        let bytes = |value: &Value| match value {
            Value::Text(bytes) | Value::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        self.rows.iter().flatten().map(bytes).max().unwrap_or(0).clamp(64, MOST_INLINE)
    }

    fn statement(&self) -> crate::d1::Statement {
        // One more than there are shows whether D1 has more.
        let limit = self.rows.len() + usize::from(self.is_last);
        read::page(self.table, self.after.as_deref(), limit, self.inline())
    }
}

/// Pages that go into one request, and what has become of the walk.
struct Walk<'w, 't> {
    comparison: &'w Comparison<'w>,
    each: &'w mut dyn FnMut(usize, Outcome) -> Result<Then, Error>,
    pages: Vec<Page<'t>>,
    bytes: usize,
    skipped: Option<usize>,
    stopped: bool,
}

impl Comparison<'_> {
    /// Calls `each` with the number of the table for every page, in order.
    pub(super) fn walk(
        &self,
        tables: &[&Table],
        each: &mut dyn FnMut(usize, Outcome) -> Result<Then, Error>,
    ) -> Result<(), Error> {
        let mut walk = Walk { comparison: self, each, pages: Vec::new(), bytes: 0, skipped: None, stopped: false };
        for (number, table) in tables.iter().enumerate() {
            walk.table(number, table)?;
        }
        walk.ask()
    }
}

impl<'t> Walk<'_, 't> {
    fn is_over(&self, table: usize) -> bool {
        self.stopped || self.skipped == Some(table)
    }

    fn table(&mut self, number: usize, table: &'t Table) -> Result<(), Error> {
        let mut page = Page::new(number, table);
        let local = self.comparison.local;
        each_row(local, table, |row| {
            page.bytes += size(&row);
            page.rows.push(row);
            if self.bytes + page.bytes >= REQUEST_BYTES || page.rows.len() >= PAGE_ROWS {
                let next = page.next();
                self.push(std::mem::replace(&mut page, next))?;
            }
            Ok(if self.is_over(number) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        page.is_last = true;
        self.push(page)
    }

    fn push(&mut self, page: Page<'t>) -> Result<(), Error> {
        self.bytes += page.bytes;
        self.pages.push(page);
        if self.bytes >= REQUEST_BYTES || self.pages.len() >= PAGES { self.ask() } else { Ok(()) }
    }

    fn ask(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        let pages: Vec<Page<'t>> = std::mem::take(&mut self.pages);
        let pages: Vec<Page<'t>> = pages.into_iter().filter(|page| !self.is_over(page.number)).collect();
        if pages.is_empty() {
            return Ok(());
        }
        let answers = self.comparison.ask(pages.iter().map(Page::statement).collect())?;
        for (page, answer) in pages.iter().zip(answers) {
            if self.is_over(page.number) {
                continue;
            }
            let rows = read::parse(page.table, answer.results.rows)?;
            let outcome = self.comparison.outcome(page, &rows)?;
            (self.comparison.progress)(Event::Advances(page.rows.len() as u64));
            match (self.each)(page.number, outcome)? {
                Then::GoOn => {}
                Then::SkipTable => self.skipped = Some(page.number),
                Then::Stop => self.stopped = true,
            }
        }
        Ok(())
    }
}

impl Comparison<'_> {
    fn outcome(&self, page: &Page<'_>, rows: &[Vec<Cell>]) -> Result<Outcome, Error> {
        if rows.len() > page.rows.len() {
            return Ok(Outcome::Differs);
        }
        for (d1, local) in rows.iter().zip(&page.rows) {
            if self.different_cell(page.table, d1, local)?.is_some() {
                return Ok(Outcome::Differs);
            }
        }
        let count = rows.len() as u64;
        Ok(if rows.len() == page.rows.len() { Outcome::Equal(count) } else { Outcome::Ends(count) })
    }

    /// The number of the first cell that differs.
    pub(super) fn different_cell(&self, table: &Table, d1: &[Cell], local: &[Value]) -> Result<Option<usize>, Error> {
        for (index, (cell, value)) in d1.iter().zip(local).enumerate() {
            if !self.is_same(table, index, cell, value, local)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn is_same(&self, table: &Table, index: usize, cell: &Cell, value: &Value, row: &[Value]) -> Result<bool, Error> {
        let (is_text, size) = match cell {
            Cell::Value(other) => return Ok(other == value),
            Cell::Large { is_text, size } => (*is_text, *size),
        };
        let bytes = match value {
            Value::Text(bytes) if is_text => bytes,
            Value::Blob(bytes) if !is_text => bytes,
            _ => return Ok(false),
        };
        Ok(bytes.len() == size
            && read::large(self.client, table, &read::key_of(table, row), index)?.is_some_and(|found| found == *bytes))
    }
}
