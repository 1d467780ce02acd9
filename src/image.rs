//! Immutable database states.
//!
//! An [`Image`] is every page of one state of the database, with the position in D1's log it stands for. Pages are shared
//! between images, so that an image costs what changed since the one before. An [`Overlay`] is what the open write transaction
//! has written on top of its base, seen by nobody else.

#[path = "image/position.rs"] // said for `fuzz`, which takes this file without its crate
mod position;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use position::{Position, Seq, Txn};

/// A page number, counted from 1 as SQLite does (file format, section 1.2). 0 stands for "none" on disk and never gets here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNo(std::num::NonZeroU32);

impl PageNo {
    /// The page that starts with the database header and holds the root of `sqlite_schema`.
    pub const FIRST: PageNo = PageNo(std::num::NonZeroU32::MIN);

    /// `None` for 0.
    pub fn new(number: u32) -> Option<PageNo> {
        std::num::NonZeroU32::new(number).map(PageNo)
    }

    /// The number, from 1.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The position in a vector of pages.
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    fn from_index(index: usize) -> Option<PageNo> {
        PageNo::new(u32::try_from(index).ok()?.checked_add(1)?)
    }
}

/// A set of pages. Page numbers are our own, so the hash need not withstand an attacker.
pub type PageSet = std::collections::HashSet<PageNo, foldhash::fast::FixedState>;
/// Something for each of some pages.
pub type PageMap<T> = std::collections::HashMap<PageNo, T, foldhash::fast::FixedState>;

/// Where the header has the change counter: SQLite writes it twice (file format, sections 1.3.6 and 1.3.18).
const CHANGE_COUNTER: [usize; 2] = [24, 92];
/// Where it has the schema cookie (section 1.3.9).
const SCHEMA_COOKIE: usize = 40;

/// The bytes of one page.
pub type Page = Arc<[u8]>;

/// One immutable state of all pages. Cloning shares them; `position` says which of D1's commits it includes.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// The last commit of D1's log that this state includes.
    pub position: Position,
    /// Bytes of a page; 0 while there is no page.
    page_size: usize,
    pages: imbl::Vector<Page>,
}

impl Image {
    /// The state of a database file of no bytes.
    pub fn empty(position: Position) -> Image {
        Image { position, ..Image::default() }
    }

    /// Bytes of a page; 0 for the empty image.
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// The number of pages.
    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// Bytes of the database file this image stands for.
    pub fn size(&self) -> u64 {
        self.page_size as u64 * self.pages.len() as u64
    }

    /// A page, or `None` past the end.
    pub fn page(&self, no: PageNo) -> Option<&Page> {
        self.pages.get(no.index())
    }

    /// Bytes of a page that a b-tree may use: the header's "reserved space" (offset 20) lies at each page's end.
    pub fn usable_size(&self) -> usize {
        let reserved = self.page(PageNo::FIRST).and_then(|page| page.get(20)).copied().unwrap_or(0);
        self.page_size.saturating_sub(usize::from(reserved))
    }

    /// A big-endian field of the database header (file format, section 1.3); 0 for the empty image.
    pub fn header_u32(&self, offset: usize) -> u32 {
        self.page(PageNo::FIRST)
            .and_then(|page| page.get(offset..offset + 4)?.try_into().ok())
            .map_or(0, u32::from_be_bytes)
    }

    /// The change counter: SQLite compares the 16 bytes there whenever it takes its SHARED lock, and drops the pages it has cached
    /// when they differ.
    pub fn change_counter(&self) -> u32 {
        self.header_u32(CHANGE_COUNTER[0])
    }

    /// The schema cookie: SQLite compares it whenever a statement begins, and prepares the statement again when it differs.
    pub fn schema_cookie(&self) -> u32 {
        self.header_u32(SCHEMA_COOKIE)
    }

    /// This image with another change counter.
    pub fn with_change_counter(self, counter: u32) -> Image {
        CHANGE_COUNTER.into_iter().fold(self, |image, at| image.with_header_u32(at, counter))
    }

    /// This image with another schema cookie.
    pub fn with_schema_cookie(self, cookie: u32) -> Image {
        self.with_header_u32(SCHEMA_COOKIE, cookie)
    }

    fn with_header_u32(mut self, offset: usize, value: u32) -> Image {
        if let Some(first) = self.pages.get_mut(0) {
            let mut bytes = first.to_vec();
            if let Some(field) = bytes.get_mut(offset..offset + 4) {
                field.copy_from_slice(&value.to_be_bytes());
            }
            *first = bytes.into();
        }
        self
    }

    /// This image without the pages behind `size` bytes, which its header does not count. `None`: there are none.
    pub fn cut(&self, size: u64) -> Option<Image> {
        let count = usize::try_from(size / self.page_size.max(1) as u64).ok()?;
        let ends_there = count < self.pages.len() && self.header_u32(28) as usize == count;
        ends_there.then(|| Image {
            position: self.position.clone(),
            page_size: self.page_size,
            pages: self.pages.take(count),
        })
    }

    /// Fills `buffer` from byte `offset` on, with zeros past the end. Returns whether all bytes existed.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> bool {
        copy_pages(self.page_size, self.size(), offset, buffer, |no| self.page(no).map(|page| &page[..]))
    }

    /// The image after `overlay`, and the pages whose content differs from this image, in ascending order.
    /// Rewriting a page with what it held before does not count (`docs/DECODING.md`, R11).
    pub fn with(&self, overlay: &Overlay) -> (Image, Vec<PageNo>) {
        let page_size = overlay.page_size;
        let mut after = Image { position: self.position.clone(), page_size, pages: self.pages.clone() };
        let count = usize::try_from(overlay.size.div_ceil(page_size.max(1) as u64)).unwrap_or(usize::MAX);
        if count < after.pages.len() {
            after.pages.truncate(count);
        }
        // Pages between the old end and the new one that nobody wrote: the lock-byte page at 1 GiB is such a hole.
        let hole: Page = vec![0; page_size].into();
        while after.pages.len() < count {
            after.pages.push_back(hole.clone());
        }
        let mut changed: Vec<PageNo> = (self.pages.len()..count)
            .filter_map(PageNo::from_index)
            .filter(|no| !overlay.pages.contains_key(no))
            .collect();
        for (no, bytes) in &overlay.pages {
            if no.index() >= count || self.page(*no).is_some_and(|old| old == bytes) {
                continue;
            }
            after.pages.set(no.index(), bytes.clone());
            changed.push(*no);
        }
        changed.sort_unstable();
        (after, changed)
    }
}

/// What the open transaction has written on top of its base image.
#[derive(Debug)]
pub struct Overlay {
    page_size: usize,
    /// Bytes of the file as the transaction sees it.
    size: u64,
    pages: BTreeMap<PageNo, Page>,
}

impl Overlay {
    /// An overlay that changes nothing yet.
    pub fn on(base: &Image) -> Overlay {
        Overlay { page_size: base.page_size, size: base.size(), pages: BTreeMap::new() }
    }

    /// Bytes of the file as the transaction sees it.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether nothing was written.
    pub fn is_empty(&self, base: &Image) -> bool {
        self.pages.is_empty() && self.size == base.size()
    }

    /// The file's new size, if all that was done is to make it shorter.
    pub fn cuts(&self, base: &Image) -> Option<u64> {
        (self.pages.is_empty() && self.size < base.size()).then_some(self.size)
    }

    /// Like [`Image::read`], with this overlay's pages in front of `base`'s.
    pub fn read(&self, base: &Image, offset: u64, buffer: &mut [u8]) -> bool {
        copy_pages(self.page_size, self.size, offset, buffer, |no| {
            self.pages.get(&no).map(|bytes| &bytes[..]).or_else(|| base.page(no).map(|page| &page[..]))
        })
    }

    /// Writes `bytes` at `offset`. SQLite writes whole pages; the first write into an empty database tells their size
    /// (512 to 65536, a power of two).
    pub fn write(&mut self, base: &Image, mut offset: u64, mut bytes: &[u8]) -> Result<(), BadWrite> {
        if self.page_size == 0 {
            if !(bytes.len().is_power_of_two() && (512..=65536).contains(&bytes.len())) {
                return Err(BadWrite { offset, len: bytes.len() });
            }
            self.page_size = bytes.len();
        }
        self.size = self.size.max(offset + bytes.len() as u64);
        while !bytes.is_empty() {
            let (index, within) = (offset / self.page_size as u64, (offset % self.page_size as u64) as usize);
            let no = usize::try_from(index).ok().and_then(PageNo::from_index);
            let no = no.ok_or(BadWrite { offset, len: bytes.len() })?;
            let (now, rest) = bytes.split_at(bytes.len().min(self.page_size - within));
            let page_size = self.page_size;
            let page = self.pages.entry(no).or_insert_with(|| match base.page(no) {
                Some(page) => page.clone(),
                None => vec![0; page_size].into(),
            });
            Arc::make_mut(page)[within..within + now.len()].copy_from_slice(now);
            offset += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// Cuts the file to `size` bytes, or extends it with zeros.
    pub fn truncate(&mut self, size: u64) {
        self.size = size;
        if self.page_size > 0 {
            let keep = size.div_ceil(self.page_size as u64);
            self.pages.retain(|no, _| (no.index() as u64) < keep);
        }
    }
}

/// A write that cannot belong to a database file.
#[derive(Debug, thiserror::Error)]
#[error("a write of {len} bytes at {offset} is not a page of a database")]
pub struct BadWrite {
    /// Where the write began.
    pub offset: u64,
    /// Its length in bytes.
    pub len: usize,
}

fn copy_pages<'a>(
    page_size: usize,
    size: u64,
    offset: u64,
    buffer: &mut [u8],
    page: impl Fn(PageNo) -> Option<&'a [u8]>,
) -> bool {
    let available = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
    let (data, beyond) = buffer.split_at_mut(available);
    beyond.fill(0);
    let mut at = offset;
    let mut rest = data;
    while !rest.is_empty() {
        let within = (at % page_size as u64) as usize;
        let len = rest.len().min(page_size - within);
        let (now, later) = rest.split_at_mut(len);
        let index = usize::try_from(at / page_size as u64).unwrap_or(usize::MAX);
        match PageNo::from_index(index).and_then(&page) {
            Some(bytes) => now.copy_from_slice(&bytes[within..within + len]),
            None => now.fill(0),
        }
        at += len as u64;
        rest = later;
    }
    beyond.is_empty()
}

#[cfg(test)]
mod tests;
