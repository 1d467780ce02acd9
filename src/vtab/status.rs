//! `liteflare_status`: the counters of this connection's database and of the bucket, one per row.

use std::ffi::c_int;
use std::sync::Arc;

use rusqlite::types::ValueRef;
use sqlite_loadable::table::{BestIndexError, IndexInfo, VTabArguments};

use super::error::QueryError;
use super::interface::{TableCursor, VirtualTable};
use super::raw::HostConnection;
use crate::metrics::{Counter, Metrics, R2Metrics};
use crate::serve::replicas;
use crate::value::Value;
use crate::{hook, log};

pub(crate) struct StatusTable(Arc<HostConnection>);

impl VirtualTable for StatusTable {
    type Cursor = StatusCursor;
    const DIRECT_ONLY: bool = false;

    fn connect(connection: &Arc<HostConnection>, _: &VTabArguments, _: bool) -> Result<(String, Self), QueryError> {
        Ok(("CREATE TABLE x(name TEXT, value)".into(), StatusTable(connection.clone())))
    }

    fn plan(&self, mut info: IndexInfo) -> Result<(), BestIndexError> {
        info.set_estimated_rows(18);
        Ok(())
    }

    fn open(&self) -> StatusCursor {
        StatusCursor { connection: self.0.clone(), rows: Vec::new(), at: 0 }
    }
}

/// The values as of the start of the scan.
pub(crate) struct StatusCursor {
    connection: Arc<HostConnection>,
    rows: Vec<(&'static str, Value)>,
    at: usize,
}

impl TableCursor for StatusCursor {
    fn start(&mut self, _: c_int, _: Vec<Value>) -> Result<(), QueryError> {
        self.rows = values(&self.connection);
        self.at = 0;
        Ok(())
    }

    fn advance(&mut self) -> Result<(), QueryError> {
        self.at += 1;
        Ok(())
    }

    fn is_done(&self) -> bool {
        self.at >= self.rows.len()
    }

    fn value(&self, column: usize) -> ValueRef<'_> {
        match (self.rows.get(self.at), column) {
            (Some((name, _)), 0) => ValueRef::Text(name.as_bytes()),
            (Some((_, value)), 1) => value.as_ref(),
            _ => ValueRef::Null,
        }
    }
}

/// Counters of what has not been used yet are 0; what does not exist is NULL.
fn values(connection: &HostConnection) -> Vec<(&'static str, Value)> {
    let replica = replicas::of(&connection.path);
    let (d1, r2) = (replica.as_ref().map(|replica| replica.metrics()), hook::metrics());
    let d1 = |counter: fn(&Metrics) -> &Counter| number(d1.map_or(0, |metrics| counter(metrics).get()));
    let r2 = |counter: fn(&R2Metrics) -> &Counter| number(r2.map_or(0, |metrics| counter(metrics).get()));
    let newest = replica.as_ref().map(|replica| replica.newest());
    vec![
        ("d1_requests", d1(|m| &m.d1_requests)),
        ("d1_bytes_sent", d1(|m| &m.d1_bytes_sent)),
        ("d1_bytes_received", d1(|m| &m.d1_bytes_received)),
        ("commits", d1(|m| &m.commits)),
        ("conflicts", d1(|m| &m.conflicts)),
        ("retries", d1(|m| &m.retries)),
        ("refreshes", d1(|m| &m.refreshes)),
        ("rows_written", d1(|m| &m.rows_written)),
        ("seq", newest.as_ref().map_or(Value::Null, |image| number(image.position.seq.0))),
        ("replica_bytes", newest.as_ref().map_or(Value::Null, |image| number(image.size()))),
        ("r2_put", r2(|m| &m.put)),
        ("r2_get", r2(|m| &m.get)),
        ("r2_head", r2(|m| &m.head)),
        ("r2_list", r2(|m| &m.list)),
        ("r2_copy", r2(|m| &m.copy)),
        ("r2_delete", r2(|m| &m.delete)),
        ("r2_cache_hits", r2(|m| &m.cache_hits)),
        ("last_error", log::last_error().map_or(Value::Null, |text| Value::Text(text.into_bytes()))),
    ]
}

fn number(number: u64) -> Value {
    Value::Integer(number.cast_signed())
}
