//! What a hostile endpoint can do to the client of a bucket: fail its requests. It cannot take the process's memory, keep it for ever,
//! end it, or have it take a part of an object for the whole.

use std::io;

use liteflare::r2::{Bucket, Error, PutMode};

use crate::support::wire::Message;
use crate::support::{BucketRef, Hostile, Victim, ends};

/// More than any answer to these requests has a right to, kernel buffers included.
const MOST: u64 = 32 << 20;

fn client(hostile: &Hostile) -> Bucket {
    let (bucket, access_key, secret_key) = ("bucket".to_owned(), "key".to_owned(), "secret".to_owned());
    BucketRef { endpoint: hostile.url(), bucket, access_key, secret_key }.client()
}

fn bucket(answer: impl Fn(&Message, &mut Victim<'_>) -> io::Result<()> + Send + Sync + 'static) -> (Hostile, Bucket) {
    let hostile = Hostile::start(answer);
    let client = client(&hostile);
    (hostile, client)
}

fn contents(key: &str, etag: &str) -> String {
    format!(
        "<Contents><Key>{key}</Key><Size>1</Size><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>\"{etag}\"</ETag></Contents>"
    )
}

fn page(keys: &[&str], token: &str) -> String {
    let keys: String = keys.iter().map(|key| contents(key, "1")).collect();
    let token = if token.is_empty() {
        String::new()
    } else {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    };
    format!("<ListBucketResult><IsTruncated>{}</IsTruncated>{keys}{token}</ListBucketResult>", !token.is_empty())
}

/// Every listing gets this page. Returns what the client made of it, and how often it asked.
fn listing(page: String) -> (Result<usize, Error>, usize) {
    let (hostile, client) = bucket(move |_, victim| victim.body("200 OK", page.as_bytes()));
    let listed = ends(move || client.list("images").map(|objects| objects.len()));
    (listed, hostile.requests())
}

fn is_misfit(listed: (Result<usize, Error>, usize)) {
    let (listed, requests) = listed;
    assert!(matches!(&listed, Err(Error::Misfit { .. })), "{listed:?}");
    assert!(requests <= 2, "{requests} requests");
}

#[test]
fn a_listing_that_goes_in_circles_ends() {
    is_misfit(listing(page(&["images/a.png"], "again")));
}

#[test]
fn a_page_without_names_has_no_next_one() {
    is_misfit(listing(page(&[], "more")));
    is_misfit(listing(page(&["images/a//b"], "more"))); // nor one whose names can be no files'
    is_misfit(listing(page(&["images/&none;"], "more")));
}

#[test]
fn names_in_a_listing_are_those_that_were_asked_for() {
    is_misfit(listing(page(&["videos/a.mp4"], "")));
    is_misfit(listing(page(&["images/b.png", "images/a.png"], "")));
    is_misfit(listing(page(&["images/a.png"; 2], "")));
    let many: Vec<String> = (0..1001).map(|number| format!("images/{number:04}")).collect();
    is_misfit(listing(page(&many.iter().map(String::as_str).collect::<Vec<_>>(), "")));
    is_misfit(listing(format!("<ListBucketResult>{}</ListBucketResult>", contents("images/a", &"e".repeat(100_000)))));
    is_misfit(listing(page(&["images/a"], "").replace("<Size>1<", "<Size>18446744073709551615<")));
}

#[test]
fn the_markers_of_folders_are_no_files() {
    let keys = ["images/", "images/t-1", "images/t/", "images/t/1", "images/t0"];
    let (listed, _) = listing(page(&keys, ""));
    assert_eq!(listed.unwrap(), 3, "all but the folders' own");
}

#[test]
fn a_listing_has_no_depth_and_no_entities() {
    for body in [
        "<ListBucketResult>".to_owned() + &"<a>".repeat(1 << 20),
        "<ListBucketResult><Contents><Key>".to_owned() + &"<a>".repeat(1 << 20),
        format!("<ListBucketResult>{}{}</ListBucketResult>", "<a>".repeat(1 << 19), "</a>".repeat(1 << 19)),
        "<!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]>".to_owned()
            + &page(&["images/&b;"], ""),
    ] {
        // Whatever is made of it, the process goes on.
        let (listed, _) = listing(body);
        assert!(!matches!(listed, Ok(1..)), "{listed:?}");
    }
}

#[test]
fn an_answer_without_end_is_an_error() {
    for start in ["", "<ListBucketResult>", "<ListBucketResult><Contents><Key>"] {
        let (hostile, client) = bucket(move |_, victim| victim.endless("200 OK", start, "aaaaaaaa"));
        let listed = ends(move || client.list("images").map(drop));
        assert!(matches!(&listed, Err(Error::Oversized { .. })), "{listed:?}");
        assert!(listed.unwrap_err().to_string().contains("bytes"));
        assert!(hostile.bytes() < MOST, "{} bytes", hostile.bytes());
    }
}

#[test]
fn every_request_bounds_its_answer() {
    type Request = fn(&Bucket) -> Result<(), Error>;
    let requests: [(&str, Request); 6] = [
        ("get", |client| client.get("a").map(drop)),
        ("put", |client| client.put("a", "a".into(), PutMode::Overwrite).map(drop)),
        ("create", |client| client.put("a", "a".into(), PutMode::Create).map(drop)),
        ("begin", |client| client.put("a", vec![0; 20 << 20].into(), PutMode::Overwrite).map(drop)),
        ("copy", |client| client.copy("a", "b")),
        ("delete", |client| client.delete(&["a"])),
    ];
    for (name, request) in requests {
        let head = "200 OK\r\nETag: \"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT";
        let (hostile, client) = bucket(|_, victim| victim.endless(head, "", "<a>a</a>"));
        let answered = ends(move || request(&client));
        assert!(hostile.bytes() < MOST, "{name}: {} bytes", hostile.bytes());
        assert!(matches!(&answered, Err(Error::Oversized { .. })), "{name}: {answered:?}");
    }
}

#[test]
fn a_refusal_says_why_in_a_few_lines() {
    for status in ["403 Forbidden", "404 Not Found", "400 Bad Request"] {
        let start = "<Error><Code>NoSuchBucket</Code><Message>no</Message>";
        let (hostile, client) = bucket(move |_, victim| victim.endless(status, start, "aaaaaaaa"));
        let listed = ends(move || client.list("images").map(drop));
        assert!(hostile.bytes() < MOST, "{} bytes", hostile.bytes());
        let Err(Error::Refused { answer, .. }) = listed else { panic!("{listed:?}") };
        assert_eq!((answer.code.as_str(), answer.message.as_str()), ("NoSuchBucket", "no"), "its start is read");
    }
    let long = format!("<Error><Code>{0}</Code><Message>{0}</Message></Error>", "a".repeat(50_000));
    let (_hostile, client) = bucket(move |_, victim| victim.body("403 Forbidden", long.as_bytes()));
    let said = ends(move || client.list("images").map(drop)).unwrap_err().to_string();
    assert!(said.len() < 10_000, "{} bytes in the log", said.len());
}

/// An object's bytes as they are sent, whatever they were said to be.
fn object(range: &str, length: &str, bytes: Vec<u8>) -> (Hostile, Bucket) {
    let head = format!(
        "206 Partial Content\r\nETag: \"1\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Range: bytes {range}\r\n{length}"
    );
    bucket(move |_, victim| victim.answer(&head, &bytes))
}

#[test]
fn an_object_of_any_size_is_refused_before_it_is_fetched() {
    for size in [1_u64 << 40, (1 << 63) - 1, u64::MAX] {
        let range = format!("0-8388607/{size}");
        let (hostile, client) = object(&range, "Content-Length: 8388608\r\n", vec![7; 8 << 20]);
        let got = ends(move || client.get("a").map(|(bytes, _)| bytes.len()));
        let error = got.unwrap_err();
        assert!(
            matches!(&error, Error::DoesNotFit { key, size: said, .. } if key == "a" && *said == size),
            "{error:?}"
        );
        assert_eq!((error.errno(), hostile.requests()), (libc::EFBIG, 1));
    }
}

#[test]
fn a_part_of_an_object_is_not_the_object() {
    for (range, length, sent) in [
        ("0-8388607/8388608", "Content-Length: 10\r\n", 10), // less than the range
        ("0-8388607/8388608", "Content-Length: 8388608\r\n", 10), // less than the length
        ("0-9/10", "Content-Length: 10\r\n", 5),             // the connection ends
        ("0-9/10", "Content-Length: 5\r\n", 5),              // the range is a lie
        ("0-8388607/8388609", "Content-Length: 8388608\r\n", 8 << 20), // the rest is another range
        ("0-9/10", "Content-Length: 18446744073709551613\r\n", 10),
        ("0-9/10", "Content-Length: 99999999999999999999999\r\n", 10),
    ] {
        let (_hostile, client) = object(range, length, vec![7; sent]);
        let got = ends(move || client.get("a").map(|(bytes, _)| bytes.len()));
        assert!(got.is_err(), "{range}, {length:?}: {got:?}");
    }
    // What is behind the length is not the answer's.
    let (_hostile, client) = object("0-9/10", "Content-Length: 10\r\n", vec![7; 100]);
    assert_eq!(ends(move || client.get("a").map(|(bytes, _)| bytes.len())).unwrap(), 10);
}

#[test]
fn an_etag_has_a_line_at_most() {
    let etag = "e".repeat(10_000);
    let head =
        format!("200 OK\r\nETag: \"{etag}\"\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: 0\r\n");
    let (_hostile, client) = bucket(move |_, victim| victim.answer(&head, b""));
    let asked = ends(move || [client.head("a").map(drop), client.put("a", "a".into(), PutMode::Overwrite).map(drop)]);
    assert!(asked.iter().all(|asked| matches!(asked, Err(Error::Oversized { .. }))), "{asked:?}");
}

#[test]
fn a_time_before_or_after_all_others_is_a_time() {
    for modified in ["Mon, 01 Jan 0001 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let head = format!(
            "206 Partial Content\r\nETag: \"1\"\r\nLast-Modified: {modified}\r\nContent-Range: bytes 0-0/1\r\nContent-Length: 1\r\n"
        );
        let (_hostile, client) = bucket(move |_, victim| victim.answer(&head, b"a"));
        let Ok((_, meta)) = ends(move || client.get("a")) else { continue };
        let nanos = meta.modified.duration_since(std::time::UNIX_EPOCH).expect("not before 1970").as_nanos();
        assert!(u64::try_from(nanos).is_ok(), "{modified}");
    }
}

#[test]
fn a_wait_of_any_length_is_no_panic() {
    for wait in ["18446744073709551615", "99999999999999999999999999", "9223372036854775807"] {
        for status in ["429 Too Many", "503 Busy"] {
            let head = format!("{status}\r\nRetry-After: {wait}\r\nContent-Length: 0\r\n");
            let (hostile, client) = bucket(move |_, victim| victim.answer(&head, b""));
            let got = ends(move || client.get("a").map(drop));
            assert!(matches!(got, Err(Error::Unreachable { .. })), "{got:?}");
            assert_eq!(hostile.requests(), 1, "it is not asked again before its time");
        }
    }
}
