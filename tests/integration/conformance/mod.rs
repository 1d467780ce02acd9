//! The embedded cloud against Cloudflare's own engine: the same requests, the same answers.
//! Every request runs on both, on databases of their own, and the outcomes are compared: columns, rows, changes, or the refusal with
//! its text. `refused` marks those where only the fact of a refusal is compared; the reason stands beside it.

mod limits;
mod refusals;
mod transactions;
mod values;

use crate::support::{Cloud, D1Error, DbRef, TestCloud, clouds};
use liteflare::d1::Statement;
use serde_json::{Value, json};

/// One request to both clouds.
struct Ask {
    statements: Vec<Statement>,
    /// Whether the refusals' texts are compared.
    exact: bool,
}

fn one(sql: impl Into<String>) -> Ask {
    with(sql, &[])
}

fn with(sql: impl Into<String>, params: &[&str]) -> Ask {
    let sql: String = sql.into();
    let statement = Statement::with(sql, params.iter().map(|param| (*param).to_owned()));
    Ask { statements: vec![statement], exact: true }
}

fn batch(statements: &[&str]) -> Ask {
    Ask { statements: statements.iter().map(|sql| Statement::new(*sql)).collect(), exact: true }
}

/// Refused by both, in words of their own.
fn refused(sql: impl Into<String>) -> Ask {
    Ask { exact: false, ..one(sql) }
}

/// Asks both clouds, each on one database, in order, and compares after each request.
fn compare(asks: impl IntoIterator<Item = Ask>) {
    let clouds = clouds();
    let databases: Vec<DbRef> = clouds.iter().map(TestCloud::create_database).collect();
    let mut differences = Vec::new();
    for ask in asks {
        let outcomes: Vec<_> = databases.iter().map(|database| outcome(&ask, database)).collect();
        for (cloud, outcome) in clouds.iter().zip(&outcomes).skip(1) {
            if *outcome != outcomes[0] {
                let asked: String = format!("{:?}", ask.statements).chars().take(200).collect();
                differences
                    .push(format!("{asked}\n  {:?}: {}\n  {:?}: {outcome}", clouds[0].kind, outcomes[0], cloud.kind));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn outcome(ask: &Ask, database: &DbRef) -> Value {
    let answer = match ask.statements.as_slice() {
        [only] => database.one(only).map(|result| vec![result]),
        several => database.batch(several),
    };
    match answer {
        Ok(results) => results.iter().map(|result| essence(result, ask.statements.len() > 1)).collect(),
        Err(_) if !ask.exact => json!("refused"),
        Err(D1Error { status, code, message }) => json!([status, code, core(&message)]),
    }
}

/// What a client may rely on. In a batch the gateway knows the columns only when there are rows (`gateway/src/run.ts`).
fn essence(result: &Value, batch: bool) -> Value {
    let (results, meta) = (&result["results"], &result["meta"]);
    let columns = if batch && results["rows"] == json!([]) { &Value::Null } else { &results["columns"] };
    let last_row_id = if meta["changes"] == json!(0) { &Value::Null } else { &meta["last_row_id"] };
    json!({ "columns": columns, "rows": results["rows"], "changes": meta["changes"], "last_row_id": last_row_id })
}

/// The refusal as SQLite gave it. workerd finds a violated deferred key after the binding's own error handling, and says more.
fn core(message: &str) -> &str {
    let message = message.strip_prefix("D1_ERROR: ").unwrap_or(message);
    message.split_once("constraints were violated: ").map_or(message, |(_, rest)| rest)
}

/// Runs `check` on a new database of every cloud.
fn on_every_cloud(check: impl Fn(Cloud, &DbRef)) {
    for cloud in clouds() {
        check(cloud.kind, &cloud.create_database());
    }
}
