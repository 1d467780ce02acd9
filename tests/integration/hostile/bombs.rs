//! Expressions that never end, or want gigabytes: legitimate SQL as long as nobody evaluates it. Building and checking a database must
//! not, or must stop in time and name the object.

use liteflare::d1::Statement;

use super::doors::{ALL, Door, Scene};
use crate::support::clouds;

const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n";

/// What SQLite evaluates only on demand: building and checking must not demand it.
#[test]
fn what_is_never_evaluated_while_a_database_is_built_does_no_harm() {
    let attack = [
        format!("CREATE VIEW images AS {ENDLESS}"),
        format!("CREATE VIEW endless AS {ENDLESS}"),
        "CREATE VIEW more AS SELECT * FROM endless JOIN images".to_owned(),
        format!("CREATE TRIGGER at_insert AFTER INSERT ON t BEGIN {ENDLESS}; END"),
        format!("CREATE TRIGGER at_delete BEFORE DELETE ON t WHEN ({ENDLESS}) BEGIN SELECT 1; END"),
        "CREATE TABLE large(x DEFAULT (hex(zeroblob(1000000000))), g AS (hex(zeroblob(1000000000))), \
         h AS (printf('%.*c', 1000000000, 'x')))"
            .to_owned(),
    ];
    for cloud in clouds() {
        for door in ALL {
            // A root's own images are no business of a view.
            let attack = if door == Door::Replace { &attack[1..2] } else { &attack[..] };
            let attack: Vec<Statement> = attack.iter().map(|sql| Statement::new(sql.as_str())).collect();
            let scene = Scene::new(&cloud);
            assert_eq!(scene.enter(door, &attack), None, "{door:?}");
            scene.assert_untouched(&format!("{door:?}"));
        }
    }
}

/// Checks are not evaluated while a database is built, but SQLite's own examination of it evaluates them.
#[test]
fn a_check_that_wants_gigabytes_is_named_and_nothing_else_is_lost() {
    let checks = [
        "length(hex(zeroblob(1000000000+x)))>0",
        "length(randomblob(1000000000+x))>0",
        "printf('%.*c', 1000000000, x)>''",
    ];
    for cloud in clouds() {
        for door in [Door::Open, Door::Refresh, Door::Export, Door::Verify, Door::Replace] {
            for check in checks {
                let attack = [
                    format!("CREATE TABLE bomb(x, CHECK ({check}))"),
                    "PRAGMA ignore_check_constraints=on".to_owned(),
                    "INSERT INTO bomb VALUES (1), (2)".to_owned(),
                ];
                let scene = Scene::new(&cloud);
                let said = scene.enter(door, &attack.map(Statement::new));
                match door {
                    // printf gives NULL where its text would be too large, and with that the check holds.
                    Door::Export | Door::Verify if !check.starts_with("printf") => {
                        let said = said.unwrap_or_else(|| panic!("{door:?}, {check}: nobody can check this table"));
                        assert!(said.contains("table bomb") && said.contains("CHECK"), "{door:?}, {check}: {said}");
                    }
                    _ => assert_eq!(said, None, "{door:?}, {check}"),
                }
            }
        }
    }
}

/// SQLite computes every generated column of a row that it writes. One that was added later has never been computed on D1.
#[test]
fn a_generated_column_that_wants_gigabytes_is_named() {
    let attack = [
        "CREATE TABLE large(x)",
        "INSERT INTO large VALUES (1)",
        "ALTER TABLE large ADD COLUMN g AS (hex(zeroblob(1000000000)))",
    ];
    for cloud in clouds() {
        for door in ALL {
            let scene = Scene::new(&cloud);
            let said = scene.enter(door, &attack.map(Statement::new));
            if door == Door::Replace {
                assert_eq!(said, None, "it is deleted, and never computed");
                continue;
            }
            let said = said.unwrap_or_else(|| panic!("{door:?}: SQLite computes it"));
            assert!(said.contains("\"large\"") && said.contains("generated columns"), "{door:?}: {said}");
        }
    }
}
