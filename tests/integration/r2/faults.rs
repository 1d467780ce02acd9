//! What a bad network does to each operation: it succeeds in the end, or fails by the deadline with an error that says what to do;
//! and nothing is ever half there.

use std::time::{Duration, Instant};

use bytes::Bytes;
use liteflare::r2::{Bucket, Error, PutMode, Requests};

use super::operations::noise;
use crate::support::{BucketRef, Cloud, Fault, Relay, Signed, TestCloud, clouds};

/// A client behind a network that fails on command.
pub(super) struct World {
    pub(super) relay: Relay,
    /// Through the relay.
    pub(super) client: Bucket,
    /// The same, when nothing is to be waited for.
    patient: Bucket,
    /// Around it.
    pub(super) direct: Bucket,
    bucket: BucketRef,
    pub(super) kind: Cloud,
}

impl World {
    fn new(cloud: &TestCloud) -> World {
        let bucket = cloud.create_bucket();
        let relay = Relay::every(&bucket.endpoint);
        let client = bucket.through(&relay).client();
        let patient = bucket.through(&relay).patient_client();
        let direct = bucket.client();
        direct.put("a/old.png", "old".into(), PutMode::Overwrite).unwrap();
        World { relay, client, patient, direct, bucket, kind: cloud.kind }
    }

    pub(super) fn holds(&self, key: &str, bytes: &Bytes) {
        assert!(self.direct.get(key).unwrap().0 == *bytes, "{:?}: {key}", self.kind);
    }

    /// Uploads that were begun and neither completed nor aborted; workerd does not tell.
    fn uploads_left(&self) -> usize {
        let list = Signed { method: "GET", path: "?uploads=", headers: &[], body: b"" };
        let answer = self.bucket.send(&list).unwrap();
        String::from_utf8_lossy(&answer.body).matches("<UploadId>").count()
    }
}

pub(super) fn on_every_cloud(check: impl Fn(&World)) {
    clouds().iter().for_each(|cloud| check(&World::new(cloud)));
}

fn every_operation(client: &Bucket, what: &str) {
    let failed = |error: Error| panic!("{what}: {error}");
    client.put("a/1.png", "1".into(), PutMode::Overwrite).unwrap_or_else(failed);
    assert_eq!(client.get("a/1.png").unwrap_or_else(|error| panic!("{what}: {error}")).0, "1");
    assert_eq!(client.head("a/1.png").unwrap().size, 1, "{what}");
    assert_eq!(client.list("a").unwrap().len(), 2, "{what}");
    client.copy("a/1.png", "a/2.png").unwrap();
    client.delete(&["a/1.png", "a/2.png"]).unwrap();
    client.put("a/3.png", "3".into(), PutMode::Create).unwrap();
    client.delete(&["a/3.png"]).unwrap();
}

#[test]
fn every_operation_survives_every_passing_fault() {
    on_every_cloud(|world| {
        let faults = [
            Fault::Status(500),
            Fault::Status(502),
            Fault::Status(503),
            Fault::Status(429),
            Fault::TooMany { retry_after: 0 },
            Fault::Reset,
            Fault::DropAnswer,
            Fault::HalfAnswer,
        ];
        for fault in faults {
            for method in ["PUT", "GET", "HEAD", "POST"] {
                let failures = if method == "HEAD" || method == "POST" { 1 } else { 2 };
                world.relay.on(method, "", failures, fault);
                every_operation(&world.patient, &format!("{fault:?} on {method}, {:?}", world.kind));
                world.relay.heal();
            }
        }
    });
}

#[test]
fn a_stalled_request_is_sent_again() {
    on_every_cloud(|world| {
        for method in ["PUT", "GET"] {
            world.relay.on(method, "", 1, Fault::Stall);
            let started = Instant::now();
            world.client.put("a/1.png", "1".into(), PutMode::Overwrite).unwrap();
            assert_eq!(world.client.get("a/1.png").unwrap().0, "1");
            assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
        }
    });
}

#[test]
fn a_put_whose_answer_was_lost_is_put_again() {
    on_every_cloud(|world| {
        world.relay.on("PUT", "", 2, Fault::DropAnswer);
        let meta = world.client.put("a/1.png", "1".into(), PutMode::Overwrite).unwrap();
        assert_eq!(world.relay.count("PUT"), 3);
        assert_eq!(world.direct.head("a/1.png").unwrap().etag, meta.etag);
    });
}

#[test]
fn a_new_object_whose_answer_was_lost_is_known_for_ours() {
    on_every_cloud(|world| {
        world.relay.on("PUT", "", 1, Fault::DropAnswer);
        let meta = world.client.put("a/new.png", "1".into(), PutMode::Create).unwrap();
        assert_eq!((world.relay.count("PUT"), world.relay.count("HEAD")), (2, 1));
        assert_eq!(world.direct.head("a/new.png").unwrap().etag, meta.etag);
    });
}

#[test]
fn a_rivals_object_is_not_taken_for_ours_even_with_the_same_bytes() {
    on_every_cloud(|world| {
        world.direct.put("a/new.png", "1".into(), PutMode::Create).unwrap();
        world.relay.on("PUT", "", 1, Fault::Reset); // in doubt, though it never got there
        let refused = world.client.put("a/new.png", "1".into(), PutMode::Create).unwrap_err();
        assert_eq!(refused.errno(), libc::EEXIST, "{refused}");
    });
}

#[test]
fn a_large_upload_survives_lost_parts_and_a_lost_end() {
    on_every_cloud(|world| {
        let bytes = noise(30 << 20, 5);
        world.relay.on("POST", "uploads", 1, Fault::Status(503));
        world.relay.on("PUT", "partNumber=2", 1, Fault::DropAnswer);
        world.relay.on("PUT", "partNumber=3", 2, Fault::Reset);
        world.relay.on("POST", "uploadId", 1, Fault::DropAnswer);
        let meta = world.client.put("a/big.mp4", bytes.clone(), PutMode::Overwrite).unwrap();
        assert_eq!(world.direct.head("a/big.mp4").unwrap().etag, meta.etag);
        world.holds("a/big.mp4", &bytes);
    });
}

#[test]
fn a_large_upload_that_fails_leaves_the_object_as_it_was() {
    on_every_cloud(|world| {
        world.relay.on("PUT", "partNumber=3", 1, Fault::Status(400));
        let failed = world.client.put("a/old.png", noise(30 << 20, 6), PutMode::Overwrite).unwrap_err();
        assert_eq!(failed.errno(), libc::EIO, "{failed}");
        world.holds("a/old.png", &"old".into());
        assert_eq!(world.relay.count("DELETE"), 1, "the upload is aborted");
        if world.kind == Cloud::Embedded {
            assert_eq!(world.uploads_left(), 0);
        }
    });
}

#[test]
fn a_download_broken_off_is_completed() {
    on_every_cloud(|world| {
        let bytes = noise(20 << 20, 7);
        world.direct.put("a/big.mp4", bytes.clone(), PutMode::Overwrite).unwrap();
        world.relay.on("GET", "big", 2, Fault::HalfAnswer);
        world.relay.on("GET", "big", 1, Fault::Status(503));
        assert!(world.patient.get("a/big.mp4").unwrap().0 == bytes);
    });
}

#[test]
fn an_object_overwritten_while_it_is_read_is_read_whole() {
    on_every_cloud(|world| {
        let states = [noise(30 << 20, 8), noise(30 << 20, 9)];
        world.direct.put("a/big.mp4", states[0].clone(), PutMode::Overwrite).unwrap();
        world.relay.delay(Duration::from_millis(100));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(150));
                world.direct.put("a/big.mp4", states[1].clone(), PutMode::Overwrite).unwrap();
            });
            let (read, meta) = world.patient.get("a/big.mp4").unwrap();
            assert!(states.contains(&read));
            assert_eq!(meta.size, 30 << 20);
        });
    });
}

#[test]
fn the_deadline_ends_it_with_an_error_that_says_why() {
    on_every_cloud(|world| {
        world.relay.on("PUT", "", 10_000, Fault::Status(503));
        let started = Instant::now();
        let failed = world.client.put("a/1.png", "1".into(), PutMode::Overwrite).unwrap_err();
        let waited = started.elapsed();
        assert!((Duration::from_secs(3)..Duration::from_secs(30)).contains(&waited), "{waited:?}");
        assert_eq!(failed.errno(), libc::EIO);
        let text = failed.to_string();
        assert!(text.contains("503") && text.contains("LITEFLARE_TIMEOUT") && text.contains("a/1.png"), "{text}");
    });
}

#[test]
fn where_nobody_listens_it_fails_by_the_deadline() {
    let bucket = TestCloud::embedded().create_bucket(); // the cloud ends here
    let started = Instant::now();
    let failed = bucket.client().head("a").unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(30));
    assert!(failed.to_string().contains("LITEFLARE_R2_ENDPOINT"), "{failed}");
    assert_eq!(failed.errno(), libc::EIO);
}

#[test]
fn r2_is_given_the_time_it_asks_for() {
    let cloud = TestCloud::embedded();
    let world = World::new(&cloud);
    world.relay.on("GET", "", 1, Fault::TooMany { retry_after: 1 });
    let started = Instant::now();
    world.client.get("a/old.png").unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    world.relay.on("GET", "", 1, Fault::TooMany { retry_after: 100 });
    let started = Instant::now();
    assert!(world.client.get("a/old.png").is_err(), "longer than the deadline");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn wrong_keys_fail_at_once_and_name_the_setting() {
    for cloud in clouds() {
        let mut bucket = cloud.create_bucket();
        bucket.secret_key.push('x');
        let client = bucket.client();
        type Operation = fn(&Bucket) -> Result<(), Error>;
        let operations: [Operation; 6] = [
            |client| client.get("a").map(|_| ()),
            |client| client.head("a").map(|_| ()),
            |client| client.put("a", "x".into(), PutMode::Overwrite).map(|_| ()),
            |client| client.list("").map(|_| ()),
            |client| client.copy("a", "b"),
            |client| client.delete(&["a"]),
        ];
        for operation in operations {
            let before = Requests::read(client.metrics());
            let refused = operation(&client).unwrap_err();
            let requests = Requests::read(client.metrics()).since(before).total();
            // A cloud that refuses a request unread ends its connection, sometimes under the next one.
            assert!(requests <= 2, "{requests} requests, {:?}", cloud.kind);
            assert_eq!(refused.errno(), libc::EIO);
            assert!(refused.to_string().contains("R2_SECRET_ACCESS_KEY"), "{refused}");
        }
    }
}

#[test]
fn a_missing_bucket_is_not_an_empty_one() {
    for cloud in clouds() {
        let mut bucket = cloud.create_bucket();
        bucket.bucket = "nowhere".to_owned();
        let client = bucket.client();
        let refusals = [
            client.head("a").map(|_| ()),
            client.get("a").map(|_| ()),
            client.list("a").map(|_| ()),
            client.put("a", "x".into(), PutMode::Create).map(|_| ()),
            client.delete(&["a"]),
        ];
        for refused in refusals.map(Result::unwrap_err) {
            assert!(refused.to_string().contains("LITEFLARE_R2_BUCKET"), "{:?}: {refused}", cloud.kind);
            assert_eq!(refused.errno(), libc::EIO);
        }
    }
}
