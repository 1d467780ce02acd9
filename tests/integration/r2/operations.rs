//! Each operation of liteflare's client, on both clouds.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use liteflare::config::{Access, R2Keys, R2Settings, Secret};
use liteflare::r2::{Bucket, Error, PutMode, Requests};

use crate::support::{BucketRef, Cloud, Relay, Signed, TestCloud, alone, clouds};

/// Runs `check` on a new bucket of every cloud.
fn on_every_cloud(check: impl Fn(&BucketRef, &Bucket)) {
    for cloud in clouds() {
        let bucket = cloud.create_bucket();
        check(&bucket, &bucket.client());
    }
}

/// What the client says it has asked during `work`.
fn asked(client: &Bucket, work: impl FnOnce()) -> Requests {
    let before = Requests::read(client.metrics());
    work();
    Requests::read(client.metrics()).since(before)
}

/// Bytes that differ everywhere.
pub fn noise(bytes: usize, seed: u64) -> Bytes {
    let mut state = seed | 1;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..bytes.div_ceil(8)).flat_map(|_| word()).take(bytes).collect::<Vec<u8>>().into()
}

fn header(bucket: &BucketRef, key: &str, name: &str) -> Option<String> {
    let request = Signed { method: "HEAD", path: &format!("/{key}"), headers: &[], body: b"" };
    bucket.send(&request).unwrap().header(name).map(str::to_owned)
}

#[test]
fn an_object_is_written_read_and_deleted() {
    on_every_cloud(|_, client| {
        assert!(matches!(client.head("images/a.png"), Err(Error::NotFound { .. })));
        assert!(matches!(client.get("images/a.png"), Err(Error::NotFound { .. })));
        let put = client.put("images/a.png", "hello".into(), PutMode::Overwrite).unwrap();
        let head = client.head("images/a.png").unwrap();
        assert_eq!((&*put.key, put.size, &*put.etag), ("images/a.png", 5, "5d41402abc4b2a76b9719d911017c592"));
        assert_eq!((&head.key, head.size, &head.etag), (&put.key, put.size, &put.etag));
        let age = SystemTime::now().duration_since(head.modified).unwrap();
        assert!(age < Duration::from_secs(60), "{age:?}");
        let (bytes, meta) = client.get("images/a.png").unwrap();
        assert_eq!((&*bytes, meta), (&b"hello"[..], head));
        client.delete(&["images/a.png", "images/none.png"]).unwrap();
        assert_eq!(client.head("images/a.png").unwrap_err().errno(), libc::ENOENT);
        client.delete::<&str>(&[]).unwrap();
    });
}

#[test]
fn an_empty_object_is_an_object() {
    on_every_cloud(|_, client| {
        client.put("empty", Bytes::new(), PutMode::Overwrite).unwrap();
        let (bytes, meta) = client.get("empty").unwrap();
        assert_eq!((bytes.len(), meta.size), (0, 0));
        assert_eq!(client.get_if_changed("empty", &meta.etag).unwrap(), None);
    });
}

#[test]
fn the_same_object_is_not_sent_again() {
    on_every_cloud(|_, client| {
        let first = client.put("a", "one".into(), PutMode::Overwrite).unwrap();
        assert_eq!(client.get_if_changed("a", &first.etag).unwrap(), None);
        client.put("a", "two".into(), PutMode::Overwrite).unwrap();
        let (bytes, meta) = client.get_if_changed("a", &first.etag).unwrap().unwrap();
        assert_eq!(bytes, "two");
        assert_ne!(meta.etag, first.etag);
        client.delete(&["a"]).unwrap();
        assert!(matches!(client.get_if_changed("a", &meta.etag), Err(Error::NotFound { .. })));
    });
}

#[test]
fn what_must_be_new_replaces_nothing() {
    on_every_cloud(|_, client| {
        client.put("a", "first".into(), PutMode::Create).unwrap();
        let refused = client.put("a", "second".into(), PutMode::Create).unwrap_err();
        assert_eq!(refused.errno(), libc::EEXIST, "{refused}");
        assert_eq!(client.get("a").unwrap().0, "first");
        let big = noise(20 << 20, 1);
        client.put("big", big.clone(), PutMode::Create).unwrap();
        assert_eq!(client.put("big", "x".into(), PutMode::Create).unwrap_err().errno(), libc::EEXIST);
        assert!(client.get("big").unwrap().0 == big);
    });
}

#[test]
fn large_objects_travel_in_parts_and_ranges() {
    on_every_cloud(|bucket, client| {
        for size in [8 << 20, (8 << 20) + 1, 16 << 20, (16 << 20) + 1, 25_000_001] {
            let bytes = noise(size, size as u64);
            let (parts, ranges) = (size.div_ceil(8 << 20) as u64, size.div_ceil(8 << 20) as u64);
            let puts = asked(client, || drop(client.put("v/big.mp4", bytes.clone(), PutMode::Overwrite).unwrap()));
            let expected = if size > 16 << 20 { parts + 2 } else { 1 };
            assert_eq!(puts, Requests { put: expected, ..Requests::default() }, "{size}");
            let gets = asked(client, || {
                let (got, meta) = client.get("v/big.mp4").unwrap();
                assert!(got == bytes, "{size}");
                assert_eq!((meta.size, meta.etag), (size as u64, client.head("v/big.mp4").unwrap().etag));
            });
            assert_eq!(gets, Requests { get: ranges, head: 1, ..Requests::default() }, "{size}");
            assert_eq!(header(bucket, "v/big.mp4", "content-type").as_deref(), Some("video/mp4"));
        }
    });
}

#[test]
fn content_types_follow_the_names() {
    on_every_cloud(|bucket, client| {
        let kinds = [
            ("a.png", "image/png"),
            ("a.webp", "image/webp"),
            ("a.JPG", "image/jpeg"),
            ("a.json", "application/json"),
            ("a", "application/octet-stream"),
            ("a.safetensors", "application/octet-stream"),
        ];
        for (key, kind) in kinds {
            client.put(key, "x".into(), PutMode::Overwrite).unwrap();
            assert_eq!(header(bucket, key, "content-type").as_deref(), Some(kind), "{key}");
        }
        // A temporary name that is made a real one.
        client.put("images/tmp0123", "x".into(), PutMode::Create).unwrap();
        client.copy("images/tmp0123", "images/a.png").unwrap();
        assert_eq!(header(bucket, "images/a.png", "content-type").as_deref(), Some("image/png"));
    });
}

#[test]
fn copies_stay_within_r2() {
    on_every_cloud(|_, client| {
        let put = client.put("a/x y.png", "hello".into(), PutMode::Overwrite).unwrap();
        let copies = asked(client, || client.copy("a/x y.png", "b/ä+&.png").unwrap());
        assert_eq!(copies, Requests { copy: 1, ..Requests::default() });
        assert_eq!(client.head("b/ä+&.png").unwrap().etag, put.etag);
        client.copy("b/ä+&.png", "a/x y.png").unwrap();
        assert_eq!(client.copy("none", "b").unwrap_err().errno(), libc::ENOENT);
    });
}

#[test]
fn names_below_a_prefix_are_listed() {
    on_every_cloud(|_, client| {
        let keys = [
            "images/1.png",
            "images/t/1.webp",
            "images/t/2.webp",
            "images/t0/1.png",
            "images0/x",
            "videos/a b&c<d>.mp4",
        ];
        for key in keys {
            client.put(key, key.into(), PutMode::Overwrite).unwrap();
        }
        let names = |prefix: &str| client.list(prefix).unwrap().into_iter().map(|meta| meta.key).collect::<Vec<_>>();
        assert_eq!(names("images"), &keys[..4]);
        assert_eq!(names(""), keys);
        assert_eq!(names("images/t"), &keys[1..3]);
        assert_eq!(names("none"), [""; 0]);
        assert_eq!((client.any_below("images/t").unwrap(), client.any_below("images/1.png").unwrap()), (true, false));
        let head = client.head("videos/a b&c<d>.mp4").unwrap();
        let listed = &client.list("videos").unwrap()[0];
        assert_eq!((&listed.key, listed.size, &listed.etag), (&head.key, head.size, &head.etag));
    });
}

/// Puts an empty object under each key, from several threads.
pub fn fill(client: &Bucket, keys: &[String]) {
    std::thread::scope(|scope| {
        for keys in keys.chunks(keys.len().div_ceil(8)) {
            scope.spawn(|| keys.iter().for_each(|key| drop(client.put(key, "x".into(), PutMode::Overwrite).unwrap())));
        }
    });
}

fn uuids(count: usize, name: impl Fn(uuid::Uuid) -> String) -> Vec<String> {
    let mut keys: Vec<String> = (0..count).map(|_| name(uuid::Uuid::new_v4())).collect();
    keys.sort();
    keys
}

#[test]
fn long_listings_are_complete_and_many_are_deleted_at_once() {
    for cloud in clouds() {
        let count = if cloud.kind == Cloud::Embedded { 12_000 } else { 3_500 };
        let (bucket, mut keys) = (cloud.create_bucket(), uuids(count, |id| format!("images/{id}.png")));
        keys.extend(uuids(count / 10, |id| format!("images/thumbnails/{id}.webp")));
        // Time enough that a busy machine is not taken for a request that hangs, which would be sent, and counted, again.
        let settings = R2Settings { timeout: Duration::from_secs(600), ..bucket.settings() };
        let client = Bucket::connect(&settings, Arc::default()).unwrap();
        fill(&client, &keys);
        let requests = asked(&client, || {
            let listed: Vec<String> = client.list("images").unwrap().into_iter().map(|meta| meta.key).collect();
            assert!(listed == keys);
        });
        let most = keys.len().div_ceil(1000) as u64 + 6;
        assert!(requests.total() == requests.list && requests.list <= most, "{requests:?}, not {most}");
        let requests = asked(&client, || client.delete(&keys).unwrap());
        assert_eq!(requests, Requests { delete: keys.len().div_ceil(1000) as u64, ..Requests::default() });
        assert_eq!(client.list("").unwrap(), []);
    }
}

/// `cargo test --release --test integration -- --ignored --nocapture a_hundred_thousand`
#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_names_are_listed() {
    let cloud = TestCloud::embedded();
    let (bucket, client) = {
        let bucket = cloud.create_bucket();
        (bucket.clone(), bucket.client())
    };
    fill(&client, &uuids(50_000, |id| format!("images/{id}.png")));
    fill(&client, &uuids(50_000, |id| format!("images/thumbnails/{id}.webp")));
    for delay in [0, 50, 200] {
        let relay = Relay::every(&bucket.endpoint);
        relay.delay(Duration::from_millis(delay));
        let client = bucket.through(&relay).client();
        let started = std::time::Instant::now();
        let names = client.list("images").unwrap().len();
        println!("{names} names, round trip {delay} ms: {:?}, {} requests", started.elapsed(), relay.requests());
    }
}

#[test]
fn keys_that_cannot_be_are_refused_before_a_request() {
    let cloud = TestCloud::embedded();
    let client = cloud.create_bucket().client();
    let requests = asked(&client, || {
        for key in ["", "/a", "a/", "a//b", "a/./b", "a/../b", "a\nb"] {
            assert_eq!(client.put(key, "x".into(), PutMode::Overwrite).unwrap_err().errno(), libc::EINVAL, "{key:?}");
        }
        assert_eq!(client.head(&"x".repeat(1025)).unwrap_err().errno(), libc::ENAMETOOLONG);
    });
    assert_eq!(requests.total(), 0);
    client.put(&"x".repeat(1024), "x".into(), PutMode::Overwrite).unwrap();
}

#[test]
fn client_and_cloud_count_the_same() {
    let cloud = TestCloud::embedded();
    let client = cloud.create_bucket().client();
    client.put("a", "x".into(), PutMode::Overwrite).unwrap();
    client.put("big", noise(20 << 20, 3), PutMode::Overwrite).unwrap();
    client.get("big").unwrap();
    client.head("a").unwrap();
    client.list("").unwrap();
    client.copy("a", "b").unwrap();
    client.delete(&["a", "b"]).unwrap();
    let expected = Requests { put: 6, get: 3, head: 1, list: 1, copy: 1, delete: 1 };
    assert_eq!((Requests::read(client.metrics()), cloud.s3_requests()), (expected, Some(expected)));
}

#[test]
fn the_key_pair_of_an_api_token_opens_the_bucket() {
    let cloud = TestCloud::embedded();
    let (bucket, database) = (cloud.create_bucket(), cloud.create_database());
    let keys = |token: &str| {
        let access = |endpoint: &str| Access::new(endpoint, Secret::new(token));
        R2Keys::OfToken { bucket: access(&bucket.endpoint), api: access(&database.api), account: None }
    };
    let settings = R2Settings { keys: keys(&database.token), ..bucket.settings() };
    let client = Bucket::connect(&settings, Arc::default()).unwrap();
    client.put("a", "hello".into(), PutMode::Overwrite).unwrap();
    assert_eq!(bucket.client().get("a").unwrap().0, "hello");
    let wrong = R2Settings { keys: keys("wrong"), ..bucket.settings() };
    let Err(refused) = Bucket::connect(&wrong, Arc::default()) else { panic!("a wrong token is refused") };
    assert!(refused.to_string().contains("CLOUDFLARE_API_TOKEN"), "{refused}");
}

#[test]
fn a_child_made_by_fork_reads_and_writes() {
    alone("r2::operations::a_child_made_by_fork_reads_and_writes", || {
        let cloud = TestCloud::embedded();
        let client = cloud.create_bucket().client();
        client.put("parent", "hello".into(), PutMode::Overwrite).unwrap();
        assert_eq!(
            in_a_child(|| {
                let read = client.get("parent").is_ok_and(|(bytes, _)| bytes == "hello");
                read && client.put("child", "hello".into(), PutMode::Create).is_ok()
            }),
            0
        );
        assert_eq!(client.get("child").unwrap().0, "hello");
    });
}

/// The status of a child made by `fork`: 0 when `work` gave `true` there.
fn in_a_child(work: impl FnOnce() -> bool) -> libc::c_int {
    #[allow(unsafe_code, reason = "a child process of this very process")]
    // SAFETY: the child does its work and calls `_exit`; no lock it needs is held, as no other thread is in the client's runtime.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit(if work() { 0 } else { 1 });
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        status
    }
}
