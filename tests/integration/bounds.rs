//! What a hostile query API, or somebody on the way to it, can do to the database's client: fail requests. It cannot take the
//! process's memory, keep it for ever or end it, and what became of a commit is never taken for a refusal.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use liteflare::config::Settings;
use liteflare::d1::{Client, SendError, Statement};

use crate::support::wire::Message;
use crate::support::{DbRef, Folder, Hostile, TestCloud, Victim, dump, ends, open, settings};

/// More than a small answer has a right to, kernel buffers included.
const SMALL: u64 = 24 << 20;
/// More than any answer has a right to.
const LARGE: u64 = 300 << 20;

const HEAD: &str = r#"{"success":true,"errors":[],"messages":[],"result":[{"success":true,"results":"#;

/// Time for a large answer on a busy machine.
const AMPLE: Duration = Duration::from_secs(50);

fn client(hostile: &Hostile, timeout: Duration) -> Client {
    let database = DbRef {
        api: hostile.url(),
        account: "account".into(),
        token: "token".into(),
        database: "00000000-0000-0000-0000-000000000000".into(),
    };
    let settings = Settings { timeout, ..settings(&database) };
    Client::connect(&settings, std::sync::Arc::default()).expect("a UUID needs no request")
}

fn cloud(answer: impl Fn(&Message, &mut Victim<'_>) -> io::Result<()> + Send + Sync + 'static) -> (Hostile, Client) {
    let hostile = Hostile::start(answer);
    let client = client(&hostile, AMPLE);
    (hostile, client)
}

fn result(results: &str, meta: &str) -> String {
    format!(r#"{HEAD}{results},"meta":{meta}}}]}}"#)
}

/// What one attempt makes of this answer.
fn sent(sql: &str, answer: String) -> Result<usize, SendError> {
    let (_hostile, client) = cloud(move |_, victim| victim.body("200 OK", answer.as_bytes()));
    let statement = Statement::new(sql);
    ends(move || client.send(&[statement]).map(|results| results[0].results.rows.len()))
}

#[test]
fn an_answer_is_bounded_by_what_was_asked() {
    for (sql, most) in [("INSERT INTO t VALUES (1)", SMALL), ("SELECT * FROM t", LARGE)] {
        for start in ["", HEAD, r#"{"success":false,"errors":[{"message":""#] {
            let (hostile, client) = cloud(move |_, victim| victim.endless("200 OK", start, "[[],[]],"));
            let statement = Statement::new(sql);
            let sent = ends(move || client.send(&[statement]).map(drop));
            assert!(hostile.bytes() < most, "{sql}: {} bytes", hostile.bytes());
            assert!(matches!(&sent, Err(SendError::Oversized(_))), "{sent:?}");
        }
    }
    let head = format!("200 OK\r\nContent-Length: {}\r\n", 1_u64 << 40);
    let (hostile, client) = cloud(move |_, victim| victim.answer(&head, b"{"));
    let sent = ends(move || client.send(&[Statement::new("SELECT 1")]).map(drop));
    assert!(matches!(&sent, Err(SendError::Oversized(_))), "{sent:?}");
    assert!(hostile.bytes() < 1 << 10, "what it announces is not waited for");
}

#[test]
fn an_error_says_why_in_a_few_lines() {
    // 429 too: whether D1 has begun with the batch stands in the text.
    for status in ["400 Bad Request", "403 Forbidden", "429 Too Many Requests", "500 Internal Server Error"] {
        let start = r#"{"success":false,"errors":[{"code":7500,"message":""#;
        let (hostile, client) = cloud(move |_, victim| victim.endless(status, start, "aaaaaaaa"));
        let sent = ends(move || client.send(&[Statement::new("SELECT 1")]).map(drop));
        assert!(hostile.bytes() < SMALL, "{} bytes", hostile.bytes());
        assert!(matches!(&sent, Err(SendError::Oversized(_))), "{sent:?}");
    }
}

/// A streamed answer that begins so: what becomes of it, how many rows it gave, how many bytes were taken in how many attempts.
fn streamed(start: String, more: &'static str) -> (Result<(), SendError>, usize, u64, u64) {
    let hostile = Hostile::start(move |_, victim| victim.endless("200 OK", &start, more));
    let client = client(&hostile, Duration::from_secs(5)); // what has given no row is tried again
    let (read, rows) = ends(move || {
        let mut rows = 0;
        let read = client.stream(&Statement::new("SELECT 1")).and_then(|mut stream| {
            while stream.next_row()?.is_some() {
                rows += 1;
            }
            Ok(())
        });
        (read, rows)
    });
    (read, rows, hostile.bytes(), hostile.requests() as u64)
}

#[test]
fn a_streamed_answer_is_bounded_in_each_of_its_parts() {
    let rows = format!(r#"{HEAD}{{"columns":["a"],"rows":[[1],"#);
    let after = format!(r#"{rows}[2]]}},"#);
    // How many of the rows before the offence are given depends on the pieces in which they come.
    for (name, start, more, before) in [
        ("a row", format!("{rows}[\""), "aaaaaaaa", 1),
        ("a row of rows", format!("{rows}["), "[[],[]],", 1),
        ("a deep row", rows.clone(), "[[[[", 1),
        ("what is around the rows", after.clone(), r#""a":[],"#, 2),
        ("a text around the rows", format!("{after}\"messages\":[\""), "aaaaaaaa", 2),
        ("no rows", String::new(), "aaaaaaaa", 0),
        ("deep", String::new(), "[{", 0),
        ("no row's place", rows.clone(), "1,2,3,", 1),
    ] {
        let (read, rows, bytes, requests) = streamed(start, more);
        assert!(bytes < LARGE * requests, "{name}: {bytes} bytes in {requests} answers");
        assert!(rows <= before, "{name}: {rows} rows");
        assert!(matches!(&read, Err(SendError::Oversized(_))), "{name}: {read:?}");
    }
}

#[test]
fn a_row_has_as_many_values_as_there_are_columns() {
    for results in [r#"{"columns":["a"],"rows":[[1],[1,2]]}"#, r#"{"columns":["a","b"],"rows":[[1]]}"#] {
        let sent = sent("SELECT 1", result(results, "{}"));
        assert!(matches!(&sent, Err(SendError::Unknown(_))), "{sent:?}");
    }
    let columns = vec![r#""a""#; 100_000].join(",");
    let sent = sent("SELECT 1", result(&format!(r#"{{"columns":[{columns}],"rows":[]}}"#), "{}"));
    assert!(matches!(&sent, Err(SendError::Unknown(_))), "{:?}", sent.map(drop));
}

#[test]
fn depth_is_no_stack() {
    for deep in ["[", "{\"a\":"] {
        let answer = format!("{HEAD}{{\"columns\":[\"a\"],\"rows\":[[{}", deep.repeat(1 << 20));
        let sent = sent("SELECT 1", answer);
        assert!(matches!(&sent, Err(SendError::Unknown(_))), "{sent:?}");
    }
}

#[test]
fn counts_of_any_size_are_counts() {
    for count in ["18446744073709551615", "-1", "1.5", "1e300", "null", "99999999999999999999999999"] {
        let meta = format!(r#"{{"rows_written":{count},"size_after":{count},"changes":{count},"rows_read":{count}}}"#);
        let one = format!(r#"{{"results":{{"columns":["a"],"rows":[[1]]}},"meta":{meta}}}"#);
        let answer = format!(r#"{{"success":true,"result":[{one},{one}]}}"#);
        let (_hostile, client) = cloud(move |_, victim| victim.body("200 OK", answer.as_bytes()));
        let both = || [Statement::new("SELECT 1"), Statement::new("SELECT 2")];
        let sent = ends(move || client.send(&both()).and_then(|_| client.send(&both())).map(|results| results.len()));
        assert_eq!(sent.unwrap(), 2, "{count}");
    }
}

#[test]
fn a_wait_of_any_length_is_no_panic() {
    for wait in ["18446744073709551615", "99999999999999999999999999", "9223372036854775807"] {
        let head = format!("429 Too Many\r\nRetry-After: {wait}\r\nContent-Length: 0\r\n");
        let (hostile, client) = cloud(move |_, victim| victim.answer(&head, b""));
        let sent = ends(move || client.send_idempotent(&[Statement::new("SELECT 1")]).map(drop));
        assert!(matches!(sent, Err(SendError::NotApplied { .. })), "{sent:?}");
        assert_eq!(hostile.requests(), 1, "it is not asked again before its time");
    }
}

/// The cloud does what it is asked; of one commit it says more than anybody can hear.
#[test]
fn a_commit_whose_answer_is_too_large_is_asked_for_and_not_taken_for_refused() {
    let cloud = TestCloud::embedded();
    let (folder, database) = (Folder::new(), cloud.create_database());
    let host = database.api.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let armed = std::sync::Arc::new(AtomicBool::new(false));
    let hostile = Hostile::start({
        let armed = std::sync::Arc::clone(&armed);
        move |request, victim| {
            let mut request = request.clone();
            request.head += "Connection: close\r\n";
            let answer = request.exchange(&host)?;
            let is_commit = String::from_utf8_lossy(&request.body).contains("INSERT INTO _lf_commit");
            if is_commit && armed.swap(false, Ordering::Relaxed) {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                return victim.endless("200 OK", &text, "        ");
            }
            answer.write(victim)
        }
    });
    let path = database.api.strip_prefix("http://").unwrap();
    let path = &path[path.find('/').unwrap_or(path.len())..];
    let near = DbRef { api: format!("{}{path}", hostile.url()), ..database.clone() };
    let connection = open(&folder.attach("app.db", settings(&near)));
    connection.execute_batch("CREATE TABLE t(id INTEGER PRIMARY KEY, v)").unwrap();
    armed.store(true, Ordering::Relaxed);
    connection.execute_batch("INSERT INTO t(v) VALUES ('once')").unwrap();
    assert!(!armed.load(Ordering::Relaxed), "the commit's answer was the large one");
    assert_eq!(database.rows("SELECT count(*) FROM t")[0][0], 1);
    assert_eq!(dump(&connection), dump(&open(&folder.attach("other.db", settings(&database)))));
}

/// Whoever may write to D1 may write any number there.
#[test]
fn a_log_at_the_end_of_all_numbers_is_an_error_and_no_panic() {
    for seq in ["9223372036854775807", "9223372036854775806"] {
        let cloud = TestCloud::embedded();
        let (folder, database) = (Folder::new(), cloud.create_database());
        open(&folder.attach("first.db", settings(&database))).execute_batch("CREATE TABLE t(v)").unwrap();
        database.rows(&format!("UPDATE _lf_commit SET seq={seq} WHERE seq=(SELECT max(seq) FROM _lf_commit)"));
        database.rows("INSERT OR REPLACE INTO _lf_state(key,value) VALUES ('user_version', 9223372036854775807)");
        let path = folder.attach("app.db", settings(&database));
        let said = ends(move || {
            let connection = rusqlite::Connection::open(&path).map_err(|error| error.to_string())?;
            let rows = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(|e| e.to_string());
            rows("SELECT count(*) FROM t")?;
            let _ = connection.execute_batch("INSERT INTO t VALUES (1)"); // refused, or not
            rows("SELECT count(*) FROM t")
        });
        assert!(!said.as_ref().is_err_and(|error| error.contains("panic")), "{said:?}");
    }
}
