//! B-tree pages and their cells (SQLite's file format, section 1.6).
//!
//! Everything is checked against the page's bounds; what lies outside them is [`Corrupt`].

use super::Corrupt;
use crate::image::{Image, PageNo};

/// The four kinds of b-tree page, by their type byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    /// 5: rowids and children.
    TableInterior,
    /// 13: rowids and rows.
    TableLeaf,
    /// 2: keys and children. In a WITHOUT ROWID table its cells are rows too.
    IndexInterior,
    /// 10: keys.
    IndexLeaf,
}

impl PageKind {
    fn of(byte: u8) -> Option<PageKind> {
        match byte {
            2 => Some(PageKind::IndexInterior),
            5 => Some(PageKind::TableInterior),
            10 => Some(PageKind::IndexLeaf),
            13 => Some(PageKind::TableLeaf),
            _ => None,
        }
    }

    /// Whether the page points to children.
    pub(crate) fn is_interior(self) -> bool {
        matches!(self, PageKind::TableInterior | PageKind::IndexInterior)
    }

    fn has_payload(self) -> bool {
        self != PageKind::TableInterior
    }

    fn has_rowid(self) -> bool {
        matches!(self, PageKind::TableInterior | PageKind::TableLeaf)
    }
}

/// A b-tree page of an image.
#[derive(Clone, Copy)]
pub(crate) struct BTreePage<'a> {
    image: &'a Image,
    no: PageNo,
    data: &'a [u8],
    /// What the page holds.
    pub kind: PageKind,
    cell_count: usize,
    /// Where the cell pointer array starts.
    pointers: usize,
    right: u32,
}

/// One cell of a b-tree page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell<'a> {
    /// The child left of the cell, on interior pages.
    pub child: Option<PageNo>,
    /// The rowid, on table pages; 0 elsewhere.
    pub rowid: i64,
    /// Bytes of the whole payload.
    pub payload_len: usize,
    /// The part of the payload that lies on this page.
    pub local: &'a [u8],
    /// The first overflow page, when the payload does not fit.
    pub overflow: Option<PageNo>,
}

impl<'a> BTreePage<'a> {
    /// Reads the page's header.
    pub(crate) fn read(image: &'a Image, no: PageNo) -> Result<BTreePage<'a>, Corrupt> {
        let data = &image.page(no).ok_or(Corrupt::NoPage(no.get()))?[..];
        let data = data.get(..image.usable_size()).unwrap_or(data);
        let start = if no == PageNo::FIRST { 100 } else { 0 };
        let byte = data.get(start).copied().unwrap_or(0);
        let bad = Corrupt::Kind { page: no, kind: byte };
        let kind = PageKind::of(byte).ok_or(bad.clone())?;
        let header = data.get(start..start + 12).ok_or(bad)?;
        let cell_count = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let right = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        let pointers = start + if kind.is_interior() { 12 } else { 8 };
        if pointers + 2 * cell_count > data.len() {
            return Err(Corrupt::Cell { page: no, cell: cell_count });
        }
        Ok(BTreePage { image, no, data, kind, cell_count, pointers, right })
    }

    /// The number of cells.
    pub(crate) fn cell_count(&self) -> usize {
        self.cell_count
    }

    /// The cell number `index`, from 0.
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'a>, Corrupt> {
        self.try_cell(index).ok_or(Corrupt::Cell { page: self.no, cell: index })
    }

    fn try_cell(&self, index: usize) -> Option<Cell<'a>> {
        if index >= self.cell_count {
            return None;
        }
        let pointer = self.pointers + 2 * index;
        let offset = u16::from_be_bytes(self.data.get(pointer..pointer + 2)?.try_into().ok()?);
        // A pointer of 0 stands for 65536 only as "start of content"; a cell never starts there.
        let mut bytes = self.data.get(usize::from(offset)..)?;
        let mut cell = Cell { child: None, rowid: 0, payload_len: 0, local: &[], overflow: None };
        if self.kind.is_interior() {
            let (child, rest) = bytes.split_first_chunk::<4>()?;
            cell.child = Some(PageNo::new(u32::from_be_bytes(*child))?);
            bytes = rest;
        }
        if self.kind.has_payload() {
            let (len, rest) = varint(bytes)?;
            cell.payload_len = usize::try_from(len).ok()?;
            bytes = rest;
        }
        if self.kind.has_rowid() {
            let (rowid, rest) = varint(bytes)?;
            cell.rowid = rowid as i64;
            bytes = rest;
        }
        if self.kind.has_payload() {
            let local_len = self.local_len(cell.payload_len);
            cell.local = bytes.get(..local_len)?;
            if local_len < cell.payload_len {
                let next = bytes.get(local_len..local_len + 4)?.try_into().ok()?;
                cell.overflow = Some(PageNo::new(u32::from_be_bytes(next))?);
            }
        }
        Some(cell)
    }

    /// How much of a payload stays on the page (file format, section 1.6, "cell payload overflow").
    fn local_len(&self, payload_len: usize) -> usize {
        let usable = self.image.usable_size();
        let max = if self.kind == PageKind::TableLeaf { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
        if payload_len <= max {
            return payload_len;
        }
        let min = (usable - 12) * 32 / 255 - 23;
        let fitting = min + (payload_len - min) % (usable - 4);
        if fitting <= max { fitting } else { min }
    }

    /// The children from left to right; a leaf has none.
    pub(crate) fn children(&self) -> Result<Vec<PageNo>, Corrupt> {
        if !self.kind.is_interior() {
            return Ok(Vec::new());
        }
        let mut children = Vec::with_capacity(self.cell_count + 1);
        for index in 0..self.cell_count {
            // Only the pointer is needed here, so rows on interior pages are not parsed.
            children.push(self.child_at(index).ok_or(Corrupt::Cell { page: self.no, cell: index })?);
        }
        children.push(PageNo::new(self.right).ok_or(Corrupt::NoPage(0))?);
        Ok(children)
    }

    fn child_at(&self, index: usize) -> Option<PageNo> {
        let pointer = self.pointers + 2 * index;
        let offset = usize::from(u16::from_be_bytes(self.data.get(pointer..pointer + 2)?.try_into().ok()?));
        PageNo::new(u32::from_be_bytes(self.data.get(offset..offset + 4)?.try_into().ok()?))
    }

    /// Whether the cells of this page are rows: those of leaves, and on WITHOUT ROWID tables those of interior pages too.
    pub(crate) fn holds_rows(&self) -> bool {
        self.kind.has_payload()
    }
}

/// The pages of an overflow chain from `first` on, at most as many as `payload_len` bytes need.
pub(crate) fn overflow_chain(image: &Image, first: PageNo, payload_len: usize) -> Result<Vec<PageNo>, Corrupt> {
    let most = (payload_len / image.usable_size().saturating_sub(4).max(1) + 1).min(image.page_count());
    let mut chain = Vec::new();
    let mut next = Some(first);
    while let Some(no) = next {
        let page = image.page(no).ok_or(Corrupt::NoPage(no.get()))?;
        chain.push(no);
        if chain.len() > most {
            return Err(Corrupt::Cycle(no));
        }
        next = page.first_chunk::<4>().and_then(|bytes| PageNo::new(u32::from_be_bytes(*bytes)));
    }
    Ok(chain)
}

/// A cell's whole payload, overflow pages included.
pub(crate) fn payload(image: &Image, cell: &Cell<'_>) -> Result<Vec<u8>, Corrupt> {
    let mut bytes = cell.local.to_vec();
    if let Some(first) = cell.overflow {
        for no in overflow_chain(image, first, cell.payload_len)? {
            let page = image.page(no).ok_or(Corrupt::NoPage(no.get()))?;
            let content = page.get(4..image.usable_size()).unwrap_or(&[]);
            bytes.extend_from_slice(&content[..content.len().min(cell.payload_len - bytes.len())]);
        }
    }
    if bytes.len() == cell.payload_len { Ok(bytes) } else { Err(Corrupt::Record) }
}

/// A variable-length integer (file format, section 1.6) and the bytes after it.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value: u64 = 0;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some(((value << 8) | u64::from(*byte), &bytes[9..]));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}
