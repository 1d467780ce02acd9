//! D1's rows are not those that a replica takes them for, and no log says so: a transaction is refused rather than applied to the wrong
//! rows, and no later one fails for it.

use super::{World, fails_once};
use crate::support::{clouds, dump, open};

#[test]
fn an_update_of_a_row_that_is_gone_is_refused() {
    for cloud in clouds() {
        let world = World::new(&cloud, "INSERT INTO t(v) VALUES ('second')");
        world.edit_silently("DELETE FROM t WHERE id = 1");
        let before = world.on_d1("SELECT * FROM t");
        let both = "UPDATE t SET v = v || '!'";
        let error = world.app.connection.execute(both, []).unwrap_err().to_string();
        assert_eq!(error, "database is locked");
        assert_eq!(world.on_d1("SELECT * FROM t"), before, "nothing of it was applied");
        assert_eq!(world.app.connection.execute(both, []).unwrap(), 1);
        world.app.holds(&["second!"]);
    }
}

#[test]
fn a_delete_of_a_row_that_is_gone_is_refused() {
    for cloud in clouds() {
        let world = World::new(
            &cloud,
            "CREATE TABLE k(a PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO k VALUES ('x', 1), ('y', 2)",
        );
        world.edit_silently("DELETE FROM k WHERE a = 'x'");
        assert_eq!(fails_once(&world.app.connection, "DELETE FROM k"), 1);
        assert_eq!(world.on_d1("SELECT * FROM k"), "[]");
    }
}

#[test]
fn a_rowid_that_is_taken_costs_one_transaction() {
    for cloud in clouds() {
        let world = World::new(&cloud, "");
        world.edit_silently("INSERT INTO t(v) VALUES ('theirs')");
        assert_eq!(world.app.insert("mine").unwrap_err(), "disk I/O error");
        world.app.insert("mine").unwrap();
        world.app.holds(&["first", "theirs", "mine"]);
    }
}

/// A statement that D1 refuses whatever its rows are is not a reason to read all of them again and again.
#[test]
fn what_d1_refuses_again_is_not_read_for_again() {
    for cloud in clouds() {
        let world = World::new(&cloud, "CREATE TABLE u(id INTEGER PRIMARY KEY, x); CREATE TABLE other(y)");
        world.edit_silently("CREATE UNIQUE INDEX _lf_hidden ON u(x)");
        // How often all is read. (The other processes here make it ask for the lease too.)
        let read = |sql: &str| {
            world.app.relay.watch("/raw");
            assert_eq!(world.app.connection.execute(sql, []).unwrap_err().to_string(), "disk I/O error");
            let seen = world.app.relay.seen();
            seen.iter()
                .filter(|seen| String::from_utf8_lossy(&seen.body).contains("CREATE TABLE IF NOT EXISTS _lf_state"))
                .count()
        };
        let twice = "INSERT INTO u(x) VALUES (1), (1)";
        assert_eq!(read(twice), 1, "all is read anew");
        assert_eq!(read(twice), 0);
        assert_eq!(read(twice), 0);
        world.app.insert("and on").unwrap();
        assert_eq!(dump(&world.app.connection), dump(&open(&world.fresh())));
    }
}
