//! What the decoder tells the planner, found the slow way: the payload bytes of every row of two database files.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::world::rows;
use crate::plan::{Side, TableChanges};
use crate::schema::{Kind, Schema};
use crate::value::Key;

/// The keys of all rows that differ in their bytes.
pub(super) fn changes(before: &File, after: &File) -> Vec<TableChanges> {
    let mut found = Vec::new();
    let mut created: Vec<&str> = after.schema.tables.values().map(|table| table.name.as_str()).collect();
    for table in before.schema.tables.values() {
        let place = |schema: &Schema, name: &str| schema.object(Kind::Table, name).map(|o| (o.root, o.place));
        let by_place = || {
            let mut others = after.schema.tables.values();
            others.find(|other| place(&before.schema, &table.name) == place(&after.schema, &other.name))
        };
        let other = after.schema.table(&table.name).or_else(by_place);
        let mut change = TableChanges { before: Some(table.name.clone()), ..TableChanges::default() };
        if let Some(other) = other.filter(|other| created.contains(&other.name.as_str())) {
            created.retain(|name| *name != other.name);
            change.after = Some(other.name.clone());
            compare(&before.contents(&table.name), &after.contents(&other.name), &mut change);
        }
        found.push(change);
    }
    for name in created {
        let mut change = TableChanges { after: Some(name.to_owned()), ..TableChanges::default() };
        compare(&BTreeMap::new(), &after.contents(name), &mut change);
        found.push(change);
    }
    found.retain(|change| change.before.is_none() || !change.rows.is_empty());
    found
}

fn compare(before: &BTreeMap<Key, Vec<u8>>, after: &BTreeMap<Key, Vec<u8>>, change: &mut TableChanges) {
    for (key, payload) in before {
        match after.get(key) {
            None => change.rows.deleted.push(key.clone()),
            Some(other) if other != payload => change.rows.updated.push(key.clone()),
            Some(_) => {}
        }
    }
    change.rows.inserted.extend(after.keys().filter(|key| !before.contains_key(key)).cloned());
}

/// One image: a file's bytes, a connection on it, its schema.
pub(super) struct File {
    pub(super) connection: Connection,
    pub(super) schema: Schema,
    bytes: Vec<u8>,
}

impl File {
    pub(super) fn open(path: &std::path::Path) -> File {
        let bytes = std::fs::read(path).unwrap();
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, flags).unwrap();
        let schema = Schema::read(&connection).unwrap();
        File { connection, schema, bytes }
    }

    pub(super) fn side(&self) -> Side<'_> {
        Side { connection: &self.connection, schema: &self.schema }
    }

    fn contents(&self, name: &str) -> BTreeMap<Key, Vec<u8>> {
        let table = self.schema.table(name).unwrap();
        let mut found = BTreeMap::new();
        if table.is_virtual {
            return found;
        }
        if table.has_rowid() {
            let root = self.schema.object(Kind::Table, name).unwrap().root;
            self.walk(usize::try_from(root).unwrap(), &mut found);
        } else {
            // Values instead of bytes, which is enough without short records.
            let columns: Vec<String> = table.key_names().into_iter().chain(["*".to_owned()]).collect();
            for row in rows(&self.connection, &format!("SELECT {} FROM {}", columns.join(","), table.quoted())) {
                let (key, rest) = row.split_at(columns.len() - 1);
                found.insert(Key::Primary(key.to_vec()), format!("{rest:?}").into_bytes());
            }
        }
        found
    }

    fn page_bytes(&self) -> usize {
        match usize::from(self.bytes[16]) << 8 | usize::from(self.bytes[17]) {
            1 => 65536,
            n => n,
        }
    }

    fn walk(&self, number: usize, found: &mut BTreeMap<Key, Vec<u8>>) {
        let start = (number - 1) * self.page_bytes();
        let page = &self.bytes[start..start + self.page_bytes()];
        let header = if number == 1 { 100 } else { 0 };
        let count = short(page, header + 3);
        let leaf = page[header] == 0x0d;
        let cells = header + if leaf { 8 } else { 12 };
        for cell in (0..count).map(|i| short(page, cells + 2 * i)) {
            if leaf {
                let (size, at) = varint(page, cell);
                let (rowid, at) = varint(page, at);
                found.insert(Key::Rowid(rowid.cast_signed()), self.payload(page, at, usize::try_from(size).unwrap()));
            } else {
                self.walk(long(page, cell), found);
            }
        }
        if !leaf {
            self.walk(long(page, header + 8), found);
        }
    }

    fn payload(&self, page: &[u8], at: usize, size: usize) -> Vec<u8> {
        let usable = self.page_bytes() - usize::from(self.bytes[20]);
        if size <= usable - 35 {
            return page[at..at + size].to_vec();
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let fit = least + (size - least) % (usable - 4);
        let local = if fit <= usable - 35 { fit } else { least };
        let mut payload = page[at..at + local].to_vec();
        let mut next = long(page, at + local);
        while next != 0 {
            let start = (next - 1) * self.page_bytes();
            let more = (usable - 4).min(size - payload.len());
            payload.extend(&self.bytes[start + 4..start + 4 + more]);
            next = long(&self.bytes, start);
        }
        payload
    }
}

fn short(page: &[u8], at: usize) -> usize {
    usize::from(page[at]) << 8 | usize::from(page[at + 1])
}

fn long(page: &[u8], at: usize) -> usize {
    short(page, at) << 16 | short(page, at + 2)
}

fn varint(page: &[u8], mut at: usize) -> (u64, usize) {
    let mut value = 0;
    for i in 0..9 {
        let byte = u64::from(page[at]);
        at += 1;
        if i == 8 {
            return (value << 8 | byte, at);
        }
        value = value << 7 | (byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    (value, at)
}
