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

/// D1 takes rows past a CHECK where somebody says so. Here nothing computes it: not the writer of a replica, and not SQLite's own checks
/// either, since a connection that only reads has no CHECKs.
#[test]
fn a_check_that_wants_gigabytes_does_no_harm() {
    let checks = [
        "length(hex(zeroblob(1000000000+x)))>0",
        "length(randomblob(1000000000+x))>0",
        "printf('%.*c', 1000000000, x)>''",
    ];
    for cloud in clouds() {
        for door in ALL {
            let attack = checks.iter().enumerate().flat_map(|(number, check)| {
                let insert = format!("INSERT INTO bomb{number} VALUES (1), (2)");
                [format!("CREATE TABLE bomb{number}(x, CHECK ({check}))"), insert]
            });
            let attack: Vec<Statement> = std::iter::once("PRAGMA ignore_check_constraints=on".to_owned())
                .chain(attack)
                .map(Statement::new)
                .collect();
            let scene = Scene::new(&cloud);
            assert_eq!(scene.enter(door, &attack), None, "{door:?}");
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
