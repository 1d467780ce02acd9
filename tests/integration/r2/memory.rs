//! What the client with a memory promises: few requests, and no stale answers for longer than the refresh interval.

use std::time::Duration;

use liteflare::r2::{Error, Objects, PutMode, Requests};

use crate::support::{BucketRef, clouds};

const NONE: Requests = Requests { put: 0, get: 0, head: 0, list: 0, copy: 0, delete: 0 };

/// Longer than the refresh interval of `BucketRef::settings`.
const LATER: Duration = Duration::from_millis(1100);

/// Runs `check` with a new bucket of every cloud, in which `images` was listed.
fn on_every_cloud(check: impl Fn(&BucketRef, &Objects)) {
    for cloud in clouds() {
        let bucket = cloud.create_bucket();
        let client = bucket.client();
        client.put("images/old.png", "old".into(), PutMode::Overwrite).unwrap();
        let objects = bucket.objects();
        objects.list("images").unwrap();
        check(&bucket, &objects);
    }
}

fn asked(objects: &Objects, work: impl FnOnce()) -> Requests {
    let metrics = objects.bucket().metrics();
    let before = Requests::read(metrics);
    work();
    Requests::read(metrics).since(before)
}

/// What InvokeAI does to save an image.
fn save(objects: &Objects, name: &str) {
    for key in [format!("images/{name}.png"), format!("images/thumbnails/{name}.webp")] {
        assert!(matches!(objects.stat(&key), Err(Error::NotFound { .. })));
        assert!(matches!(objects.stat(&key), Err(Error::NotFound { .. })));
        objects.write(&key, "pixels".into(), PutMode::Overwrite).unwrap();
        assert_eq!(objects.stat(&key).unwrap().size, 6);
    }
}

#[test]
fn saving_an_image_costs_its_two_uploads() {
    on_every_cloud(|_, objects| {
        assert_eq!(asked(objects, || save(objects, "1")), Requests { put: 2, ..NONE });
        std::thread::sleep(LATER);
        assert_eq!(asked(objects, || save(objects, "2")), Requests { put: 2, ..NONE }, "after a pause");
    });
}

#[test]
fn an_image_is_served_from_memory() {
    on_every_cloud(|_, objects| {
        let serve = |key: &str| {
            assert!(objects.stat(key).is_ok());
            objects.read(key).unwrap().0
        };
        assert_eq!(asked(objects, || assert_eq!(serve("images/old.png"), "old")), Requests { get: 1, ..NONE });
        assert_eq!(asked(objects, || assert_eq!(serve("images/old.png"), "old")), NONE);
        save(objects, "1");
        assert_eq!(asked(objects, || assert_eq!(serve("images/1.png"), "pixels")), NONE, "just saved");
        assert_eq!(objects.bucket().metrics().cache_hits.get(), 2);
        std::thread::sleep(LATER);
        let checked = asked(objects, || assert_eq!(objects.read("images/old.png").unwrap().0, "old"));
        assert_eq!(checked, Requests { get: 1, ..NONE }, "one question, answered 304");
        assert_eq!(asked(objects, || assert_eq!(serve("images/old.png"), "old")), NONE);
    });
}

#[test]
fn what_others_write_shows_within_the_refresh_interval() {
    on_every_cloud(|bucket, objects| {
        assert_eq!(objects.read("images/old.png").unwrap().0, "old");
        let other = bucket.client();
        other.put("images/old.png", "newer".into(), PutMode::Overwrite).unwrap();
        std::thread::sleep(LATER);
        assert_eq!(objects.stat("images/old.png").unwrap().size, 5);
        assert_eq!(objects.read("images/old.png").unwrap().0, "newer");
        // A change like that tells that there are others: their new names show at once.
        other.put("images/theirs.png", "x".into(), PutMode::Overwrite).unwrap();
        std::thread::sleep(LATER);
        assert_eq!(objects.stat("images/theirs.png").unwrap().size, 1);
        other.delete(&["images/old.png"]).unwrap();
        std::thread::sleep(LATER);
        assert!(matches!(objects.read("images/old.png"), Err(Error::NotFound { .. })));
        assert_eq!(objects.list("images").unwrap().len(), 1);
    });
}

#[test]
fn a_name_asked_for_again_is_checked() {
    on_every_cloud(|bucket, objects| {
        std::thread::sleep(LATER);
        assert!(objects.stat("images/theirs.png").is_err());
        bucket.client().put("images/theirs.png", "x".into(), PutMode::Overwrite).unwrap();
        std::thread::sleep(LATER);
        assert!(objects.stat("images/theirs.png").is_ok());
    });
}

#[test]
fn renaming_is_a_copy_and_a_deletion() {
    on_every_cloud(|bucket, objects| {
        objects.read("images/old.png").unwrap();
        let renamed = asked(objects, || {
            objects.rename("images/old.png", "images/sub/new.png").unwrap();
            assert!(objects.stat("images/old.png").is_err());
            assert_eq!(objects.stat("images/sub/new.png").unwrap().key, "images/sub/new.png");
            assert_eq!(objects.read("images/sub/new.png").unwrap().0, "old");
            assert!(objects.any_below("images/sub").unwrap());
        });
        assert_eq!(renamed, Requests { copy: 1, delete: 1, ..NONE });
        assert_eq!(bucket.client().get("images/sub/new.png").unwrap().0, "old");
        assert_eq!(objects.rename("images/none.png", "images/x.png").unwrap_err().errno(), libc::ENOENT);
    });
}

#[test]
fn deleting_many_is_one_request_and_then_known() {
    on_every_cloud(|_, objects| {
        let keys: Vec<String> = (0..50).map(|n| format!("images/{n}.png")).collect();
        keys.iter().for_each(|key| drop(objects.write(key, "x".into(), PutMode::Overwrite).unwrap()));
        let deleted = asked(objects, || {
            objects.delete(&keys).unwrap();
            assert!(keys.iter().all(|key| objects.stat(key).is_err()));
        });
        assert_eq!(deleted, Requests { delete: 1, ..NONE });
        assert_eq!(objects.list("images").unwrap().len(), 1);
    });
}

#[test]
fn without_a_listing_names_are_asked_for_one_by_one() {
    for cloud in clouds() {
        let objects = cloud.create_bucket().objects();
        let first = asked(&objects, || assert!(objects.stat("images/a.png").is_err()));
        assert_eq!((first.head, first.list), (1, 1), "and once whether the bucket is there");
        assert_eq!(asked(&objects, || assert!(objects.stat("images/a.png").is_err())), NONE);
        assert_eq!(asked(&objects, || assert!(!objects.any_below("images").unwrap())), Requests { list: 1, ..NONE });
    }
}
