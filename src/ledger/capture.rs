//! The triggers on D1 that note in the log what is written past liteflare: by the dashboard, `wrangler`, a Worker, a cascade, or a
//! trigger of the application's that one of these sets off. They are silent while liteflare writes itself (`schema::guard::silent`).
//!
//! Each changed row is a commit of its own there: the next seq, a new id, and which row it is. Their texts stay whole where the REST API
//! cuts at semicolons: they have no comment, no CASE, and white space around BEGIN.

use super::changes::EVERYTHING;
use super::sql;
use crate::d1::splitter::is_kept_whole;
use crate::d1::{Statement, limits};
use crate::plan::{Touched, TouchedRows};
use crate::schema::guard::silent;
use crate::schema::{CellName, Identity, Schema, Table, Unique, quoted};

/// What their names begin with; then comes the table's name.
const PREFIX: &str = "_lf_cdc_";
/// What their names end in.
const KINDS: [&str; 5] = ["i", "u", "d", "bi", "bu"];
/// A key of more columns is not named: the text would be too deep an expression.
const MOST_KEY_COLUMNS: usize = 8;
/// The same for the columns of all unique indexes together.
const MOST_UNIQUE_COLUMNS: usize = 50;
/// A longer key is not worth its place in the log.
const MOST_KEY_BYTES: usize = 20_000;

/// Asks for the names of those on D1.
pub(super) fn names() -> Statement {
    Statement::new(sql::CAPTURE_NAMES)
}

/// Drops the trigger with this name.
pub(super) fn drop(name: &str) -> Statement {
    Statement::new(format!("DROP TRIGGER IF EXISTS {}", quoted(name)))
}

/// Makes those of a whole schema, of which D1 has none.
pub(crate) fn create_all(schema: &Schema) -> Vec<Statement> {
    schema.tables.values().flat_map(create).collect()
}

/// What a commit does about them that changes the schema: before its other statements, and after them. A table that goes, or is
/// rebuilt, takes its own along; the others are those of tables that are renamed or altered.
pub(crate) fn follow(before: &Schema, after: &Schema, touched: &Touched) -> (Vec<Statement>, Vec<Statement>) {
    // A new unique index changes them too: it has rows removed that were not before.
    let keeps = |table: &Table, elsewhere: &Schema| {
        let is_made_anew = matches!(touched.tables.get(&table.name), Some(TouchedRows::All));
        // Most tables are the same altogether; it takes long to write the texts only to compare them.
        let is_same = |other: &Table| other == table || (other.name == table.name && create(other) == create(table));
        !is_made_anew && elsewhere.table(&table.name).is_some_and(is_same)
    };
    let left = before.tables.values().filter(|table| !keeps(table, after));
    let dropped = left.flat_map(|table| KINDS.map(|kind| drop(&name(table, kind))));
    (dropped.collect(), after.tables.values().filter(|table| !keeps(table, before)).flat_map(create).collect())
}

fn name(table: &Table, kind: &str) -> String {
    format!("{PREFIX}{}_{kind}", table.name)
}

/// The statements for one table. None for one whose rows cannot be named, or whose name is so long that the texts are too long for D1.
fn create(table: &Table) -> Vec<Statement> {
    if table.is_virtual || table.identity == Identity::Unnamed {
        return Vec::new();
    }
    let texts = Texts::of(table).all();
    if texts.iter().any(|text| text.len() > limits::SQL_BYTES || !is_kept_whole(text)) {
        tracing::warn!(
            "what is written past liteflare to the table {} is not noticed: D1 cannot have a trigger on it",
            crate::shown::one_line(&table.name)
        );
        return Vec::new();
    }
    texts.into_iter().map(Statement::new).collect()
}

/// Writes the texts for one table.
struct Texts<'t> {
    table: &'t Table,
    /// The SQL names of the key's columns, or of the rowid.
    key: Vec<String>,
    /// A row cannot be named, or a row that a REPLACE removes cannot be found: every change means that all is read anew.
    is_opaque: bool,
}

impl<'t> Texts<'t> {
    fn of(table: &'t Table) -> Texts<'t> {
        let key: Vec<String> = table.key_cells().into_iter().map(|cell: CellName| cell.sql(table)).collect();
        let columns: usize = table.unique.iter().filter_map(|unique| unique.columns.as_ref()).map(Vec::len).sum();
        let is_expression = table.unique.iter().any(|unique| unique.columns.is_none());
        let is_opaque = key.len() > MOST_KEY_COLUMNS || columns > MOST_UNIQUE_COLUMNS || is_expression;
        Texts { table, key, is_opaque }
    }

    fn all(&self) -> Vec<String> {
        let mut texts = vec![
            self.trigger("i", "AFTER INSERT", "", &self.entry(&self.named("NEW"))),
            self.trigger("u", "AFTER UPDATE", "", &self.entry(&self.updated())),
            self.trigger("d", "AFTER DELETE", "", &self.entry(&self.named("OLD"))),
        ];
        if !self.is_opaque && !self.table.unique.is_empty() {
            texts.push(self.replaced("bi", "BEFORE INSERT"));
            texts.push(self.replaced("bu", "BEFORE UPDATE"));
        }
        texts
    }

    fn trigger(&self, kind: &str, event: &str, condition: &str, entry: &str) -> String {
        let (name, table) = (quoted(&name(self.table, kind)), self.table.quoted());
        format!("CREATE TRIGGER {name} {event} ON {table} WHEN {}{condition} BEGIN {entry}; END", silent())
    }

    /// The rows that a REPLACE is about to remove, which fires no DELETE trigger: those with the same value in a unique index.
    fn replaced(&self, kind: &str, event: &str) -> String {
        let table = self.table.quoted();
        let matching: Vec<String> = self.table.unique.iter().filter_map(|unique| self.matching(unique)).collect();
        let matching = matching.join(" OR ");
        let rows = format!("FROM {table} AS _lfu WHERE {matching}");
        let list = format!("group_concat({})", self.row("_lfu"));
        let found = format!("(SELECT iif(max({}),NULL,{list}) {rows})", self.cannot_be_named("_lfu"));
        let changes = format!("coalesce({},{})", self.wrapped(&found), literal(EVERYTHING));
        self.trigger(kind, event, &format!(" AND EXISTS (SELECT 1 {rows})"), &self.entry(&changes))
    }

    fn matching(&self, unique: &Unique) -> Option<String> {
        let columns = unique.columns.as_ref()?.iter().zip(&unique.collations);
        let term = |(&column, collation): (&usize, &String)| {
            let column = CellName::Column(column).sql(self.table);
            format!("_lfu.{column}=NEW.{column} COLLATE {}", quoted(collation))
        };
        Some(format!("({})", columns.map(term).collect::<Vec<_>>().join(" AND ")))
    }

    /// The entry in the log. `changes`: the expression for what it says.
    fn entry(&self, changes: &str) -> String {
        format!(
            "INSERT INTO _lf_commit(seq,txn,at,source,changes) SELECT coalesce(max(seq),0)+1,lower(hex(randomblob(16))),\
             strftime('%Y-%m-%dT%H:%M:%fZ','now'),'sql',{changes} FROM _lf_commit"
        )
    }

    /// What an entry says about the row `row`: OLD or NEW.
    fn named(&self, row: &str) -> String {
        self.unless(&self.cannot_be_named(row), &self.wrapped(&self.row(row)))
    }

    /// Both keys, where the row has moved.
    fn updated(&self) -> String {
        let same: Vec<String> = self.key.iter().map(|name| format!("OLD.{name} IS NEW.{name}")).collect();
        let moved = format!("iif({},'',','||{})", same.join(" AND "), self.row("NEW"));
        let cannot = format!("{} OR {}", self.cannot_be_named("OLD"), self.cannot_be_named("NEW"));
        self.unless(&cannot, &self.wrapped(&format!("{}||{moved}", self.row("OLD"))))
    }

    fn unless(&self, cannot: &str, changes: &str) -> String {
        match (self.is_opaque, self.table.has_rowid()) {
            (true, _) => literal(EVERYTHING),
            (false, true) => changes.to_owned(),
            (false, false) => format!("iif({cannot},{},{changes})", literal(EVERYTHING)),
        }
    }

    /// Around the rows of the table.
    fn wrapped(&self, rows: &str) -> String {
        let kind = if self.table.has_rowid() { "rowids" } else { "keys" };
        let before = format!(r#"{{"{kind}":{{{}:["#, serde_json::Value::from(self.table.name.as_str()));
        format!("{}||{rows}||']}}}}'", literal(&before))
    }

    /// One row as `changes` has it: a run of rowids, or a key whose values `value::to_d1` can read.
    fn row(&self, row: &str) -> String {
        if self.table.has_rowid() {
            let rowid = format!("{row}.{}", self.key.join(""));
            return format!("'['||{rowid}||','||{rowid}||']'");
        }
        let part = |name: &String| {
            let value = format!("{row}.{name}");
            let bytes = |kind| format!("'{{\"{kind}\":\"'||hex(CAST({value} AS BLOB))||'\"}}'");
            format!(
                "iif(typeof({value})='text',{},iif(typeof({value})='blob',{},coalesce({value},'null')))",
                bytes("t"),
                bytes("b")
            )
        };
        format!("'['||{}||']'", self.key.iter().map(part).collect::<Vec<_>>().join("||','||"))
    }

    /// A key with a real, whose digits D1 may print otherwise than they are, or a long one.
    fn cannot_be_named(&self, row: &str) -> String {
        if self.table.has_rowid() {
            return "0".to_owned();
        }
        let part = |name: &String| {
            let value = format!("{row}.{name}");
            format!("typeof({value})='real' OR coalesce(octet_length({value}),0)>{MOST_KEY_BYTES}")
        };
        self.key.iter().map(part).collect::<Vec<_>>().join(" OR ")
    }
}

/// `text` as a literal of SQL.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests;
