//! The comparison bites: without a rule, a transaction that needs it ends in a refusal or in two different databases.

use super::world::World;
use crate::plan::ablation::{OFF, Rule};

/// Runs the setup, then the transaction with and without the rule.
fn needs(rule: Rule, setup: &str, sql: &str) {
    let mut world = World::with("PRAGMA foreign_keys=off");
    world.commit(setup);
    OFF.set(Some(rule));
    let without = world.try_commit(sql);
    OFF.set(None);
    assert!(without.is_err(), "{rule:?} is not needed for {sql}");
    let mut world = World::with("PRAGMA foreign_keys=off");
    world.commit(setup);
    world.commit(sql);
}

const FAMILY: &str = "CREATE TABLE p(id INTEGER PRIMARY KEY, u UNIQUE); CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE);
    CREATE TABLE g(c NOT NULL REFERENCES c ON DELETE SET NULL); INSERT INTO p VALUES(1,1),(2,2); INSERT INTO c VALUES(1,1),(2,2); INSERT INTO g VALUES(1)";

#[test]
fn the_closure_is_needed() {
    needs(Rule::Closure, FAMILY, "UPDATE p SET u=5 WHERE id=1");
    needs(Rule::Closure, FAMILY, "DELETE FROM p WHERE id=2");
    needs(Rule::Closure, FAMILY, "DROP TABLE p; CREATE TABLE p(id INTEGER PRIMARY KEY, n)");
}

#[test]
fn deleting_rows_with_changed_unique_values_first_is_needed() {
    let setup = "CREATE TABLE t(id INTEGER PRIMARY KEY, u UNIQUE, act, g AS (act*2) UNIQUE); INSERT INTO t VALUES(1,1,1),(2,2,2);
        CREATE TABLE q(a, act); CREATE UNIQUE INDEX qi ON q(a) WHERE act=1; INSERT INTO q VALUES(1,0),(1,1)";
    needs(Rule::Unique, setup, "UPDATE t SET u=-u; UPDATE t SET u=3+u");
    needs(Rule::OpaqueUnique, setup, "UPDATE t SET act=-act; UPDATE t SET act=3+act");
    needs(
        Rule::OpaqueUnique,
        setup,
        "UPDATE q SET act=2 WHERE rowid=2; UPDATE q SET act=1 WHERE rowid=1; UPDATE q SET act=0 WHERE rowid=2",
    );
}

#[test]
fn counters_and_emptied_parents_are_needed() {
    let setup = "CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO a VALUES(5)";
    needs(Rule::Sequence, setup, "INSERT INTO a VALUES(9); DELETE FROM a WHERE id=9");
    needs(Rule::EmptyDropped, FAMILY, "DROP TABLE p");
}

#[test]
fn a_parent_whose_own_parent_is_gone_is_emptied_too() {
    let orphaned = || {
        let mut world = World::with("PRAGMA foreign_keys=off");
        world.commit(
            "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p);
             CREATE TABLE n(c REFERENCES c ON DELETE CASCADE); INSERT INTO p VALUES(1); INSERT INTO c VALUES(1,1)",
        );
        world.commit("DROP TABLE p");
        world
    };
    OFF.set(Some(Rule::EmptyDropped));
    let without = orphaned().try_commit("INSERT INTO n VALUES(1); DROP TABLE c");
    OFF.set(None);
    assert!(without.is_err());
    orphaned().commit("INSERT INTO n VALUES(1); DROP TABLE c");
}

#[test]
fn comparing_all_rows_after_columns_moved_is_needed() {
    // The names say that `a` was dropped and `c` added; the rows say that both columns were renamed.
    let setup = "CREATE TABLE t(a, b); INSERT INTO t VALUES(1,2)";
    needs(Rule::CompareAll, setup, "ALTER TABLE t RENAME b TO c; ALTER TABLE t RENAME a TO b");
}

#[test]
fn guard_and_deferred_keys_are_needed() {
    let setup = "CREATE TABLE t(a); CREATE TABLE log(a); CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES(NEW.a); END;
        CREATE TABLE a(id INTEGER PRIMARY KEY, b REFERENCES b); CREATE TABLE b(id INTEGER PRIMARY KEY, a REFERENCES a)";
    let mut world = World::new();
    world.commit(setup);
    world.replaying = false;
    // The application's log is empty again; a trigger that fires on D1 leaves its row there.
    assert!(world.try_commit("INSERT INTO t VALUES(1); DELETE FROM log").is_err());
    let mut world = World::new();
    world.commit(setup);
    world.deferred = false;
    assert!(
        world.try_commit("PRAGMA defer_foreign_keys=on; INSERT INTO a VALUES(1,1); INSERT INTO b VALUES(1,1)").is_err()
    );
}
