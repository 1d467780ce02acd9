//! `CREATE VIRTUAL TABLE temp.x USING d1('SELECT …')`: a query on D1 as a read-only table. Each scan runs the query.

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use sqlite_loadable::table::{BestIndexError, IndexInfo, VTabArguments};

use super::error::QueryError;
use super::interface::{TableCursor, VirtualTable};
use super::json::distinct;
use super::raw::HostConnection;
use super::scan::{Scan, names};
use super::statement::{Query, StatementKind};
use super::{limit, replica_of};
use crate::image::Image;
use crate::replica::Replica;
use crate::schema::quoted;
use crate::value::Value;
use crate::vfs::inner::Task;
use crate::vfs::scratch::Scratch;

const WHO: &str = "d1";

pub(crate) struct D1Table {
    connection: Arc<HostConnection>,
    query: Arc<Query>,
    names: Vec<String>,
}

impl VirtualTable for D1Table {
    type Cursor = D1Cursor;
    const DIRECT_ONLY: bool = true;

    fn connect(
        connection: &Arc<HostConnection>,
        arguments: &VTabArguments,
        is_new: bool,
    ) -> Result<(String, Self), QueryError> {
        let replica = replica_of(WHO, connection)?;
        if !arguments.database_name.eq_ignore_ascii_case("temp") {
            return Err(QueryError::NotTemporary { table: arguments.table_name.clone() });
        }
        let query = Query::parse(WHO, &sql_argument(&arguments.arguments)?, None)?;
        if query.kind != StatementKind::Select {
            let problem =
                "takes a statement that reads: SELECT, VALUES, or WITH … SELECT; others run by d1_query()".into();
            return Err(QueryError::Sql { who: WHO, problem });
        }
        let known = if is_new { None } else { connection.columns.lock().get(query.sql()).cloned() };
        let names = match known {
            Some(names) => names,
            None => distinct(names(replica.client(), &query)?),
        };
        connection.columns.lock().insert(query.sql().to_owned(), names.clone());
        let types = declared_types(&replica, &query, names.len());
        let columns = names.iter().zip(types).map(|(name, declared)| format!("{} {declared}", quoted(name)));
        let schema = format!("CREATE TABLE x({})", columns.collect::<Vec<_>>().join(","));
        Ok((schema, D1Table { connection: connection.clone(), query: Arc::new(query), names }))
    }

    fn plan(&self, mut info: IndexInfo) -> Result<(), BestIndexError> {
        let mut constraints = info.constraints();
        let limit = limit::of_all(&info, &mut constraints, 0);
        let has_limit = limit.is_some();
        if let Some(limit) = limit {
            limit.set_argv_index(1);
        }
        drop(constraints);
        info.set_idxnum(c_int::from(has_limit));
        info.set_estimated_cost(1e6); // it costs a request: keep it out of inner loops
        info.set_estimated_rows(1000);
        Ok(())
    }

    fn open(&self) -> D1Cursor {
        let (connection, query, names) = (self.connection.clone(), self.query.clone(), self.names.clone());
        D1Cursor { connection, query, names, scan: None, row: None }
    }
}

pub(crate) struct D1Cursor {
    connection: Arc<HostConnection>,
    query: Arc<Query>,
    names: Vec<String>,
    scan: Option<Scan>,
    row: Option<Vec<Value>>,
}

impl TableCursor for D1Cursor {
    fn start(&mut self, _: c_int, arguments: Vec<Value>) -> Result<(), QueryError> {
        (self.scan, self.row) = (None, None);
        let replica = replica_of(WHO, &self.connection)?;
        let limit = limit::value(arguments.into_iter().next());
        self.scan = Some(Scan::start(replica.client(), &self.query, self.names.clone(), limit)?);
        self.advance()
    }

    fn advance(&mut self) -> Result<(), QueryError> {
        self.row = None; // freed before the next one is read
        self.row = match &mut self.scan {
            Some(scan) => scan.next_row()?,
            None => None,
        };
        if self.row.is_none() {
            self.scan = None;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.row.is_none()
    }

    fn value(&self, column: usize) -> ValueRef<'_> {
        self.row.as_ref().and_then(|row| row.get(column)).map_or(ValueRef::Null, Value::as_ref)
    }
}

/// The text of the only argument, a literal in single quotes. SQLite passes arguments exactly as they were written.
fn sql_argument(arguments: &[String]) -> Result<String, QueryError> {
    let problem = "takes one SQL text in single quotes: USING d1('SELECT …')".to_owned();
    let wrong = QueryError::Sql { who: WHO, problem };
    let [argument] = arguments else { return Err(wrong) };
    let literal = argument.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    match literal.map(|literal| literal.replace("''", "\0")) {
        Some(text) if !text.contains('\'') => Ok(text.replace('\0', "'")),
        _ => Err(wrong),
    }
}

/// The declared types of the columns, as far as the replica knows them: D1 does not return any.
fn declared_types(replica: &Replica, query: &Query, count: usize) -> Vec<String> {
    let scratch = Scratch::new(Image::clone(&replica.newest()));
    let types = scratch.connection(Task::Describe).and_then(|connection| {
        // Nothing is executed: SQLite only compiles the view to learn its columns.
        connection.execute(&format!("CREATE TEMP VIEW _lfq AS {}", query.sql()), [])?;
        let mut types = connection.prepare("SELECT type FROM pragma_table_info('_lfq', 'temp') ORDER BY cid")?;
        types.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
    });
    let known = types.ok().filter(|types| types.len() == count).unwrap_or_else(|| vec![String::new(); count]);
    known.into_iter().map(|declared| if is_plain(&declared) { declared } else { String::new() }).collect()
}

/// SQLite accepts any words as a type. HIDDEN would hide the column, and quoted types are too rare to handle.
fn is_plain(declared: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " _(),".contains(letter);
    let is_special =
        |word: &str| ["hidden", "generated", "always"].iter().any(|special| word.eq_ignore_ascii_case(special));
    declared.chars().all(is_plain) && !declared.split(' ').any(is_special)
}
