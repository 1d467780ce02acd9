//! `d1_query(sql [, params_json])`: one row for each row of a statement that runs on D1, as a JSON object.

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use sqlite_loadable::table::{BestIndexError, ConstraintOperator, IndexInfo, VTabArguments};

use super::error::QueryError;
use super::interface::{TableCursor, VirtualTable};
use super::json;
use super::raw::HostConnection;
use super::scan::{Scan, names};
use super::statement::{Query, StatementKind};
use super::{limit, replica_of};
use crate::d1::{self, SendError};
use crate::replica::Replica;
use crate::value::Value;

const WHO: &str = "d1_query";

/// Its hidden columns, in the order of the arguments.
const SQL: i32 = 1;
const PARAMS: i32 = 2;

/// Bits of a plan: which arguments the cursor gets, in this order.
const HAS_SQL: c_int = 1;
const HAS_PARAMS: c_int = 2;
const HAS_LIMIT: c_int = 4;

pub(crate) struct D1Query(Arc<HostConnection>);

impl VirtualTable for D1Query {
    type Cursor = QueryCursor;
    const DIRECT_ONLY: bool = true;

    fn connect(connection: &Arc<HostConnection>, _: &VTabArguments, _: bool) -> Result<(String, Self), QueryError> {
        Ok(("CREATE TABLE x(row TEXT, sql HIDDEN, params_json HIDDEN)".into(), D1Query(connection.clone())))
    }

    fn plan(&self, mut info: IndexInfo) -> Result<(), BestIndexError> {
        let (mut plan, mut given) = (0, 0);
        let mut constraints = info.constraints();
        for (column, bit) in [(SQL, HAS_SQL), (PARAMS, HAS_PARAMS)] {
            let is_argument = |c: &&mut sqlite_loadable::table::Constraint| {
                c.column_idx() == column && c.op() == Some(ConstraintOperator::EQ)
            };
            // In a join, an argument that comes from another table is usable only in some orders of the tables.
            if let Some(constraint) = constraints.iter_mut().find(is_argument) {
                if !constraint.usable() {
                    return Err(BestIndexError::Constraint);
                }
                given += 1;
                plan |= bit;
                constraint.set_argv_index(given);
                constraint.set_omit(true);
            }
        }
        let taken = usize::try_from(given).unwrap_or(0);
        if let Some(limit) = limit::of_all(&info, &mut constraints, taken) {
            plan |= HAS_LIMIT;
            limit.set_argv_index(given + 1);
        }
        drop(constraints);
        info.set_idxnum(plan);
        info.set_estimated_cost(1e6); // it costs a request: keep it out of inner loops
        info.set_estimated_rows(1000);
        Ok(())
    }

    fn open(&self) -> QueryCursor {
        QueryCursor {
            connection: self.0.clone(),
            arguments: [Value::Null, Value::Null],
            source: RowSource::None,
            row: None,
        }
    }
}

enum RowSource {
    None,
    Scan(Box<Scan>),
    /// Of a statement that is not a SELECT: D1's own JSON, unchanged.
    Answer {
        names: Vec<String>,
        rows: std::vec::IntoIter<Vec<serde_json::Value>>,
    },
}

pub(crate) struct QueryCursor {
    connection: Arc<HostConnection>,
    /// The values of the hidden columns.
    arguments: [Value; 2],
    source: RowSource,
    row: Option<String>,
}

impl TableCursor for QueryCursor {
    fn start(&mut self, plan: c_int, arguments: Vec<Value>) -> Result<(), QueryError> {
        (self.source, self.row, self.arguments) = (RowSource::None, None, [Value::Null, Value::Null]);
        let replica = replica_of(WHO, &self.connection)?;
        let mut given = arguments.into_iter();
        let mut argument = |bit| if plan & bit != 0 { given.next() } else { None };
        let (sql, params, limit) = (argument(HAS_SQL), argument(HAS_PARAMS), argument(HAS_LIMIT));
        self.arguments = [sql.clone().unwrap_or(Value::Null), params.clone().unwrap_or(Value::Null)];
        let params = match params.unwrap_or(Value::Null) {
            Value::Null => None,
            value => Some(text(value, || QueryError::Params("must be the text of a JSON array".into()))?),
        };
        let missing = || QueryError::Sql {
            who: WHO,
            problem: "needs the SQL text of a statement: d1_query('SELECT …')".into(),
        };
        let sql = text(sql.unwrap_or(Value::Null), missing)?;
        let query = Query::parse(WHO, &sql, params.as_deref())?;
        self.source = run(&replica, &query, limit::value(limit))?;
        self.advance()
    }

    fn advance(&mut self) -> Result<(), QueryError> {
        self.row = None; // freed before the next one is read
        self.row = match &mut self.source {
            RowSource::None => None,
            RowSource::Scan(scan) => {
                let row = scan.next_row()?;
                row.map(|row| json::object(scan.names(), &row, json::push_value))
            }
            RowSource::Answer { names, rows } => rows.next().map(|row| json::object(names, &row, json::push_json)),
        };
        if self.row.is_none() {
            self.source = RowSource::None;
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.row.is_none()
    }

    fn value(&self, column: usize) -> ValueRef<'_> {
        match column {
            0 => self.row.as_deref().map_or(ValueRef::Null, |row| ValueRef::Text(row.as_bytes())),
            _ => self.arguments.get(column - 1).map_or(ValueRef::Null, Value::as_ref),
        }
    }
}

fn text(value: Value, wrong: impl Fn() -> QueryError) -> Result<String, QueryError> {
    match value {
        Value::Text(bytes) => String::from_utf8(bytes).map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn run(replica: &Replica, query: &Query, limit: Option<i64>) -> Result<RowSource, QueryError> {
    let answer = match query.kind {
        StatementKind::Select => {
            let names = json::distinct(names(replica.client(), query)?);
            return Ok(RowSource::Scan(Box::new(Scan::start(replica.client(), query, names, limit)?)));
        }
        StatementKind::Report => replica.client().send_idempotent(&[query.as_is()])?.swap_remove(0),
        StatementKind::Change => replica.run_on_d1(query.as_is()).map_err(in_doubt)?,
    };
    let d1::ResultSet { columns, rows } = answer.results;
    Ok(RowSource::Answer { names: json::distinct(columns), rows: rows.into_iter() })
}

fn in_doubt(error: SendError) -> QueryError {
    match error {
        SendError::Unknown(reason) => QueryError::Doubt(reason),
        SendError::Oversized(oversized) => QueryError::Doubt(oversized.to_string()),
        other => other.into(),
    }
}
