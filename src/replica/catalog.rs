//! The schema of an image with the trees its tables live in.

use std::collections::BTreeSet;

use rusqlite::Connection;

use crate::decode::diff::TreePair;
use crate::decode::owners::{SCHEMA_TREE, TreeId};
use crate::image::PageNo;
use crate::plan::PlanError;
use crate::schema::Schema;
use crate::schema::{Kind, Object};

/// A table's place in the file.
#[derive(Clone, Debug)]
pub struct Tracked {
    /// Its name as written.
    pub name: String,
    /// The identity its pages carry.
    pub tree: TreeId,
    /// The root of its b-tree.
    pub root: PageNo,
    /// Its row in `sqlite_schema`, which a rename keeps.
    place: i64,
    /// How many columns its key has, for a WITHOUT ROWID table.
    pub key_columns: Option<usize>,
}

/// The schema of an image with its tables' trees.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The schema.
    pub schema: Schema,
    /// The tables that have a tree.
    pub tables: Vec<Tracked>,
    next_tree: u32,
}

/// A table on both sides of a commit.
pub struct Pair<'a> {
    /// The table before; `None`: created.
    pub old: Option<&'a Tracked>,
    /// The table after; `None`: dropped.
    pub new: Option<&'a Tracked>,
}

impl Pair<'_> {
    /// What the comparison of pages needs to know.
    pub fn trees(&self) -> Option<TreePair> {
        let any = self.new.or(self.old)?;
        Some(TreePair {
            tree: any.tree,
            old_root: self.old.map(|table| table.root),
            new_root: self.new.map(|table| table.root),
            key_columns: any.key_columns,
        })
    }
}

impl Catalog {
    /// Reads the catalog of the image behind `connection`. Tables that `previous` knows keep their trees' identities.
    pub fn read(connection: &Connection, previous: &Catalog) -> Result<Catalog, PlanError> {
        let schema = Schema::read(connection)?;
        let mut next_tree = previous.next_tree.max(SCHEMA_TREE.0 + 1);
        let objects: Vec<&Object> = schema.objects.values().filter(|object| object.kind == Kind::Table).collect();
        let present: BTreeSet<&str> = objects.iter().map(|object| object.name.as_str()).collect();
        let mut tables = Vec::new();
        for object in objects {
            let root = u32::try_from(object.root).ok().and_then(PageNo::new);
            let (Some(root), Some(table)) = (root, schema.table(&object.name)) else { continue }; // a virtual table
            let same_name = previous.tables.iter().find(|old| old.name == object.name);
            // `docs/DECODING.md`, R12: roots are used again, so a rename is the same root and the same row of sqlite_schema.
            let renamed = || {
                let same_place = |old: &&Tracked| old.root == root && old.place == object.place;
                previous.tables.iter().find(|old| same_place(old) && !present.contains(old.name.as_str()))
            };
            let tree = same_name.or_else(renamed).map_or_else(
                || {
                    next_tree += 1;
                    TreeId(next_tree - 1)
                },
                |old| old.tree,
            );
            let key_columns = (!table.has_rowid()).then_some(table.primary.len());
            tables.push(Tracked { name: object.name.clone(), tree, root, place: object.place, key_columns });
        }
        Ok(Catalog { schema, tables, next_tree })
    }

    /// The roots, `sqlite_schema`'s among them.
    pub fn roots(&self) -> impl Iterator<Item = (TreeId, PageNo)> + '_ {
        self.tables.iter().map(|table| (table.tree, table.root)).chain([(SCHEMA_TREE, PageNo::FIRST)])
    }

    /// The tables of both sides, matched by their trees.
    pub fn pairs<'a>(&'a self, new: &'a Catalog) -> Vec<Pair<'a>> {
        let find = |tables: &'a [Tracked], tree| tables.iter().find(|table| table.tree == tree);
        let kept_or_new = new.tables.iter().map(|table| Pair { old: find(&self.tables, table.tree), new: Some(table) });
        let gone = self.tables.iter().filter(|table| find(&new.tables, table.tree).is_none());
        kept_or_new.chain(gone.map(|table| Pair { old: Some(table), new: None })).collect()
    }
}
