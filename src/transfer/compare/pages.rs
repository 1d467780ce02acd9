//! Walks over both sides page by page. The pages of small tables share a request.

use std::ops::ControlFlow;

use super::read::{self, D1Cell, MOST_INLINE};
use super::{D1Comparison, Event};
use crate::schema::Table;
use crate::transfer::Error;
use crate::transfer::check::each_row;
use crate::transfer::send::size;
use crate::value::Value;

/// Bytes of values in one request. D1 returns them as hex digits, in an answer of up to 15 MB (seen on workerd).
const REQUEST_BYTES: usize = 2_000_000;
/// Rows of one page.
const PAGE_ROWS: usize = 10_000;
/// Pages in one request.
const PAGES: usize = 20;

/// How a page compares with D1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageResult {
    /// It is the same. The number: its rows.
    Equal(u64),
    /// D1's table ends within the page. The number: rows that D1 has of it.
    Ends(u64),
    /// D1 has other rows.
    Differs,
}

/// How the walk goes on after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WalkControl {
    /// With the next page.
    Continue,
    /// With the next table.
    SkipTable,
    /// Not at all.
    Stop,
}

/// Consecutive rows of a table.
struct RowPage<'t> {
    /// Index of the table.
    number: usize,
    table: &'t Table,
    /// The key of the row before the page.
    after: Option<Vec<Value>>,
    rows: Vec<Vec<Value>>,
    bytes: usize,
    /// Whether the local table ends with this page.
    is_last: bool,
}

impl<'t> RowPage<'t> {
    fn new(number: usize, table: &'t Table) -> RowPage<'t> {
        RowPage { number, table, after: None, rows: Vec::new(), bytes: 0, is_last: false }
    }

    fn next(&self) -> RowPage<'t> {
        let after = self.rows.last().map(|row| read::key_of(self.table, row));
        RowPage { after, ..RowPage::new(self.number, self.table) }
    }

    /// D1 need not send cells larger than the largest local one: those differ anyway.
    fn inline(&self) -> usize {
        let bytes = |value: &Value| match value {
            Value::Text(bytes) | Value::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        self.rows.iter().flatten().map(bytes).max().unwrap_or(0).clamp(64, MOST_INLINE)
    }

    fn statement(&self) -> crate::d1::Statement {
        // Asking for one row more shows whether D1 has more.
        let limit = self.rows.len() + usize::from(self.is_last);
        read::page(self.table, self.after.as_deref(), limit, self.inline())
    }
}

/// The state of a walk, with the pages of the next request.
struct PageWalk<'w, 't> {
    comparison: &'w D1Comparison<'w>,
    each: &'w mut dyn FnMut(usize, PageResult) -> Result<WalkControl, Error>,
    pages: Vec<RowPage<'t>>,
    bytes: usize,
    skipped: Option<usize>,
    stopped: bool,
}

impl D1Comparison<'_> {
    /// Calls `each` for every page, in order, with the index of its table.
    pub(super) fn walk(
        &self,
        tables: &[&Table],
        each: &mut dyn FnMut(usize, PageResult) -> Result<WalkControl, Error>,
    ) -> Result<(), Error> {
        let mut walk = PageWalk { comparison: self, each, pages: Vec::new(), bytes: 0, skipped: None, stopped: false };
        for (number, table) in tables.iter().enumerate() {
            walk.table(number, table)?;
        }
        walk.ask()
    }
}

impl<'t> PageWalk<'_, 't> {
    fn is_over(&self, table: usize) -> bool {
        self.stopped || self.skipped == Some(table)
    }

    fn table(&mut self, number: usize, table: &'t Table) -> Result<(), Error> {
        let mut page = RowPage::new(number, table);
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

    fn push(&mut self, page: RowPage<'t>) -> Result<(), Error> {
        self.bytes += page.bytes;
        self.pages.push(page);
        if self.bytes >= REQUEST_BYTES || self.pages.len() >= PAGES { self.ask() } else { Ok(()) }
    }

    fn ask(&mut self) -> Result<(), Error> {
        self.bytes = 0;
        let pages: Vec<RowPage<'t>> = std::mem::take(&mut self.pages);
        let pages: Vec<RowPage<'t>> = pages.into_iter().filter(|page| !self.is_over(page.number)).collect();
        if pages.is_empty() {
            return Ok(());
        }
        let answers = self.comparison.ask(pages.iter().map(RowPage::statement).collect())?;
        for (page, answer) in pages.iter().zip(answers) {
            if self.is_over(page.number) {
                continue;
            }
            let rows = read::parse(page.table, answer.results.rows)?;
            let outcome = self.comparison.outcome(page, &rows)?;
            (self.comparison.progress)(Event::Advances(page.rows.len() as u64));
            match (self.each)(page.number, outcome)? {
                WalkControl::Continue => {}
                WalkControl::SkipTable => self.skipped = Some(page.number),
                WalkControl::Stop => self.stopped = true,
            }
        }
        Ok(())
    }
}

impl D1Comparison<'_> {
    fn outcome(&self, page: &RowPage<'_>, rows: &[Vec<D1Cell>]) -> Result<PageResult, Error> {
        if rows.len() > page.rows.len() {
            return Ok(PageResult::Differs);
        }
        for (d1, local) in rows.iter().zip(&page.rows) {
            if self.different_cell(page.table, d1, local)?.is_some() {
                return Ok(PageResult::Differs);
            }
        }
        let count = rows.len() as u64;
        Ok(if rows.len() == page.rows.len() { PageResult::Equal(count) } else { PageResult::Ends(count) })
    }

    /// The index of the first cell that differs.
    pub(super) fn different_cell(&self, table: &Table, d1: &[D1Cell], local: &[Value]) -> Result<Option<usize>, Error> {
        for (index, (cell, value)) in d1.iter().zip(local).enumerate() {
            if !self.is_same(table, index, cell, value, local)? {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn is_same(&self, table: &Table, index: usize, cell: &D1Cell, value: &Value, row: &[Value]) -> Result<bool, Error> {
        let (is_text, size) = match cell {
            D1Cell::Value(other) => return Ok(other == value),
            D1Cell::Large { is_text, size } => (*is_text, *size),
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
