//! What goes with the newest image and is brought forward with it: the schema, the page owners, and two readers.

use rusqlite::Connection;

use super::catalog::{Catalog, Tracked};
use crate::decode::diff::{Comparison, TreePair};
use crate::decode::owners::{Owners, OwnersUpdate, SCHEMA_TREE};
use crate::error::Error;
use crate::image::{Image, PageNo, Position};
use crate::plan::{After, Before, Side, TableChanges};
use crate::vfs::scratch::Scratch;

/// Pages above which debug builds do not rebuild the index to compare.
const MOST_PAGES_CHECKED: usize = 2_000;

/// The schema and page owners of the newest image.
pub struct Writer {
    /// The newest image's schema.
    pub catalog: Catalog,
    /// The commit at which all rows were read anew since D1 refused what this replica had for possible.
    pub doubted: Option<Position>,
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
        let scratch = Scratch::new(Image::default());
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
        Ok(Writer { catalog, doubted: None, owners, before, after })
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
                let name = |table: Option<&Tracked>| table.map(|table| table.name.clone());
                changes.push(TableChanges { before: name(pair.old), after: name(pair.new), rows: diff });
            }
        }
        comparison.check(&owners)?;
        Ok(Decoded { changes, catalog, owners })
    }

    /// The image before the decoded transaction, for the planner.
    pub fn before(&self) -> Before<'_> {
        Before(Side { connection: &self.before.connection, schema: &self.catalog.schema })
    }

    /// The image after it.
    pub fn after<'a>(&'a self, decoded: &'a Decoded) -> After<'a> {
        let catalog = decoded.catalog.as_ref().unwrap_or(&self.catalog);
        After(Side { connection: &self.after.connection, schema: &catalog.schema })
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
