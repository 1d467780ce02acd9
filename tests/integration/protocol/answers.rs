//! Whatever answer a commit gets, before or after D1 has carried it out: the application is told what happened to its transaction, and
//! one's own commit is never taken for a rival's.

use std::time::Duration;

use crate::support::{Answer, App, Fault, clouds, values};

/// The request of a commit.
const COMMIT: &str = "INSERT INTO _lf_commit";
/// The question what became of it.
const QUESTION: &str = "FROM _lf_commit WHERE txn";

/// What an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nothing was applied, and it is no use to try again.
    Refused,
    /// Nothing was applied, and another time it will be.
    Later,
    /// It may have been applied.
    Unknown,
}
use Kind::{Later, Refused, Unknown};

/// D1's answers: kind, HTTP status, code (0: HTML), message. Collected in `docs/D1.md`.
const ANSWERS: &[(Kind, u16, u64, &str)] = &[
    (
        Refused,
        400,
        7500,
        "D1_ERROR: UNIQUE constraint failed: t.id: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_PRIMARYKEY)",
    ),
    (Refused, 400, 7500, "no such table: t: SQLITE_ERROR"),
    (Refused, 400, 7500, "statement too long: SQLITE_TOOBIG"),
    (Refused, 400, 7500, "The prepared SQL statement must contain only one statement"),
    (Refused, 400, 7500, "Exceeded maximum DB size"),
    (Refused, 400, 7500, "Your account has exceeded D1's free tier daily row write limit"),
    (Refused, 400, 7500, "Your account has exceeded D1's free tier daily row read limit"),
    (Refused, 400, 7500, "Your account has reached D1's maximum account storage limit"),
    (Refused, 400, 7500, "Too many API requests by single Worker invocation."),
    (Refused, 400, 7400, "The request is malformed"),
    (Refused, 400, 7003, "Could not route to that path"),
    (Refused, 400, 6003, "Invalid request headers"),
    (Refused, 403, 9109, "Unauthorized to access requested resource"),
    (Refused, 401, 10000, "Authentication error"),
    (Refused, 403, 7403, "The given account is not valid or is not authorized to access this service"),
    (Refused, 404, 7404, "The database could not be found"),
    (Refused, 403, 0, "<html>Attention Required! | Cloudflare</html>"),
    (Refused, 413, 0, "<html>413 Request Entity Too Large</html>"),
    (
        Later,
        429,
        971,
        "Please wait and consider throttling your request speed: more than 1200 requests per 300 seconds",
    ),
    (Later, 400, 7500, "Currently processing a long-running export."),
    (Later, 400, 7500, "Currently processing a long-running import."),
    (Unknown, 429, 7429, "D1 DB storage operation exceeded timeout which caused object to be reset."),
    (Unknown, 429, 7429, "D1 DB exceeded its CPU time limit and was reset."),
    (Unknown, 429, 7429, "D1 DB is overloaded. Requests queued for too long."),
    (Unknown, 400, 7500, "D1 DB's isolate exceeded its memory limit and was reset."),
    (Unknown, 400, 7500, "Network connection lost."),
    (Unknown, 400, 7500, "internal error; reference = abcdefgh"),
    (Unknown, 400, 7500, "D1 DB reset because its code was updated."),
    (Unknown, 400, 7500, "Internal error while starting up D1 DB storage caused object to be reset."),
    (Unknown, 400, 7500, "Cannot resolve D1 DB due to transient issue on remote node."),
    (Unknown, 400, 7500, "Can't read from request stream because client disconnected."),
    (Unknown, 400, 7500, "Replica disconnected from primary."),
    (Unknown, 400, 7500, "Upstream service unavailable."),
    (Unknown, 500, 7500, "internal error; reference = abcdefgh"),
    (Unknown, 503, 0, "<html>Worker exceeded resource limits (1102)</html>"),
    (Unknown, 504, 0, "upstream request timeout"),
    (Unknown, 400, 7999, "words that nobody has heard"),
];

fn answer(status: u16, code: u64, message: &str) -> Answer {
    let envelope = serde_json::json!({ "success": false, "errors": [{ "code": code, "message": message }], "messages": [], "result": [] });
    let body = if code == 0 { message.to_owned() } else { envelope.to_string() };
    Answer { status, body: body.leak() }
}

#[test]
fn each_answer_is_told_as_what_it_is() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let mut expected = vec!["first".to_owned()];
        for &(kind, status, code, message) in ANSWERS {
            let said = answer(status, code, message);
            let value = format!("{status} {message}");
            app.relay.matching(COMMIT, 1, Fault::Says(said));
            let done = app.insert(&value);
            assert_eq!(done.is_ok(), kind != Refused, "before it was applied, {status} {message}: {done:?}");
            expected.extend(done.ok().map(|()| value.clone()));
            // What is refused was, by that, not applied.
            if kind != Refused {
                app.relay.matching(COMMIT, 1, Fault::DoneButSays(said));
                app.insert(&value).unwrap_or_else(|error| panic!("after it was applied, {status} {message}: {error}"));
                expected.push(value);
            }
            app.relay.heal();
        }
        app.holds(&expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

#[test]
fn a_request_delivered_twice_is_one_commit_and_no_conflict() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let sibling = app.sibling();
        sibling.execute_batch("BEGIN").unwrap();
        assert_eq!(values(&sibling), ["first"]);
        for value in ["second", "third"] {
            app.relay.matching(COMMIT, 1, Fault::Twice);
            app.insert(value).unwrap();
        }
        assert_eq!(values(&sibling), ["first"], "an open transaction keeps what it saw");
        sibling.execute_batch("COMMIT").unwrap();
        app.holds(&["first", "second", "third"]);
    }
}

/// The first copy arrives after the question, so that the one sent then meets it; or after that one.
#[test]
fn a_request_that_arrives_late_is_one_commit_and_no_conflict() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        for (after, value) in [(1, "after the question"), (2, "after the second request")] {
            app.relay.matching(COMMIT, 1, Fault::Late { after });
            app.insert(value).unwrap();
        }
        // Of the second there was nobody left to tell.
        app.insert("last").unwrap();
        app.holds(&["first", "after the question", "after the second request", "last"]);
    }
}

/// Between the doubled request's copies, another process commits: one's own commit is there, with a rival's behind it.
#[test]
fn ones_own_commit_is_found_below_a_rivals() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let rival = app.other("rival.db");
        app.relay.matching(COMMIT, 1, Fault::DropAnswer);
        app.relay.before(QUESTION, move || {
            rival.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
            // It is behind: the first try fails, and refreshes it.
            let _ = rival.execute("INSERT INTO t(v) VALUES ('rival')", []).unwrap_err();
            rival.execute("INSERT INTO t(v) VALUES ('rival')", []).unwrap();
        });
        app.insert("own").unwrap();
        app.insert("next").unwrap();
        app.holds(&["first", "own", "rival", "next"]);
    }
}

/// An ALTER is planned once more after a refusal. Should the first plan have arrived all the same, the second one meets it.
#[test]
fn a_second_plan_that_meets_the_first_is_one_commit() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let said = answer(400, 7500, "D1_ERROR: near \"x\": syntax error: SQLITE_ERROR");
        app.relay.matching("ALTER TABLE", 1, Fault::DoneButSays(said));
        app.connection.execute_batch("ALTER TABLE t ADD COLUMN w").unwrap();
        app.insert("second").unwrap();
        app.holds(&["first", "second"]);
    }
}

/// Nothing tells whether D1 has it: the question is refused as well.
#[test]
fn a_rival_is_told_of_only_when_the_log_was_asked() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.timeout = Duration::from_secs(2));
        let rival = app.other("rival.db");
        rival.execute("INSERT INTO t(v) VALUES ('rival')", []).unwrap();
        app.relay.matching(QUESTION, 1, Fault::Status(503));
        let before = app.relay.requests();
        assert_eq!(app.insert("late").unwrap_err(), "database is locked");
        assert!(app.relay.requests() - before >= 3, "the commit, and the question twice");
        app.insert("again").unwrap();
        app.holds(&["first", "rival", "again"]);
    }
}
