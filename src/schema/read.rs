//! Reads a schema with `sqlite_schema` and SQLite's table-valued pragmas, which need no parser of ours.

use rusqlite::Connection;
use sqlite3_parser::dialect::TokenType;

use super::lexer::{folded, tokens};
use super::{
    Column, ForeignKey, Generated, Identity, Kind, Object, OnDelete, PrimaryColumn, Schema, SchemaError, Table, Unique,
};

/// The names of a rowid, in the order in which we try them.
const ROWID_NAMES: [&str; 3] = ["rowid", "_rowid_", "oid"];

impl Schema {
    /// Reads the schema of the main database. The statements stay in the connection's cache.
    pub fn read(connection: &Connection) -> Result<Schema, SchemaError> {
        let mut schema = Schema::objects(connection)?;
        for ((kind, name), object) in &schema.objects {
            if *kind == Kind::Table {
                schema.tables.insert(name.clone(), table(connection, object)?);
            }
        }
        Ok(schema)
    }

    /// Reads only the objects' texts, no table in detail.
    pub(crate) fn objects(connection: &Connection) -> Result<Schema, SchemaError> {
        let mut schema = Schema::default();
        let mut statement = connection.prepare_cached(
            "SELECT type, name, tbl_name, sql, rootpage, rowid FROM main.sqlite_schema \
             WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let kind = Kind::of(&row.get::<_, String>(0)?).unwrap_or(Kind::Trigger);
            let object = Object {
                kind,
                name: row.get(1)?,
                table: row.get(2)?,
                sql: row.get(3)?,
                root: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
                place: row.get(5)?,
            };
            schema.objects.insert((kind, folded(&object.name)), object);
        }
        Ok(schema)
    }
}

fn table(connection: &Connection, object: &Object) -> Result<Table, SchemaError> {
    let (flavour, without_rowid, strict) = connection
        .prepare_cached("SELECT type, wr, strict FROM pragma_table_list(?1) WHERE schema='main'")?
        .query_row([&object.name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?, row.get(2)?)))?;
    let is_virtual = flavour != "table";
    // Only its module knows a virtual table's columns, and a connection need not let a module do what it wants.
    let (columns, primary, primary_type) =
        if flavour == "virtual" { Default::default() } else { columns(connection, &object.name)? };
    let tokens = if is_virtual { Vec::new() } else { tokens(&object.sql, &object.label())? };
    let has = |kind| tokens.iter().any(|token| token.kind == kind);
    let mut unique = Vec::new();
    let mut primary_collations = None;
    for (index, is_primary, partial) in indexes(connection, &object.name)? {
        let (terms, collations) = index_terms(connection, &index)?;
        if is_primary {
            primary_collations = Some(collations.clone());
        }
        if !(is_primary && without_rowid) {
            unique.push(Unique { name: index, columns: terms, collations, partial });
        }
    }
    let identity = if without_rowid {
        let named = has(TokenType::TK_COLLATE);
        let collations = primary_collations.unwrap_or_default().into_iter().map(Some).chain(std::iter::repeat(None));
        // A key may be declared with another collation than its column, and only naming it finds the row by the index.
        let parts = primary.iter().zip(collations);
        let part = |(&column, collation): (&usize, Option<String>)| PrimaryColumn {
            column,
            collation: collation.filter(|_| named),
        };
        Identity::Primary(parts.map(part).collect())
    } else {
        rowid_name(&columns, &primary, &primary_type, primary_collations.is_some())
    };
    Ok(Table {
        name: object.name.clone(),
        columns,
        identity,
        primary,
        unique,
        foreign_keys: foreign_keys(connection, &object.name)?,
        strict,
        autoincrement: has(TokenType::TK_AUTOINCR),
        is_virtual,
    })
}

/// `INTEGER PRIMARY KEY` is the rowid unless SQLite made an index for it, as it does for `INTEGER PRIMARY KEY DESC`.
fn rowid_name(columns: &[Column], primary: &[usize], primary_type: &str, has_index: bool) -> Identity {
    if let [column] = primary
        && primary_type.eq_ignore_ascii_case("INTEGER")
        && !has_index
    {
        return Identity::Alias(*column);
    }
    let taken = |name: &&str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    ROWID_NAMES.into_iter().find(|name| !taken(name)).map_or(Identity::Unnamed, Identity::Rowid)
}

/// The columns, the primary key's columns in its order, and the declared type of the first of these.
fn columns(connection: &Connection, table: &str) -> Result<(Vec<Column>, Vec<usize>, String), SchemaError> {
    let mut statement =
        connection.prepare_cached("SELECT name, type, pk, hidden FROM pragma_table_xinfo(?1,'main') ORDER BY cid")?;
    let mut rows = statement.query([table])?;
    let mut columns = Vec::new();
    let mut primary: Vec<(i64, usize, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let generated = match row.get::<_, i64>(3)? {
            2 => Generated::Virtual,
            3 => Generated::Stored,
            _ => Generated::No,
        };
        let place: i64 = row.get(2)?;
        if place > 0 {
            primary.push((place, columns.len(), row.get(1)?));
        }
        columns.push(Column { name: row.get(0)?, generated });
    }
    primary.sort();
    let declared = primary.first().map(|(_, _, declared)| declared.clone()).unwrap_or_default();
    Ok((columns, primary.into_iter().map(|(_, column, _)| column).collect(), declared))
}

/// The unique indexes: name, whether it is the primary key's, whether it is partial.
fn indexes(connection: &Connection, table: &str) -> Result<Vec<(String, bool, bool)>, SchemaError> {
    let mut statement = connection.prepare_cached(
        "SELECT name, origin='pk', partial FROM pragma_index_list(?1,'main') WHERE \"unique\" ORDER BY name",
    )?;
    let rows = statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An index's key terms as columns (`None` if one is an expression), and their collations.
fn index_terms(connection: &Connection, index: &str) -> Result<(Option<Vec<usize>>, Vec<String>), SchemaError> {
    let mut statement = connection
        .prepare_cached("SELECT cid, coll FROM pragma_index_xinfo(?1,'main') WHERE \"key\" ORDER BY seqno")?;
    let mut rows = statement.query([index])?;
    let mut columns = Some(Vec::new());
    let mut collations = Vec::new();
    while let Some(row) = rows.next()? {
        let column = usize::try_from(row.get::<_, i64>(0)?).ok();
        columns = columns.zip(column).map(|(mut columns, column)| {
            columns.push(column);
            columns
        });
        collations.push(row.get::<_, Option<String>>(1)?.unwrap_or_else(|| "BINARY".to_owned()));
    }
    Ok((columns, collations))
}

fn foreign_keys(connection: &Connection, table: &str) -> Result<Vec<ForeignKey>, SchemaError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, \"table\", \"from\", \"to\", on_delete FROM pragma_foreign_key_list(?1,'main') ORDER BY id, seq",
    )?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        if keys.last().is_none_or(|(last, _)| *last != id) {
            let on_delete = match row.get::<_, String>(4)?.as_str() {
                "CASCADE" | "SET NULL" | "SET DEFAULT" => OnDelete::Acts,
                _ => OnDelete::Nothing,
            };
            let key = ForeignKey { parent: row.get(1)?, from: Vec::new(), to: Vec::new(), on_delete };
            keys.push((id, key));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.from.push(row.get(2)?);
            key.to.extend(row.get::<_, Option<String>>(3)?);
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}
