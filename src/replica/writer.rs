//! What goes with the newest image and is brought forward with it: the schema, the page owners, and two readers.

use rusqlite::Connection;

use super::catalog::{Catalog, Tracked};
use crate::decode::diff::{Comparison, RowDiff, RowKey, TreePair};
use crate::decode::owners::{Owners, OwnersUpdate, SCHEMA_TREE};
use crate::decode::record::Field;
use crate::error::Error;
use crate::image::{Image, PageNo};
use crate::plan::TableChanges;
use crate::value::{Key, Value};
use crate::vfs::scratch::Scratch;

/// Pages above which debug builds do not rebuild the index to compare.
const MOST_PAGES_CHECKED: usize = 2_000;

/// The schema and page owners of the newest image.
pub struct Writer {
    /// The newest image's schema.
    pub catalog: Catalog,
    owners: Owners,
    /// Shows the newest image.
    before: Reader,
    /// Shows the image that is about to become the newest.
    after: Reader,
}

struct Reader {
    scratch: Scratch,
    connection: Connection,
}

impl Reader {
    fn new(image: &Image) -> Result<Reader, Error> {
        let scratch = Scratch::new(Image::empty(image.seq));
        scratch.show(image);
        let connection = scratch.reader()?;
        Ok(Reader { scratch, connection })
    }
}

/// What one transaction changed.
pub struct Decoded {
    /// Tables with changed rows, and those created or dropped.
    pub changes: Vec<TableChanges>,
    /// The new catalog when the schema changed.
    catalog: Option<Catalog>,
    owners: OwnersUpdate,
}

impl Writer {
    /// Reads a whole image.
    pub fn new(image: &Image) -> Result<Writer, Error> {
        let (before, after) = (Reader::new(image)?, Reader::new(image)?);
        let catalog = Catalog::read(&before.connection, &Catalog::default())?;
        let owners = if image.page_count() == 0 { Owners::default() } else { Owners::build(image, catalog.roots())? };
        Ok(Writer { catalog, owners, before, after })
    }

    /// The changes between `before`, which must be the image this writer describes, and `after`.
    pub fn decode(&mut self, before: &Image, after: &Image, changed: &[PageNo]) -> Result<Decoded, Error> {
        self.after.scratch.show(after);
        let comparison = Comparison::new(before, after, changed, &self.owners);
        let mut owners = OwnersUpdate::default();
        let root = |image: &Image| (image.page_count() > 0).then_some(PageNo::FIRST);
        let schema = TreePair { tree: SCHEMA_TREE, old_root: root(before), new_root: root(after), key_columns: None };
        let schema_changed = !comparison.table(&schema, &mut owners)?.is_empty();
        let catalog = if schema_changed { Some(Catalog::read(&self.after.connection, &self.catalog)?) } else { None };
        let mut changes = Vec::new();
        for pair in self.catalog.pairs(catalog.as_ref().unwrap_or(&self.catalog)) {
            let Some(trees) = pair.trees() else { continue };
            let diff = comparison.table(&trees, &mut owners)?;
            let same_name = pair.old.map(|table| &table.name) == pair.new.map(|table| &table.name);
            if !(diff.is_empty() && same_name) {
                changes.push(table_changes(pair.old, pair.new, diff, after));
            }
        }
        comparison.check(&owners)?;
        Ok(Decoded { changes, catalog, owners })
    }

    /// The readers of the images before and after, as the last `decode` left them.
    pub fn readers(&self) -> (&Connection, &Connection) {
        (&self.before.connection, &self.after.connection)
    }

    /// The schema after the decoded transaction.
    pub fn schema_after<'a>(&'a self, decoded: &'a Decoded) -> &'a crate::schema::Schema {
        &decoded.catalog.as_ref().unwrap_or(&self.catalog).schema
    }

    /// The decoded transaction has become `newest`.
    pub fn advance(&mut self, decoded: Decoded, newest: &Image) {
        self.owners.apply(&decoded.owners);
        if let Some(catalog) = decoded.catalog {
            self.catalog = catalog;
        }
        // The reader of the image after keeps what it has cached, as the next commit's reader of the image before.
        std::mem::swap(&mut self.before, &mut self.after);
        debug_assert!(self.is_consistent_with(newest), "the page owners are those of the image");
    }

    /// A transaction has failed. Its schema may carry the cookie that the next one will carry too, so the reader that has seen it
    /// is replaced.
    pub fn forget_after(&mut self, newest: &Image) -> Result<(), Error> {
        self.after = Reader::new(newest)?;
        Ok(())
    }

    /// Whether this describes `image`: the owners equal an index built anew. Costs a walk over all pages, so only builds with
    /// debug assertions ask, for images that tests have.
    fn is_consistent_with(&self, image: &Image) -> bool {
        if image.page_count() > MOST_PAGES_CHECKED {
            return true;
        }
        let rebuilt =
            if image.page_count() == 0 { Ok(Owners::default()) } else { Owners::build(image, self.catalog.roots()) };
        rebuilt.is_ok_and(|rebuilt| rebuilt.entries() == self.owners.entries())
    }
}

fn table_changes(old: Option<&Tracked>, new: Option<&Tracked>, diff: RowDiff, image: &Image) -> TableChanges {
    let encoding = image.header_u32(56);
    let keys = |keys: Vec<RowKey>| keys.into_iter().map(|key| plan_key(key, encoding)).collect();
    TableChanges {
        before: old.map(|table| table.name.clone()),
        after: new.map(|table| table.name.clone()),
        deleted: keys(diff.deleted),
        inserted: keys(diff.inserted),
        updated: keys(diff.updated),
    }
}

fn plan_key(key: RowKey, encoding: u32) -> Key {
    match key {
        RowKey::Rowid(rowid) => Key::Rowid(rowid),
        RowKey::Key(fields) => Key::Primary(fields.into_iter().map(|field| plan_value(field, encoding)).collect()),
    }
}

fn plan_value(field: Field, encoding: u32) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Integer(value) => Value::Integer(value),
        Field::Real(value) => Value::Real(value),
        Field::Text(bytes) => Value::Text(utf8(bytes, encoding)),
        Field::Blob(bytes) => Value::Blob(bytes),
    }
}

/// Text of a record as UTF-8, as the SQLite that reads the rows by this key wants it (header offset 56: 2 and 3 are UTF-16).
fn utf8(bytes: Vec<u8>, encoding: u32) -> Vec<u8> {
    let decode = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units).into_bytes()
    };
    match encoding {
        2 => decode(u16::from_le_bytes),
        3 => decode(u16::from_be_bytes),
        _ => bytes,
    }
}
