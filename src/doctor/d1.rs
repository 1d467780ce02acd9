//! The D1 database: whether it is there, keeps its promises on this very endpoint, and how far away it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Check, Tell};
use crate::cloudflare::advice;
use crate::config::Settings;
use crate::d1::{Client, Refusal, SendError, Statement, StatementResult};
use crate::ledger::tables;
use crate::metrics::Metrics;

/// How long anything is tried here, whatever `LITEFLARE_TIMEOUT` allows a commit.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// Round trips that are timed.
const ROUNDS: usize = 5;

/// A commit that takes longer is felt: an application may make several for one click.
const SLOW: Duration = Duration::from_millis(150);

/// Returns the database's size in bytes.
pub(super) fn check(settings: &Settings, tell: Tell<'_>) -> Option<u64> {
    let name = "d1";
    let seen = Client::connect(settings, Arc::new(Metrics::default())).and_then(|client| {
        // Two statements: a gateway tells the size of a batch only.
        let answer = client.send_idempotent(&[Statement::new("SELECT 1 AS n"), Statement::new("SELECT 2 AS n")])?;
        Ok((client, answer.iter().map(|rows| rows.meta.size_after).max().unwrap_or(0)))
    });
    let (client, size) = match seen {
        Ok(seen) => seen,
        Err(error) => {
            let advice = advice(&error);
            tell(Check::fail(name, error.to_string(), advice));
            return None;
        }
    };
    tell(Check::ok(name, format!("{} answers, {size} bytes", settings.database)));
    batches(&client, tell);
    latency(&client, settings, tell);
    own_tables(&client, tell);
    Some(size)
}

fn advice(error: &SendError) -> &'static str {
    match error {
        SendError::Refused(refusal) => advice::about_d1(refusal.status).full,
        SendError::NotApplied { .. } | SendError::Unknown(_) | SendError::Oversized(_) => advice::NO_API,
    }
}

/// Whether a batch is all or nothing, and its brackets around foreign keys work. Both leave nothing behind where they do.
fn batches(client: &Client, tell: Tell<'_>) {
    let scratch = tables::scratch_name();
    let child = format!("{scratch}_child");
    let atomic = is_atomic(client, &scratch);
    let brackets = atomic.is_ok().then(|| client.send(&brackets(&scratch, &child)));
    let is_clean = atomic.is_ok() && matches!(brackets, Some(Ok(_)));
    if !is_clean {
        let drop = |table: &str| Statement::new(format!("DROP TABLE IF EXISTS {table}"));
        if let Err(error) = client.send_idempotent(&[drop(&child), drop(&scratch)]) {
            tell(Check::warn(
                "d1 clean-up",
                error.to_string(),
                format!("drop the tables {scratch} and {child} if they are there"),
            ));
        }
    }
    match atomic {
        Ok(()) => tell(Check::ok("d1 batch", "all or nothing: a batch with a failing statement left nothing")),
        Err(check) => return tell(check),
    }
    match brackets {
        Some(Err(error)) => {
            let advice =
                "this endpoint does not keep `PRAGMA defer_foreign_keys` for a batch: use D1's API or the gateway";
            tell(Check::fail("d1 foreign keys", error.to_string(), advice));
        }
        _ => tell(Check::ok("d1 foreign keys", "checked at the end of a batch, as liteflare needs it")),
    }
}

fn is_atomic(client: &Client, scratch: &str) -> Result<(), Check> {
    let name = "d1 batch";
    let insert = || Statement::new(format!("INSERT INTO {scratch} VALUES (1)"));
    let batch = [Statement::new(format!("CREATE TABLE {scratch}(id INTEGER PRIMARY KEY)")), insert(), insert()];
    match client.send(&batch) {
        Err(error @ SendError::Refused(Refusal { status: 401 | 403, .. })) => {
            let advice = "the token may read but not write: give it the permission D1 Edit";
            return Err(Check::fail(name, error.to_string(), advice));
        }
        Err(SendError::Refused(refusal)) if refusal.message.contains("UNIQUE") => {}
        Err(error) => {
            let advice = advice(&error);
            return Err(Check::fail(name, error.to_string(), advice));
        }
        Ok(_) => return Err(Check::fail(name, "a batch with a failing statement was accepted", NOT_ATOMIC)),
    }
    let left = Statement::with("SELECT name AS n FROM sqlite_schema WHERE name=?1", [scratch.to_owned()]);
    match client.send_idempotent(&[left]) {
        Err(error) => Err(Check::fail(name, error.to_string(), advice(&error))),
        Ok(rows) if rows.first().is_none_or(|rows| rows.results.rows.is_empty()) => Ok(()),
        Ok(_) => Err(Check::fail(name, "not atomic: the first statement of a failed batch stayed", NOT_ATOMIC)),
    }
}

const NOT_ATOMIC: &str = "do not use this endpoint: half a transaction could stay in D1. Use D1's API or the gateway";

/// A child row before its parent; made and dropped within one batch.
fn brackets(parent: &str, child: &str) -> Vec<Statement> {
    [
        "PRAGMA defer_foreign_keys=on".into(),
        format!("CREATE TABLE {parent}(id INTEGER PRIMARY KEY)"),
        format!("CREATE TABLE {child}(id INTEGER PRIMARY KEY, of INTEGER REFERENCES {parent}(id))"),
        format!("INSERT INTO {child} VALUES (1, 1)"),
        format!("INSERT INTO {parent} VALUES (1)"),
        format!("DROP TABLE {child}"),
        format!("DROP TABLE {parent}"),
        "PRAGMA defer_foreign_keys=off".into(),
    ]
    .map(Statement::new)
    .to_vec()
}

fn latency(client: &Client, settings: &Settings, tell: Tell<'_>) {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        if let Err(error) = client.send_idempotent(&[Statement::new("SELECT 1 AS n")]) {
            return tell(Check::fail("d1 latency", error.to_string(), advice(&error)));
        }
        times.push(started.elapsed());
    }
    times.sort();
    tell(judge(times[ROUNDS / 2], settings.api.endpoint()));
}

fn judge(median: Duration, api: &str) -> Check {
    let is_rest = api.starts_with("https://api.cloudflare.com/");
    let limit = if is_rest { "; the REST API allows 1,200 requests in five minutes" } else { "" };
    let detail = format!("{:.1} ms, the median of {ROUNDS} requests{limit}", median.as_secs_f64() * 1000.0);
    let advice = match is_rest {
        true => {
            "deploy the Worker in `gateway/` and point LITEFLARE_D1_API at it: it is nearer to D1 and has no such limit"
        }
        false => {
            "each commit takes this long: run nearer to the database, or make it nearer (`liteflare init --location`)"
        }
    };
    match median > SLOW {
        true => Check::warn("d1 latency", detail, advice),
        false => Check::ok("d1 latency", detail),
    }
}

fn own_tables(client: &Client, tell: Tell<'_>) {
    let name = "d1 tables";
    let rows = match client.send_idempotent(&[tables::own()]) {
        Ok(answer) => answer.into_iter().next().unwrap_or_default(),
        Err(error) => return tell(Check::fail(name, error.to_string(), advice(&error))),
    };
    let present = |table: &str| text(&rows, table);
    let ours = tables::own_texts();
    let missing: Vec<&str> = ours.iter().map(|(table, _)| *table).filter(|table| present(table).is_none()).collect();
    let other: Vec<&str> = ours
        .iter()
        .filter(|(table, sql)| present(table).is_some_and(|present| squeezed(present) != squeezed(sql)))
        .map(|(table, _)| *table)
        .collect();
    tell(match (missing.len(), other.is_empty()) {
        (_, false) => Check::warn(
            name,
            format!("not as liteflare {} makes them: {}", env!("CARGO_PKG_VERSION"), other.join(", ")),
            "another version of liteflare made them: use one version everywhere",
        ),
        (0, true) => Check::ok(name, format!("{} are there, as this version makes them", ours.len())),
        (count, true) if count == ours.len() => Check::ok(name, "none yet: the first start makes them"),
        (_, true) => Check::warn(name, format!("missing: {}", missing.join(", ")), "the next start makes them"),
    });
}

fn text<'a>(rows: &'a StatementResult, table: &str) -> Option<&'a str> {
    let row = rows.results.rows.iter().find(|row| row.first().is_some_and(|name| name == table))?;
    row.get(1)?.as_str()
}

/// Without spaces and what stands before the table's name.
fn squeezed(sql: &str) -> String {
    let sql = sql.strip_prefix("CREATE TABLE ").unwrap_or(sql);
    sql.chars().filter(|char| !char.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_slow_rest_api_is_told_of_the_gateway_and_a_slow_gateway_of_distance() {
        let rest = judge(Duration::from_millis(200), "https://api.cloudflare.com/client/v4");
        assert!(rest.status == Status::Warn && rest.advice.contains("gateway/") && rest.detail.contains("1,200"));
        let gateway = judge(Duration::from_millis(200), "https://gateway.example.workers.dev/client/v4");
        assert!(
            gateway.status == Status::Warn && gateway.advice.contains("nearer") && !gateway.detail.contains("1,200")
        );
        assert!(judge(Duration::from_millis(20), "http://127.0.0.1:1").status == Status::Ok);
    }
}
