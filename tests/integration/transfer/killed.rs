//! kill -9 of import and export at random moments (a seed is printed), and starting again: the end is equal, and what was finished before is
//! neither sent nor fetched again.

use std::process::{Child, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::root::{Root, dump, media};
use super::world::World;
use crate::support::{TestCloud, clouds, seed};

const KILLS: usize = 4;

/// A root whose rows take some commits.
fn root(world: &World, seed: u64) -> Root {
    let root = Root::new(world.path("root"), 120, seed);
    root.sql(
        "CREATE TABLE bulk(k TEXT, n INTEGER, body BLOB, PRIMARY KEY (k, n)) WITHOUT ROWID;
         WITH s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 4000)
         INSERT INTO bulk SELECT char(97 + i % 26), i, zeroblob(i % 3000) FROM s",
    );
    root
}

impl World {
    fn requests(&self) -> usize {
        self.d1.requests() + self.r2.requests()
    }

    /// Kills the command when it has sent so many requests, if it has not ended before.
    fn kill_after(&self, arguments: &[&str], requests: usize) {
        let before = self.requests();
        let mut command = self.command(arguments);
        let mut process: Child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while self.requests() < before + requests && process.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let _ = process.kill(); // SIGKILL, for nothing if it has ended
        process.wait().unwrap();
        self.wait_until_idle();
        std::fs::remove_dir_all(self.path("tmp")).unwrap();
    }

    /// What was on its way is done, or lost.
    fn wait_until_idle(&self) {
        let mut last = usize::MAX;
        loop {
            let now = self.bucket.client().list("").unwrap().len();
            if now == last {
                return;
            }
            last = now;
            std::thread::sleep(Duration::from_millis(150));
        }
    }

    fn rows_on_d1(&self) -> u64 {
        let tables = self.database.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name <> 'sqlite_sequence'",
        );
        let count =
            |name: &str| self.database.rows(&format!("SELECT count(*) FROM \"{name}\""))[0][0].as_u64().unwrap();
        tables.as_array().unwrap().iter().map(|row| count(row[0].as_str().unwrap())).sum()
    }
}

fn each_cloud(test: impl Fn(&TestCloud, &mut StdRng, u64)) {
    for cloud in clouds() {
        println!("seed {} on {:?}", seed(), cloud.kind);
        test(&cloud, &mut StdRng::seed_from_u64(seed()), seed());
    }
}

#[test]
fn an_import_that_is_killed_again_and_again_ends_equal_and_sends_nothing_twice() {
    each_cloud(|cloud, rng, seed| {
        let world = World::new(cloud);
        let root = root(&world, seed);
        let whole = media(&root.path).len();
        // Commits, then files: a third of the kills in the database, the rest later.
        for kill in 0..KILLS {
            let moment = if kill < 2 { rng.random_range(2..12) } else { rng.random_range(5..whole / 2) };
            world.kill_after(&["import", "root"], moment);
            let present = world.bucket.client().list("").unwrap().len();
            println!("killed after {moment} requests: {} rows, {present} objects", world.rows_on_d1());
            if kill == 1 {
                let line = world.fail(&["verify"]);
                assert!(line.contains("an import into this database was begun and not finished"), "{line}");
                assert!(world.fail(&["export", "back"]).contains("not finished"));
            }
        }
        let (rows, objects) = (world.rows_on_d1(), world.bucket.client().list("").unwrap().len());
        let put_before = world.r2.count("PUT");
        let summary = world.succeed(&["import", "root"]);
        assert_eq!(summary["files_sent"], world.r2.count("PUT") - put_before);
        assert_eq!(summary["rows"].as_u64().unwrap() - summary["rows_sent"].as_u64().unwrap(), rows);
        assert_eq!(summary["files"].as_u64().unwrap() - summary["files_sent"].as_u64().unwrap(), objects as u64);
        let report = world.verify(&["--db", "root/databases/invokeai.db", "--root", "root"]);
        assert_eq!(report["equal"], true, "{report}");
        let keys: Vec<Vec<u8>> = world.objects().into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(keys.len(), whole);
    });
}

#[test]
fn an_import_is_only_gone_on_with_from_the_same_source() {
    each_cloud(|cloud, _, seed| {
        let world = World::new(cloud);
        let root = root(&world, seed);
        world.kill_after(&["import", "root"], 9);
        assert!(world.rows_on_d1() > 0);
        root.sql("UPDATE system_prompts SET rowid = rowid + 100");
        let before = world.d1_state();
        let line = world.fail(&["import", "root"]);
        assert!(line.contains("the D1 database is not empty") && line.contains("another import"), "{line}");
        assert_eq!(world.d1_state(), before);
        world.succeed(&["import", "root", "--replace"]);
        let report = world.verify(&["--db", "root/databases/invokeai.db", "--root", "root"]);
        assert_eq!(report["equal"], true, "{report}");
    });
}

#[test]
fn an_export_that_is_killed_again_and_again_ends_equal_and_fetches_nothing_twice() {
    each_cloud(|cloud, rng, seed| {
        let world = World::new(cloud);
        let root = root(&world, seed);
        world.succeed(&["import", "root"]);
        let expected = media(&root.path);
        for _ in 0..KILLS {
            let moment = rng.random_range(3..expected.len() / 2);
            world.kill_after(&["export", "back", "--root", "root"], moment);
            let there = if world.path("back").exists() { media(&world.path("back")).len() } else { 0 };
            println!("killed after {moment} requests: {there} files");
            assert!(!world.path("back/databases/invokeai.db").exists(), "the database comes last");
        }
        let there = if world.path("back").exists() { media(&world.path("back")).len() } else { 0 };
        let summary = world.succeed(&["export", "back", "--root", "root"]);
        assert_eq!(summary["files_fetched"].as_u64().unwrap(), (expected.len() - there) as u64);
        assert_eq!(media(&world.path("back")), expected);
        assert_eq!(dump(&world.path("back/databases/invokeai.db")), dump(&root.database()));
        assert!(!world.path("back/.liteflare-export").exists());
    });
}
