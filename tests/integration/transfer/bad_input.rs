//! Whatever is wrong: exit code 1, one line that says what, and nothing is changed, here or on Cloudflare.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use liteflare::r2::PutMode;
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::root::Root;
use super::world::{World, files, one_line};
use crate::support::clouds;

/// A way to spoil a root or a target, and words that the error must have.
type Case = (&'static str, fn(&World, &Root), &'static [&'static str]);

const ROOTS: &[Case] = &[
    (
        "no database",
        |_, root| fs::remove_file(root.database()).unwrap(),
        &["databases/invokeai.db", "no such file", "root folder"],
    ),
    ("another file", |_, root| fs::write(root.database(), "hello").unwrap(), &["is not a SQLite database"]),
    ("an empty file", |_, root| fs::write(root.database(), "").unwrap(), &["is not a SQLite database"]),
    (
        "a marker",
        |_, root| {
            let text = "liteflare: this database lives in Cloudflare D1, not in this file.\nAccount: x\n";
            fs::write(root.database(), text).unwrap();
        },
        &["is on D1 already"],
    ),
    (
        "a hot journal",
        |_, root| fs::write(format!("{}-journal", root.database().display()), [0xd9, 0xd5]).unwrap(),
        &["in the middle of a write", "stop the application first"],
    ),
    (
        "a damaged page",
        |_, root| {
            root.sql("PRAGMA wal_checkpoint(TRUNCATE)");
            let mut bytes = fs::read(root.database()).unwrap();
            let end = bytes.len() - 4096;
            bytes[4096..end].fill(0x55);
            fs::write(root.database(), bytes).unwrap();
        },
        &["is damaged", "restore a backup"],
    ),
    (
        "dangling references",
        |_, root| root.sql("PRAGMA foreign_keys = OFF; DELETE FROM boards"),
        &["table board_images", "rows refer to rows of boards that are not there", "rowid", "foreign_key_check"],
    ),
    (
        "a virtual table",
        |_, root| root.sql("CREATE VIRTUAL TABLE notes USING fts5(body)"),
        &["table notes", "virtual table"],
    ),
    (
        "a check that wants gigabytes",
        |_, root| {
            root.sql(
                "PRAGMA ignore_check_constraints = ON;
                 CREATE TABLE bomb(x, CHECK (length(hex(zeroblob(1000000000+x)))>0)); INSERT INTO bomb VALUES (1)",
            )
        },
        &["table bomb", "CHECK"],
    ),
    (
        "too many columns",
        |_, root| {
            let columns: Vec<String> = (0..101).map(|column| format!("c{column}")).collect();
            root.sql(&format!("CREATE TABLE wide({})", columns.join(",")));
        },
        &["table wide", "101 columns"],
    ),
    (
        "a large value",
        |_, root| root.sql("CREATE TABLE large(v); INSERT INTO large VALUES (zeroblob(2000001))"),
        &["table large", "column v", "2000001 bytes"],
    ),
    ("a name of ours", |_, root| root.sql("CREATE TABLE _lf_commit(x)"), &["table _lf_commit", "another name"]),
    ("a name of Cloudflare's", |_, root| root.sql("CREATE TABLE _cf_x(x)"), &["table _cf_x", "another name"]),
    (
        "a foreign key without its parent",
        |_, root| {
            root.sql(
                "PRAGMA foreign_keys = OFF; CREATE TABLE child(p REFERENCES nobody); INSERT INTO child VALUES (NULL)",
            )
        },
        &["table child", "nobody", "no such table"],
    ),
    (
        "a function that is not SQLite's",
        |_, root| {
            let connection = Connection::open(root.database()).unwrap();
            let flags = FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_UTF8;
            connection.create_scalar_function("my_own", 1, flags, |_| Ok(0)).unwrap();
            connection.execute_batch("CREATE TABLE odd(x); CREATE INDEX odd_x ON odd(my_own(x))").unwrap();
        },
        &["index odd_x", "my_own"],
    ),
    (
        "a name that is not UTF-8",
        |_, root| {
            let name = std::ffi::OsStr::from_bytes(b"a\xff.png");
            fs::write(root.path.join("outputs/images").join(name), "x").unwrap();
        },
        &["outputs/images", "not UTF-8"],
    ),
    (
        "a name with a control character",
        |_, root| fs::write(root.path.join("outputs/images/a\nb.png"), "x").unwrap(),
        &["outputs/images", "control character"],
    ),
    (
        "a dangling link",
        |_, root| symlink("/nowhere/at/all", root.path.join("outputs/images/l.png")).unwrap(),
        &["l.png"],
    ),
    (
        "a link in a circle",
        |_, root| symlink("..", root.path.join("outputs/images/thumbnails/up")).unwrap(),
        &["thumbnails/up", "folder that it is in"],
    ),
];

const TARGETS: &[Case] = &[
    (
        "a table on D1",
        |world, _| world.write_d1("CREATE TABLE mine(x)"),
        &["the D1 database is not empty", "table mine", "--replace"],
    ),
    (
        "an object of the same name",
        |world, _| {
            world.bucket.client().put("workflow_thumbnails/flow.webp", vec![1; 40].into(), PutMode::Overwrite).unwrap();
        },
        &["is not empty", "other bytes than the local files", "workflow_thumbnails/flow.webp", "--replace"],
    ),
    (
        "an object of another name",
        |world, _| {
            world.bucket.client().put("images/other.png", vec![1].into(), PutMode::Overwrite).unwrap();
        },
        &["is not empty", "not among the local files", "images/other.png", "--replace"],
    ),
];

#[test]
fn import_refuses_a_root_before_it_asks_anybody() {
    let cloud = clouds().swap_remove(0); // no request, so any will do
    let world = World::new(&cloud);
    for (name, spoil, words) in ROOTS {
        let root = Root::new(world.path(name), 20, 6);
        spoil(&world, &root);
        let local = if name.contains("UTF-8") || name.contains("link") { Vec::new() } else { files(&root.path) };
        let line = world.fail(&["import", name]);
        assert!(words.iter().all(|word| line.contains(word)), "{name}: {line}");
        assert!(local.is_empty() || files(&root.path) == local, "{name}");
    }
    assert_eq!((world.d1.requests(), world.r2.requests()), (0, 0));
}

#[test]
fn import_refuses_a_target_before_anything_is_changed() {
    for cloud in clouds() {
        for (name, spoil, words) in TARGETS {
            let world = World::new(&cloud);
            let root = Root::new(world.path("root"), 20, 6);
            spoil(&world, &root);
            let before = (world.d1_state(), world.objects());
            let line = world.fail(&["import", "root"]);
            assert!(words.iter().all(|word| line.contains(word)), "{name}: {line}");
            assert_eq!((world.d1_state(), world.objects()), before, "{name}");
        }
    }
}

#[test]
fn a_database_in_use_is_refused() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 3, 7);
        let application = Connection::open(root.database()).unwrap();
        application.execute_batch("UPDATE boards SET board_name = 'open'; SELECT 1").unwrap();
        let line = world.fail(&["import", "root"]);
        assert!(line.contains("is in use by process") && line.contains("stop the application first"), "{line}");
        assert_eq!((world.d1.requests(), world.r2.requests()), (0, 0));
        drop(application);
        world.succeed(&["import", "root"]);
    }
}

#[test]
fn settings_that_are_missing_or_wrong_are_named() {
    let missing = [
        ("CLOUDFLARE_ACCOUNT_ID", None, "CLOUDFLARE_ACCOUNT_ID is not set"),
        ("CLOUDFLARE_API_TOKEN", None, "CLOUDFLARE_API_TOKEN is not set"),
        ("LITEFLARE_D1_DATABASE", None, "LITEFLARE_D1_DATABASE is not set"),
        ("CLOUDFLARE_API_TOKEN", Some("wrong"), "check CLOUDFLARE_API_TOKEN"),
        ("LITEFLARE_D1_DATABASE", Some("00000000-0000-4000-8000-000000000000"), "check LITEFLARE_D1_DATABASE"),
        ("LITEFLARE_R2_BUCKET", Some("no-such-bucket"), "LITEFLARE_R2_BUCKET"),
        ("R2_SECRET_ACCESS_KEY", Some("wrong"), "R2_SECRET_ACCESS_KEY"),
        ("LITEFLARE_R2_PATHS", Some("outputs/images"), "LITEFLARE_R2_PATHS"),
    ];
    for cloud in clouds() {
        let world = World::new(&cloud);
        let root = Root::new(world.path("root"), 3, 8);
        world.succeed(&["import", "root"]);
        let before = (world.d1_state(), world.objects());
        for (name, value, words) in missing {
            for arguments in [&["import", "root"][..], &["export", "back"], &["verify"]] {
                let mut command = world.command(arguments);
                match value {
                    Some(value) => command.env(name, value),
                    None => command.env_remove(name),
                };
                let line = one_line(&world.finish(command.output().unwrap()));
                assert!(line.contains(words), "{name}={value:?} {arguments:?}: {line}");
                assert!(!world.path("back").exists(), "{name}");
            }
        }
        assert_eq!((world.d1_state(), world.objects()), before);
        assert!(root.database().exists());
    }
}

#[test]
fn export_never_writes_over_what_it_has_not_written() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        let line = world.fail(&["export", "back"]);
        assert!(line.contains("is empty: there is nothing to export"), "{line}");
        Root::new(world.path("root"), 5, 9);
        world.succeed(&["import", "root"]);

        fs::create_dir(world.path("full")).unwrap();
        fs::write(world.path("full/mine"), "mine").unwrap();
        assert!(world.fail(&["export", "full"]).contains("is not empty"), "a folder with files");
        assert_eq!(files(&world.path("full")).len(), 1);
        assert!(world.fail(&["export", "full/mine"]).contains("full/mine"), "a file");

        // An unfinished export: what is whole stays, what is not what the bucket holds is in the way.
        world.succeed(&["export", "back"]);
        let image = files(&world.path("back")).into_iter().find(|(name, ..)| name.ends_with(".png")).unwrap().0;
        unfinished(&world, "D1 database x of account y");
        assert!(world.fail(&["export", "back"]).contains("unfinished export of D1 database x"), "of another source");
        let source = format!(
            "D1 database {} of account {} and bucket {} (images, videos, style_presets, workflow_thumbnails, model_images)",
            world.database.database, world.database.account, world.bucket.bucket
        );
        unfinished(&world, &source);
        assert!(world.fail(&["export", "back"]).contains("this export has not written it"), "a database");
        fs::remove_file(world.path("back/databases/invokeai.db")).unwrap();
        let whole = fs::read(world.path("back").join(&image)).unwrap();
        fs::write(world.path("back").join(&image), "mine").unwrap();
        let line = world.fail(&["export", "back"]);
        assert!(line.contains("is in the way") && line.contains(&image), "{line}");
        assert_eq!(fs::read(world.path("back").join(&image)).unwrap(), b"mine");
        fs::write(world.path("back").join(&image), whole).unwrap();
        let summary = world.succeed(&["export", "back"]);
        assert_eq!(summary["files_fetched"], 0);
        assert!(!world.path("back/.liteflare-export").exists());
    }
}

fn unfinished(world: &World, source: &str) {
    let ours: PathBuf = world.path("back/.liteflare-export");
    fs::create_dir_all(&ours).unwrap();
    let record = serde_json::json!({ "source": source, "database": null });
    fs::write(ours.join("source.json"), record.to_string()).unwrap();
}

#[test]
fn verify_refuses_files_that_are_none() {
    for cloud in clouds() {
        let world = World::new(&cloud);
        Root::new(world.path("root"), 3, 10);
        world.succeed(&["import", "root"]);
        assert!(world.fail(&["verify", "--db", "nowhere.db"]).contains("nowhere.db"));
        fs::write(world.path("text"), "text").unwrap();
        assert!(world.fail(&["verify", "--db", "text"]).contains("is not a SQLite database"));
    }
}
