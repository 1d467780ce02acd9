//! Requests that arrive when nobody expects them any more: after their retry, and after what was done to the object since. What was
//! acknowledged last stays, or is there again in a moment where R2 has no condition that could have kept the late one out.

use std::time::{Duration, Instant};

use liteflare::r2::{Bucket, Error, PutMode, Requests};

use super::faults::{World, on_every_cloud};
use super::operations::noise;
use crate::support::{Cloud, Fault};

/// How many other requests a late one may let pass.
const LATE: std::ops::RangeInclusive<usize> = 1..=5;

fn put(client: &Bucket, key: &str, bytes: &str) {
    client.put(key, bytes.to_owned().into(), PutMode::Overwrite).unwrap();
}

/// Enough requests about something else for every late one to arrive.
fn all_arrive(world: &World) {
    (0..6).for_each(|_| drop(world.client.head("a/old.png").unwrap()));
}

/// Waits until the object has these bytes, or until there is none.
fn becomes(world: &World, key: &str, expected: Option<&str>) {
    let start = Instant::now();
    loop {
        let found = match world.direct.get(key) {
            Ok((bytes, _)) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            Err(Error::NotFound { .. }) => None,
            Err(error) => panic!("{error}"),
        };
        if found.as_deref() == expected {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{key} is {found:?} instead of {expected:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn is(world: &World, key: &str, expected: &str) {
    assert_eq!(world.direct.get(key).unwrap().0, expected.as_bytes(), "{:?}: {key}", world.kind);
}

#[test]
fn a_put_that_arrives_late_brings_no_older_bytes_back() {
    on_every_cloud(|world| {
        for after in LATE {
            let key = format!("a/new{after}.png");
            world.relay.on("PUT", &key, 1, Fault::Late { after });
            ["first", "second", "third"].iter().for_each(|bytes| put(&world.client, &key, bytes));
            all_arrive(world);
            is(world, &key, "third");
        }
    });
}

#[test]
fn a_late_put_over_an_object_that_was_there_brings_no_older_bytes_back() {
    on_every_cloud(|world| {
        for after in LATE {
            let key = format!("a/there{after}.png");
            put(&world.direct, &key, "of another");
            // The one that replaces it, and the one after that.
            world.relay.on("PUT", &key, 2, Fault::Late { after });
            ["first", "second", "third"].iter().for_each(|bytes| put(&world.client, &key, bytes));
            world.relay.on("PUT", &key, 1, Fault::Late { after });
            ["fourth", "fifth"].iter().for_each(|bytes| put(&world.client, &key, bytes));
            all_arrive(world);
            is(world, &key, "fifth");
        }
    });
}

#[test]
fn a_late_put_does_not_overwrite_what_another_has_written_since() {
    on_every_cloud(|world| {
        put(&world.client, "a/1.png", "first");
        world.relay.on("PUT", "", 1, Fault::Late { after: 3 });
        put(&world.client, "a/1.png", "second");
        put(&world.direct, "a/1.png", "of another");
        all_arrive(world);
        is(world, "a/1.png", "of another");
    });
}

#[test]
fn a_late_put_does_not_undo_the_return_to_what_it_replaced() {
    on_every_cloud(|world| {
        for after in 2..=4 {
            let key = format!("a/back{after}.png");
            put(&world.client, &key, "one");
            world.relay.on("PUT", &key, 1, Fault::Late { after });
            put(&world.client, &key, "other");
            put(&world.client, &key, "one");
            all_arrive(world);
            becomes(world, &key, Some("one"));
        }
    });
}

#[test]
fn a_late_put_does_not_bring_a_deleted_object_back() {
    on_every_cloud(|world| {
        for mode in [PutMode::Overwrite, PutMode::Create] {
            world.relay.on("PUT", "", 1, Fault::Late { after: 4 });
            world.client.put("a/gone.png", "new".into(), mode).unwrap();
            world.client.delete(&["a/gone.png"]).unwrap();
            all_arrive(world);
            becomes(world, "a/gone.png", None);
        }
    });
}

#[test]
fn a_late_deletion_does_not_remove_what_was_put_since() {
    on_every_cloud(|world| {
        for after in 2..=4 {
            let key = format!("a/again{after}.png");
            put(&world.client, &key, "old");
            world.relay.on("POST", "delete", 1, Fault::Late { after });
            world.client.delete(&[&key]).unwrap();
            put(&world.client, &key, "new");
            all_arrive(world);
            becomes(world, &key, Some("new"));
        }
    });
}

#[test]
fn a_late_copy_does_not_replace_what_was_put_since() {
    on_every_cloud(|world| {
        for after in 3..=5 {
            let key = format!("a/copy{after}.png");
            world.relay.on("PUT", &key, 1, Fault::Late { after });
            world.client.copy("a/old.png", &key).unwrap();
            put(&world.client, &key, "new");
            all_arrive(world);
            becomes(world, &key, Some("new"));
        }
    });
}

#[test]
fn the_late_end_of_an_upload_in_parts_changes_nothing() {
    on_every_cloud(|world| {
        world.relay.on("POST", "uploadId", 1, Fault::Late { after: 3 });
        world.client.put("a/big.mp4", noise(20 << 20, 3), PutMode::Overwrite).unwrap();
        put(&world.client, "a/big.mp4", "small");
        all_arrive(world);
        is(world, "a/big.mp4", "small");
    });
}

#[test]
fn what_fails_in_doubt_and_arrives_late_replaces_nothing_newer() {
    on_every_cloud(|world| {
        put(&world.client, "a/1.png", "old");
        world.relay.on("PUT", "", 1, Fault::Late { after: 2 });
        world.relay.on("PUT", "", 1, Fault::Status(400));
        assert_eq!(world.client.put("a/1.png", "failed".into(), PutMode::Overwrite).unwrap_err().errno(), libc::EIO);
        put(&world.client, "a/1.png", "new");
        all_arrive(world);
        is(world, "a/1.png", "new");
    });
}

#[test]
fn a_condition_costs_no_request() {
    on_every_cloud(|world| {
        let before = Requests::read(world.client.metrics());
        put(&world.client, "a/1.png", "new");
        put(&world.client, "a/1.png", "known by its own put");
        let known = world.client.head("a/old.png").unwrap();
        assert_eq!(known.size, 3);
        put(&world.client, "a/old.png", "known by a question");
        world.client.delete(&["a/1.png"]).unwrap();
        put(&world.client, "a/1.png", "known to be gone");
        let asked = Requests::read(world.client.metrics()).since(before);
        assert_eq!(asked, Requests { put: 4, head: 1, delete: 1, ..Requests::default() }, "{:?}", world.kind);
    });
}

#[test]
fn a_version_is_replaced_only_while_it_is_the_one_there() {
    on_every_cloud(|world| {
        let version = |key: &str| PutMode::Replace { etag: world.direct.head(key).unwrap().etag };
        let old = version("a/old.png");
        world.client.put("a/old.png", "mine".into(), old.clone()).unwrap();
        let refused = world.client.put("a/old.png", "once more".into(), old.clone()).unwrap_err();
        assert_eq!(refused.errno(), libc::ESTALE, "{refused}");
        is(world, "a/old.png", "mine");
        // Behind an answer that never came, the version there may be this put's own.
        world.relay.on("PUT", "", 1, Fault::DropAnswer);
        world.client.put("a/old.png", "newer".into(), version("a/old.png")).unwrap();
        is(world, "a/old.png", "newer");
        let gone = version("a/old.png");
        world.direct.delete(&["a/old.png"]).unwrap();
        assert_eq!(world.client.put("a/old.png", "x".into(), gone).unwrap_err().errno(), libc::ESTALE);
    });
}

/// workerd's S3 does not look at the condition of an upload's end; R2 does, and so does the local cloud.
#[test]
fn a_large_version_is_replaced_only_while_it_is_the_one_there() {
    on_every_cloud(|world| {
        if world.kind != Cloud::Embedded {
            return;
        }
        let etag = world.direct.head("a/old.png").unwrap().etag;
        put(&world.direct, "a/old.png", "of another");
        let stale = PutMode::Replace { etag };
        assert_eq!(world.client.put("a/old.png", noise(20 << 20, 4), stale).unwrap_err().errno(), libc::ESTALE);
        is(world, "a/old.png", "of another");
        let fresh = PutMode::Replace { etag: world.direct.head("a/old.png").unwrap().etag };
        world.relay.on("POST", "uploadId", 1, Fault::DropAnswer);
        world.client.put("a/old.png", noise(20 << 20, 4), fresh).unwrap();
        world.holds("a/old.png", &noise(20 << 20, 4));
    });
}
