//! A commit too large for one request: it has all of its parts or fails, and leaves none behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{AMPLE, Answer, App, Fault, clouds, dump};
use liteflare::d1::Statement;

/// 4.5 MB: two requests that stage, and one that applies.
const LARGE: &str = "INSERT INTO t(v) WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5) SELECT printf('%.*c', 900000, 'x') FROM s";
/// What only the request that applies the parts has.
const APPLY: &str = "defer_foreign_keys=off";

fn count(app: &App) -> i64 {
    app.connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

fn staged(app: &App) -> u64 {
    app.database.rows("SELECT count(*) FROM _lf_stage")[0][0].as_u64().unwrap()
}

fn is_as_on_d1(app: &App, name: &str) {
    assert_eq!(dump(&app.connection), dump(&app.other(name)));
}

/// As a process of liteflare 0.1.0 whose clock is ahead does it.
const EXPIRED: &str = "DELETE FROM _lf_stage WHERE txn < 'ffffffff'";

#[test]
fn a_commit_whose_parts_are_gone_is_staged_again() {
    for cloud in clouds() {
        for gone in
            [EXPIRED, "DELETE FROM _lf_stage WHERE part = 2", "UPDATE _lf_stage SET payload = '[]' WHERE part = 2"]
        {
            let app = App::with(&cloud, |settings| settings.timeout = AMPLE);
            let database = app.database.clone();
            app.relay.before(APPLY, move || drop(database.rows(gone)));
            app.connection.execute_batch(LARGE).unwrap_or_else(|error| panic!("{gone}: {error}"));
            assert_eq!(count(&app), 6, "{gone}");
            is_as_on_d1(&app, "fresh.db");
            assert_eq!(staged(&app), 0);
        }
    }
}

#[test]
fn a_commit_whose_parts_are_gone_again_and_again_fails_and_nothing_happens() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.timeout = AMPLE);
        let times = Arc::new(AtomicUsize::new(0));
        for _ in 0..5 {
            let (database, times) = (app.database.clone(), times.clone());
            app.relay.before(APPLY, move || {
                database.rows(EXPIRED);
                times.fetch_add(1, Ordering::Relaxed);
            });
        }
        assert_eq!(app.connection.execute_batch(LARGE).unwrap_err().to_string(), "disk I/O error");
        assert!((2..5).contains(&times.load(Ordering::Relaxed)), "it was staged again, and not for ever");
        app.relay.heal();
        assert_eq!((count(&app), staged(&app)), (1, 0));
        app.insert("second").unwrap();
        app.holds(&["first", "second"]);
    }
}

/// A commit of a process that asks for no lease, as the log has it.
const PAST_IT: &str =
    "INSERT INTO _lf_commit SELECT max(seq) + 1, 'rival' || max(seq), '', 'rival', '{}' FROM _lf_commit";

#[test]
fn what_met_a_conflict_or_a_refusal_is_cleared_away() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.timeout = AMPLE);
        // One that does not know of it commits in between.
        let rival = app.database.clone();
        for _ in 0..3 {
            let rival = rival.clone();
            app.relay.before(APPLY, move || drop(rival.rows(PAST_IT)));
            assert_eq!(app.connection.execute_batch(LARGE).unwrap_err().to_string(), "database is locked");
            assert_eq!(staged(&app), 0, "a conflict");
        }
        let no = Answer {
            status: 400,
            body: r#"{"success":false,"errors":[{"code":7500,"message":"no: SQLITE_ERROR"}],"result":[]}"#,
        };
        for needle in [APPLY, "OR REPLACE INTO _lf_stage"] {
            app.relay.matching(needle, 1, Fault::Says(no));
            assert_eq!(app.connection.execute_batch(LARGE).unwrap_err().to_string(), "disk I/O error");
            assert_eq!(staged(&app), 0, "a refusal");
        }
        app.connection.execute_batch(LARGE).unwrap();
        assert_eq!((count(&app), staged(&app)), (6, 0));
        is_as_on_d1(&app, "fresh.db");
    }
}

/// A request that got no answer until the deadline and arrives afterwards finds its parts gone: it cannot happen any more.
#[test]
fn a_staged_commit_that_arrives_after_it_was_given_up_does_not_happen() {
    for cloud in clouds() {
        let app = App::with(&cloud, |settings| settings.timeout = Duration::from_secs(8));
        app.relay.matching(APPLY, 1, Fault::Late { after: 1 });
        app.relay.matching(APPLY, 1000, Fault::Reset);
        app.relay.matching("FROM _lf_commit WHERE txn", 1000, Fault::Reset);
        assert_eq!(app.connection.execute_batch(LARGE).unwrap_err().to_string(), "disk I/O error");
        app.relay.heal();
        app.insert("second").unwrap();
        app.holds(&["first", "second"]);
        assert_eq!(staged(&app), 0);
    }
}

/// How old parts are, D1's clock says. Those whose age nobody has noted (0.1.0 did not) are noted now.
#[test]
fn parts_of_a_writer_that_died_go_after_a_day_by_d1s_clock() {
    for cloud in clouds() {
        let app = App::new(&cloud);
        let put = "INSERT INTO _lf_stage SELECT value->>0, value->>1, CAST(CASE value->>1 WHEN -1 THEN unixepoch() - (value->>2) ELSE 'p' END AS TEXT) FROM json_each(?1)";
        let parts = r#"[["0-old",-1,90000],["0-old",0,0],["0-young",-1,80000],["0-young",0,0],["f-ahead",-1,-999999],["f-ahead",0,0],["0-unknown",0,0]]"#;
        app.database.one(&Statement::with(put, [parts.to_owned()])).unwrap();
        let left = |name: &str| {
            app.other(name);
            let rows = app.database.rows("SELECT txn || ' ' || part FROM _lf_stage ORDER BY txn, part");
            rows.as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let kept = ["0-unknown -1", "0-unknown 0", "0-young -1", "0-young 0", "f-ahead -1", "f-ahead 0"];
        assert_eq!(left("one.db"), kept);
        app.database.rows("UPDATE _lf_stage SET payload = payload - 90000 WHERE part = -1 AND txn = '0-unknown'");
        assert_eq!(left("two.db"), kept[2..]);
    }
}
