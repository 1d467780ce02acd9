//! A root to the cloud and back: equal row by row and byte by byte, and how many requests that takes.

use std::fs;
use std::os::unix::fs::symlink;

use liteflare::r2::PutMode;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rusqlite::Connection;

use super::root::{Root, dump, media};
use super::world::{World, files};
use crate::support::{Fault, clouds};

#[test]
fn a_root_with_500_images_goes_there_and_comes_back_equal() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 500, 1);
        root.file("outputs/images/large.png", 20_000_000, &mut StdRng::seed_from_u64(2)); // sent in three parts
        root.file("outputs/images/thumbnails/large.webp", 10, &mut StdRng::seed_from_u64(2));
        root.file("outputs/images/empty", 0, &mut StdRng::seed_from_u64(2));
        root.sql("INSERT INTO images(image_name, image_origin, image_category, width, height) VALUES ('large.png', '', '', 1, 1)");
        let before = files(&root.path);

        let summary = world.succeed(&["import", "root"]);
        assert_eq!(files(&root.path), before, "the local root is untouched");
        let expected = media(&root.path);
        assert_eq!(summary["files"], expected.len());
        assert_eq!(summary["files_sent"], expected.len());
        assert_eq!(summary["rows"], summary["rows_sent"]);
        // What it says it has asked is what arrived.
        // (A database that is given by its name is looked up first; the relay counts queries only.)
        let look_up = usize::from(uuid::Uuid::parse_str(&world.database.database).is_err());
        assert_eq!(summary["requests"]["d1"], world.d1.requests() + look_up);
        assert_eq!(summary["requests"]["r2"], world.r2.requests());
        assert!(world.d1.requests() <= 12, "{} requests to D1", world.d1.requests());
        // Each file one put, the large one three parts and two more; the rest lists and looks for a prefix.
        assert_eq!(world.r2.count("PUT") + world.r2.count("POST"), expected.len() - 1 + 5);

        let report = world.verify(&["--db", "root/databases/invokeai.db", "--root", "root"]);
        assert_eq!(report["replica"]["count"], 0, "{report}");
        assert_eq!(report["file"]["count"], 0, "{report}");
        // The file that no row needs.
        assert_eq!(report["media"]["count"], 1, "{report}");
        assert!(report["media"].to_string().contains("images/empty"));

        let summary = world.succeed(&["export", "back", "--root", "root"]);
        assert_eq!(summary["files_fetched"], expected.len());
        assert_eq!(media(&world.path("back")), expected);
        assert_eq!(dump(&world.path("back/databases/invokeai.db")), dump(&root.database()));
        let names: Vec<String> = files(&world.path("back")).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names.len(), expected.len() + 1, "nothing of ours is left in an export: {names:?}");
        for meta in world.bucket.client().list("images").unwrap() {
            let path = world.path("back/outputs").join(&meta.key);
            assert_eq!(path.metadata().unwrap().modified().unwrap(), meta.modified, "{}", meta.key);
        }
        // Plain SQLite takes it, and so does a second import, which finds everything there.
        let plain = Connection::open(world.path("back/databases/invokeai.db")).unwrap();
        assert_eq!(plain.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
        drop(plain);
        let sent = world.r2.count("PUT") + world.r2.count("POST");
        let again = world.succeed(&["import", "back"]);
        assert_eq!((&again["rows_sent"], &again["files_sent"]), (&0.into(), &0.into()));
        assert_eq!(world.r2.count("PUT") + world.r2.count("POST"), sent);
    }
}

#[test]
fn what_the_wal_holds_is_part_of_the_database() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 3, 1);
        // A process that was killed: its WAL stays.
        let wal = {
            let connection = Connection::open(root.database()).unwrap();
            connection.execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE boards SET board_name = 'x'; INSERT INTO boards(board_id, board_name) VALUES ('wal', 'w')").unwrap();
            let copies = ["", "-wal"].map(|suffix| fs::read(format!("{}{suffix}", root.database().display())).unwrap());
            drop(connection);
            copies
        };
        fs::write(root.database(), &wal[0]).unwrap();
        fs::write(format!("{}-wal", root.database().display()), &wal[1]).unwrap();
        let before = files(&root.path);
        world.succeed(&["import", "root"]);
        assert_eq!(files(&root.path), before, "no -shm, no checkpoint");
        assert_eq!(world.database.rows("SELECT board_name FROM boards WHERE board_id = 'wal'")[0][0], "w");
    }
}

#[test]
fn replace_deletes_what_is_there_and_nothing_beside_the_prefixes() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        Root::new(world.path("old"), 20, 3);
        Root::new(world.path("new"), 10, 4);
        world.succeed(&["import", "old"]);
        let bucket = world.bucket.client();
        bucket.put("elsewhere/file", vec![1].into(), PutMode::Overwrite).unwrap();
        let line = world.fail(&["import", "new"]);
        assert!(line.contains("the D1 database is not empty") && line.contains("--replace"), "{line}");
        let summary = world.succeed(&["import", "new", "--replace"]);
        assert!(summary["objects_deleted"].as_u64().unwrap() >= 40, "{summary}");
        let report = world.verify(&["--db", "new/databases/invokeai.db", "--root", "new"]);
        assert_eq!(report["equal"], true, "{report}");
        assert_eq!(bucket.get("elsewhere/file").unwrap().0.to_vec(), [1]);
        let expected = media(&world.path("new")).len();
        assert_eq!(bucket.list("").unwrap().len(), expected + 1);
    }
}

#[test]
fn links_are_followed() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 3, 14);
        let expected = media(&root.path);
        // The media are on another disk, and one file is elsewhere.
        fs::rename(root.path.join("outputs"), world.path("disk")).unwrap();
        symlink(world.path("disk"), root.path.join("outputs")).unwrap();
        fs::rename(root.path.join("workflow_thumbnails/flow.webp"), world.path("picture")).unwrap();
        symlink("../../picture", root.path.join("workflow_thumbnails/flow.webp")).unwrap();
        world.succeed(&["import", "root", "--follow-links"]);
        assert!(world.verify(&["--root", "root"])["equal"] == true);
        world.succeed(&["export", "back", "--root", "root"]);
        assert_eq!(media(&world.path("back")), expected);
    }
}

#[test]
fn answers_that_get_lost_change_nothing() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 30, 15);
        root.file("outputs/videos/long.mp4", 20_000_000, &mut StdRng::seed_from_u64(3));
        root.sql("INSERT INTO videos(video_name, video_origin, video_category, width, height) VALUES ('long.mp4', '', '', 1, 1)");
        for needle in ["CREATE TABLE images", "INSERT OR ABORT", "DELETE FROM _lf_state"] {
            world.d1.matching(needle, 1, Fault::DropAnswer);
        }
        for (method, path) in [("PUT", "images/"), ("POST", "uploadId"), ("PUT", "partNumber=2"), ("GET", "list-type")]
        {
            world.r2.on(method, path, 1, Fault::HalfAnswer);
        }
        world.succeed(&["import", "root"]);
        assert!(world.verify(&["--db", "root/databases/invokeai.db", "--root", "root"])["equal"] == true);
        for path in ["images/", "long.mp4"] {
            world.r2.on("GET", path, 1, Fault::HalfAnswer);
        }
        world.succeed(&["export", "back", "--root", "root"]);
        assert_eq!(media(&world.path("back")), media(&root.path));
    }
}

#[test]
fn without_a_bucket_the_files_stay() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 3, 5);
        let run = |arguments: &[&str]| {
            let done = world.finish(world.command(arguments).env_remove("LITEFLARE_R2_BUCKET").output().unwrap());
            assert_eq!(done.code, Some(0), "{done:?}");
            done.out
        };
        assert!(run(&["import", "root"]).contains("no bucket is set"));
        assert!(run(&["verify"]).contains("no bucket is set"));
        assert!(run(&["export", "back"]).contains("no bucket is set"));
        assert_eq!(world.r2.requests(), 0);
        assert_eq!(dump(&world.path("back/databases/invokeai.db")), dump(&root.database()));
    }
}
