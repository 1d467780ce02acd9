//! What others do while a transfer runs: it is told, or refused, and never half of it is taken.

use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

use liteflare::r2::PutMode;
use serde_json::Value;

use super::root::{Root, dump};
use super::world::{World, one_line};
use crate::support::clouds;
use crate::support::{Folder, open, settings};

/// Starts the command on a slow bucket, and returns in the midst of it: after `count` requests with this method.
fn midst(world: &World, arguments: &[&str], method: &str, count: usize) -> Child {
    let before = world.r2.count(method);
    world.r2.delay(Duration::from_millis(60));
    let mut command = world.command(arguments);
    let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while world.r2.count(method) < before + count {
        std::thread::sleep(Duration::from_millis(1));
    }
    process
}

#[test]
fn an_export_is_of_one_commit_and_tells_what_came_and_went() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 80, 21);
        world.succeed(&["import", "root"]);
        let process = midst(&world, &["export", "back", "--root", "root", "--json"], "GET", 20);

        let folder = Folder::new();
        let application = open(&folder.attach(&format!("{}.db", world.database.database), settings(&world.database)));
        application.execute_batch("UPDATE boards SET board_name = 'later'").unwrap();
        let bucket = world.bucket.client();
        bucket.put("images/later.png", vec![1].into(), PutMode::Overwrite).unwrap();
        bucket.delete(&["workflow_thumbnails/flow.webp"]).unwrap(); // the last one that would be fetched

        let done = world.finish(process.wait_with_output().unwrap());
        world.r2.delay(Duration::ZERO);
        assert_eq!(done.code, Some(0), "{done:?}");
        let summary: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(summary["has_gone_on"], true, "{summary}");
        assert_eq!((&summary["appeared"], &summary["vanished"]), (&1.into(), &1.into()), "{summary}");
        assert_eq!(dump(&world.path("back/databases/invokeai.db")), dump(&root.database()));
        assert!(!world.path("back/outputs/images/later.png").exists());
        assert!(!world.path("back/.liteflare-export").exists());
    }
}

#[test]
fn a_file_that_changes_while_files_are_sent_ends_the_import() {
    for cloud in clouds() {
        for change in ["change", "vanish"] {
            let world = World::new(&cloud);
            let root = Root::new(world.path("root"), 80, 22);
            let process = midst(&world, &["import", "root"], "PUT", 10);
            let last = root.path.join("workflow_thumbnails/flow.webp");
            match change {
                "change" => fs::write(&last, "other").unwrap(),
                _ => fs::remove_file(&last).unwrap(),
            }
            let mut done = world.finish(process.wait_with_output().unwrap());
            world.r2.delay(Duration::ZERO);
            done.err = done.err.lines().filter(|line| !line.starts_with("sending rows")).collect::<Vec<_>>().join("\n");
            let line = one_line(&done);
            assert!(line.contains("flow.webp changed while it was read: stop the application first"), "{line}");
            // It goes on when it is started again, with the files as they are then.
            world.succeed(&["import", "root"]);
            assert!(world.verify(&["--root", "root"])["equal"] == true);
        }
    }
}

#[test]
fn a_writer_during_an_import_ends_it() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 20, 23);
        root.sql("CREATE TABLE bulk(x); WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 200) INSERT INTO bulk SELECT zeroblob(100000) FROM s");
        world.d1.delay(Duration::from_millis(100));
        let mut command = world.command(&["import", "root"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while world.d1.requests() < 8 {
            assert!(process.try_wait().unwrap().is_none(), "it has ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        let row = "INSERT INTO _lf_commit SELECT max(seq) + 1, 'other', '', 'other', '{\"all\":true}' FROM _lf_commit";
        world.write_d1(row);
        let line = one_line(&world.finish(process.wait_with_output().unwrap()));
        world.d1.delay(Duration::ZERO);
        assert!(line.contains("another program writes to the D1 database"), "{line}");
        world.succeed(&["import", "root"]);
        assert!(world.verify(&["--db", "root/databases/invokeai.db", "--root", "root"])["equal"] == true);
    }
}
