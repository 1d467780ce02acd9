//! What `verify` must find: each kind of difference, by name, and no other.

use liteflare::r2::PutMode;
use serde_json::Value;

use super::root::Root;
use super::world::World;
use crate::support::clouds;

/// A change to D1 behind liteflare's back (its log does not show it), and what is told of it.
const CHANGES: [(&str, &str, &str); 9] = [
    (
        "UPDATE images SET width = 64.5 WHERE rowid = 3",
        "table images, rowid 3",
        "column width: a real on D1, an integer here",
    ),
    (
        "UPDATE images SET metadata = CAST(metadata AS BLOB) WHERE rowid = 5",
        "table images, rowid 5",
        "column metadata: a blob",
    ),
    (
        "UPDATE images SET metadata = upper(metadata) WHERE rowid = 6",
        "table images, rowid 6",
        "column metadata: another value",
    ),
    ("DELETE FROM board_images WHERE rowid = 2", "table board_images, rowid 2", "only in the file"),
    ("INSERT INTO app_settings(rowid, key, value) VALUES (77, 'k', 'v')", "table app_settings, rowid 77", "only on D1"),
    ("UPDATE boards SET rowid = 1000 WHERE rowid = 1", "table boards, rowid 1000", "only on D1"),
    ("UPDATE sqlite_sequence SET seq = 9 WHERE name = 'session_queue'", "table session_queue", "AUTOINCREMENT counter"),
    ("CREATE INDEX extra ON images(width)", "index extra", "only on D1"),
    ("DROP INDEX idx_images_starred", "index idx_images_starred", "only in the file"),
];

#[test]
fn each_kind_of_difference_between_a_file_and_d1_is_found() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        Root::new(world.path("root"), 20, 11);
        world.succeed(&["import", "root"]);
        let verify = || world.verify(&["--db", "root/databases/invokeai.db", "--root", "root"]);
        let mut before = 0;
        for (sql, place, problem) in CHANGES {
            // Not silenced: the application's triggers on D1 would add changes of their own.
            world.write_d1("UPDATE _lf_state SET value = 1 WHERE key = 'replaying'");
            world.write_d1(sql);
            world.write_d1("UPDATE _lf_state SET value = 0 WHERE key = 'replaying'");
            let report = verify();
            assert!(told(&report["file"], place, problem), "{sql}: {report}");
            // The row that moved is missing at its old place too.
            before += if sql.contains("SET rowid") { 2 } else { 1 };
            assert_eq!(report["file"]["count"], before, "{sql}: {report}");
            assert_eq!(report["replica"]["count"], 0, "a replica made now has it too: {report}");
        }
        let done = world.run(&["verify", "--db", "root/databases/invokeai.db", "--root", "root"]);
        assert_eq!(done.code, Some(1));
        assert!(done.out.contains("the file and D1: 10 differences"), "{done:?}");
        assert!(done.err.contains("10 differences were found"), "{done:?}");
    }
}

#[test]
fn many_differences_are_counted_and_a_few_are_told() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 300, 12);
        world.succeed(&["import", "root"]);
        root.sql("UPDATE images SET height = height + 1; DELETE FROM board_images WHERE rowid > 100");
        let report = world.verify(&["--db", "root/databases/invokeai.db"]);
        assert_eq!(report["file"]["count"], 350);
        assert_eq!(report["file"]["first"].as_array().unwrap().len(), 20);
    }
}

#[test]
fn dangling_references_and_objects_without_rows_are_found() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        Root::new(world.path("root"), 20, 13);
        world.succeed(&["import", "root"]);
        let bucket = world.bucket.client();
        bucket.put("images/stray.png", vec![1].into(), PutMode::Overwrite).unwrap();
        bucket.put("images/.delete_x/manifest.json", vec![1].into(), PutMode::Overwrite).unwrap();
        bucket.delete(&["videos/v.mp4", "videos/sidecars/v.json", "style_presets/preset.webp"]).unwrap();
        let report = world.verify(&["--root", "root"]);
        // What a row may have and needs not is not missed.
        assert_eq!(report["media"]["count"], 2, "{report}");
        assert!(told(&report["media"], "object images/stray.png", "no row of images needs it"), "{report}");
        assert!(told(&report["media"], "object videos/v.mp4", "it is missing, a row of videos needs it"), "{report}");
    }
}

fn told(differences: &Value, place: &str, problem: &str) -> bool {
    let is = |difference: &Value| {
        difference["place"] == place && difference["problem"].as_str().unwrap().starts_with(problem)
    };
    differences["first"].as_array().unwrap().iter().any(is)
        || differences["first"]
            .as_array()
            .unwrap()
            .iter()
            .any(|difference| difference["place"] == place && difference["problem"].as_str().unwrap().contains(problem))
}
