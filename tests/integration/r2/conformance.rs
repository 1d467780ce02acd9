//! The embedded S3 API against Cloudflare's own: the same signed requests, the same answers.
//! Each request runs on both, in buckets of their own; status, headers, error codes, names and bytes are compared.

use crate::support::{BucketRef, Signed, TestCloud, clouds};

/// Headers a client may rely on.
const HEADERS: [&str; 8] = [
    "etag",
    "content-type",
    "content-range",
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "x-amz-meta-colour",
    "content-encoding",
];

/// Elements of XML answers whose text is compared, in order.
const ELEMENTS: [&str; 9] = ["Code", "Name", "Prefix", "Key", "Size", "ETag", "IsTruncated", "KeyCount", "MaxKeys"];

/// A request to both clouds. In its texts `{upload}` stands for the upload the cloud has begun last, `{1}` for the ETag of its part 1
/// as it was sent last, `{token}` for the token of the last page, `{bucket}` for the bucket.
struct Ask {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn ask(method: &'static str, path: impl Into<String>) -> Ask {
    Ask { method, path: path.into(), headers: Vec::new(), body: Vec::new() }
}

fn get(path: &str) -> Ask {
    ask("GET", path)
}

fn put(path: &str, body: impl AsRef<[u8]>) -> Ask {
    Ask { body: body.as_ref().to_vec(), ..ask("PUT", path) }
}

impl Ask {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Ask {
        self.headers.push((name, value.into()));
        self
    }

    fn body(self, body: impl AsRef<[u8]>) -> Ask {
        Ask { body: body.as_ref().to_vec(), ..self }
    }
}

/// One cloud's side of a comparison.
struct Side {
    cloud: TestCloud,
    bucket: BucketRef,
    upload: String,
    parts: [String; 3],
    token: String,
}

impl Side {
    fn answer(&mut self, ask: &Ask) -> Vec<String> {
        let path = self.fill(&ask.path);
        let headers: Vec<(&str, String)> = ask.headers.iter().map(|(name, value)| (*name, self.fill(value))).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let body = str::from_utf8(&ask.body).map_or_else(|_| ask.body.clone(), |text| self.fill(text).into_bytes());
        let request = Signed { method: ask.method, path: &path, headers: &headers, body: &body };
        let answer = self.bucket.send(&request).unwrap_or_else(|error| panic!("{:?} {path}: {error}", self.cloud.kind));
        let status = answer.status().unwrap();
        let mut seen = vec![status.to_string()];
        let part = ask.path.split_once("partNumber=").and_then(|(_, number)| number[..1].parse::<usize>().ok());
        if let (Some(part), Some(etag)) = (part, answer.header("etag")) {
            self.parts[part] = etag.to_owned(); // opaque in R2
            return seen;
        }
        if status < 300 && answer.header("content-type") != Some("application/xml") {
            seen.extend(HEADERS.iter().filter_map(|name| Some(format!("{name}: {}", answer.header(name)?))));
            let start = String::from_utf8_lossy(&answer.body[..answer.body.len().min(99)]);
            seen.push(format!("{} bytes {start}", answer.body.len()));
            return seen;
        }
        let text = String::from_utf8_lossy(&answer.body).replace("&quot;", "\"").replace("&#34;", "\"");
        let only = |name| elements(&text, name).pop();
        self.upload = only("UploadId").unwrap_or(std::mem::take(&mut self.upload));
        self.token = only("NextContinuationToken").map_or(std::mem::take(&mut self.token), |token| percent(&token));
        for name in ELEMENTS {
            let values = elements(&text, name).into_iter().map(|value| value.replace(&self.bucket.bucket, "{bucket}"));
            let mut values: Vec<String> = values.map(|value| format!("{name}: {value}")).collect();
            if name == "Prefix" {
                values.sort(); // the prefix asked for stands before or behind those found
            }
            seen.extend(values);
        }
        seen
    }

    fn fill(&self, text: &str) -> String {
        let text = text.replace("{upload}", &self.upload).replace("{token}", &self.token);
        let text = (1..3).fold(text, |text, part| text.replace(&format!("{{{part}}}"), &self.parts[part]));
        text.replace("{bucket}", &self.bucket.bucket)
    }
}

fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    xml.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0.to_owned())).collect()
}

fn percent(text: &str) -> String {
    let byte =
        |byte: u8| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(byte).collect()
}

fn sides() -> Vec<Side> {
    let side = |cloud: TestCloud| {
        let (upload, parts, token) = Default::default();
        Side { bucket: cloud.create_bucket(), cloud, upload, parts, token }
    };
    clouds().into_iter().map(side).collect()
}

/// Asks both clouds, in order, and compares after each request; gives the first cloud's answers.
fn compare(asks: impl IntoIterator<Item = Ask>) -> Vec<Vec<String>> {
    let mut sides = sides();
    let (mut differences, mut first) = (Vec::new(), Vec::new());
    for ask in asks {
        let answers: Vec<Vec<String>> = sides.iter_mut().map(|side| side.answer(&ask)).collect();
        for (side, answer) in sides.iter().zip(&answers).skip(1) {
            if *answer != answers[0] {
                let asked = format!("{} {} {:?}", ask.method, ask.path, ask.headers);
                let (one, other) = (sides[0].cloud.kind, side.cloud.kind);
                differences.push(format!("{asked}\n  {one:?}: {:?}\n  {other:?}: {answer:?}", answers[0]));
            }
        }
        first.extend(answers.into_iter().next());
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    first
}

fn statuses(answers: &[Vec<String>]) -> Vec<&str> {
    answers.iter().map(|answer| answer[0].as_str()).collect()
}

/// MD5 of `hello`, as an ETag.
const HELLO: &str = "\"5d41402abc4b2a76b9719d911017c592\"";

#[test]
fn objects_are_put_got_and_deleted() {
    let answers = compare([
        get("/a/b.txt"),
        ask("HEAD", "/a/b.txt"),
        put("/a/b.txt", "hello"),
        get("/a/b.txt"),
        ask("HEAD", "/a/b.txt"),
        put("/a/b.txt", "other").with("content-type", "text/plain"),
        get("/a/b.txt"),
        put("/a/b.txt", ""),
        get("/a/b.txt"),
        put("/a/b.txt/c", "an object below an object"),
        get("/a/b.txt/c"),
        ask("DELETE", "/a/b.txt"),
        ask("DELETE", "/a/b.txt"),
        get("/a/b.txt"),
    ]);
    let expected = ["404", "404", "200", "200", "200", "200", "200", "200", "200", "200", "200", "204", "204", "404"];
    assert_eq!(statuses(&answers), expected);
    assert!(answers[2].contains(&format!("etag: {HELLO}")), "an ETag is the MD5: {:?}", answers[2]);
}

#[test]
fn what_an_uploader_says_of_an_object_comes_back() {
    let said = put("/a.png", "hello")
        .with("content-type", "image/png")
        .with("cache-control", "max-age=60")
        .with("content-disposition", "attachment")
        .with("content-encoding", "identity")
        .with("x-amz-meta-colour", "blue");
    let answers = compare([said, get("/a.png"), ask("HEAD", "/a.png")]);
    assert!(answers[1].contains(&"x-amz-meta-colour: blue".to_owned()), "{:?}", answers[1]);
}

#[test]
fn names_may_hold_any_character() {
    let names =
        ["/%C3%A4%20b%2Bc%26d.txt", "/a%27b%22c.txt", "/%E2%98%83/%F0%9F%98%80", "/a%2525b", "/x=y:z@q,r;s!(t)*~"];
    let puts = names.iter().map(|name| put(name, *name));
    let gets = names.iter().map(|name| get(name));
    compare(puts.chain(gets).chain([get("?list-type=2")]));
}

#[test]
fn conditions_are_kept() {
    let answers = compare([
        put("/a", "hello").with("if-none-match", "*"),
        put("/a", "other").with("if-none-match", "*"),
        get("/a"),
        get("/a").with("if-none-match", HELLO),
        get("/a").with("if-none-match", "\"0123\""),
        get("/a").with("if-match", HELLO),
        get("/a").with("if-match", "\"0123\""),
        ask("HEAD", "/a").with("if-none-match", HELLO),
        ask("HEAD", "/a").with("if-match", "\"0123\""),
        put("/a", "next").with("if-match", "\"0123\""),
        put("/a", "next").with("if-match", HELLO),
        put("/b", "next").with("if-match", HELLO),
        get("/a"),
        get("/none").with("if-none-match", HELLO),
    ]);
    let expected = ["200", "412", "200", "304", "200", "200", "412", "304", "412", "412", "200", "412", "200", "404"];
    assert_eq!(statuses(&answers), expected);
}

#[test]
fn ranges_are_cut_exactly() {
    let range = |range: &str| get("/a").with("range", format!("bytes={range}"));
    let asks = ["0-0", "1-3", "3-", "-2", "-99", "0-99", "4-4", "5-5", "9-", "-0"].map(range);
    let changed = range("1-2").with("if-match", "\"0123\"");
    let answers = compare([put("/a", "hello"), put("/empty", "")].into_iter().chain(asks).chain([
        changed,
        range("1-2").with("if-none-match", HELLO),
        get("/empty").with("range", "bytes=0-9"),
        get("/none").with("range", "bytes=0-9"),
    ]));
    assert_eq!(statuses(&answers)[2..9], ["206"; 7]);
    assert_eq!(statuses(&answers)[9..], ["416", "416", "416", "412", "304", "416", "404"]);
}

#[test]
fn listings_have_one_order_and_pages() {
    let names = ["a", "a/1", "a/2", "a/b/1", "a/b/2", "a-b", "a0", "b", "B", "%C3%A4", "~", "a/b0"];
    let puts = names.iter().map(|name| put(&format!("/{name}"), *name));
    let lists = [
        "",
        "&prefix=a",
        "&prefix=a%2F",
        "&prefix=a%2F&delimiter=%2F",
        "&delimiter=%2F",
        "&delimiter=b",
        "&prefix=none",
        "&start-after=a",
        "&start-after=a%2Fb%2F1",
        "&start-after=a0&prefix=a%2F",
        "&max-keys=0",
        "&max-keys=5000",
        "&prefix=a%2F&delimiter=%2F&start-after=a%2Fb",
        "&prefix=a%2F&delimiter=%2F&start-after=a%2F1",
        "&max-keys=2",
        "&max-keys=2&continuation-token={token}",
        "&max-keys=2&continuation-token={token}",
        "&max-keys=100&continuation-token={token}",
        "&max-keys=2&delimiter=%2F",
        "&max-keys=2&delimiter=%2F&continuation-token={token}",
        "&max-keys=2&delimiter=%2F&continuation-token={token}",
        "&max-keys=1&prefix=a%2F&delimiter=%2F&start-after=a%2F1",
        "&max-keys=1&prefix=a%2F&delimiter=%2F&continuation-token={token}",
        "&max-keys=1&prefix=a%2F&delimiter=%2F&continuation-token={token}",
    ];
    compare(puts.chain(lists.map(|list| get(&format!("?list-type=2{list}")))));
}

#[test]
fn copies_take_or_replace_what_was_said() {
    let copy = |to: &str, from: &str| put(to, "").with("x-amz-copy-source", format!("{{bucket}}/{from}"));
    let answers = compare([
        put("/a", "hello").with("content-type", "image/png").with("x-amz-meta-colour", "blue"),
        copy("/b", "a"),
        get("/b"),
        copy("/c", "a").with("x-amz-metadata-directive", "REPLACE").with("content-type", "image/webp"),
        get("/c"),
        copy("/d", "none"),
        copy("/a", "c"),
        get("/a"),
        put("/%C3%A4%20b", "hello"),
        copy("/e", "%C3%A4%20b"),
        get("/e"),
    ]);
    assert_eq!(statuses(&answers), ["200", "200", "200", "200", "200", "404", "200", "200", "200", "200", "200"]);
    assert!(answers[4].contains(&"content-type: image/webp".to_owned()), "{:?}", answers[4]);
}

#[test]
fn many_are_deleted_at_once() {
    let many = |keys: &str| ask("POST", "?delete=").body(format!("<Delete>{keys}</Delete>"));
    let key = |key: &str| format!("<Object><Key>{key}</Key></Object>");
    let too_many: String = (0..1001).map(|n| key(&n.to_string())).collect();
    let answers = compare([
        put("/a", "1"),
        put("/b/c", "2"),
        put("/d&e", "3"),
        put("/f", "4"),
        many(&[key("a"), key("b/c"), key("d&amp;e"), key("none")].concat()),
        get("?list-type=2"),
        many(""),
        many(&too_many),
        ask("POST", "?delete=").body("<Delete><Obj"),
        get("?list-type=2"),
    ]);
    assert_eq!(statuses(&answers)[4..], ["200", "200", "400", "400", "400", "200"]);
}

/// Ends the upload with these parts: numbers and ETags.
fn complete(parts: &[(usize, &str)]) -> Ask {
    let part =
        |(number, etag): &(usize, &str)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    let parts: String = parts.iter().map(part).collect();
    ask("POST", "/big?uploadId={upload}").body(format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>"))
}

#[test]
fn uploads_in_parts_appear_whole() {
    const PART: usize = 5 << 20;
    let part = |number: usize, body: Vec<u8>| put(&format!("/big?partNumber={number}&uploadId={{upload}}"), body);
    let begin = || ask("POST", "/big?uploads=").with("content-type", "video/mp4").with("x-amz-meta-colour", "blue");
    let answers = compare([
        put("/big", "before"),
        begin(),
        part(1, vec![b'a'; PART]),
        part(2, b"wrong".to_vec()),
        part(2, b"end".to_vec()),
        get("/big"),
        get("?list-type=2"),
        complete(&[(1, "{1}"), (2, "{2}")]),
        ask("HEAD", "/big"),
        get("/big").with("range", format!("bytes={}-", PART - 1)),
        complete(&[(1, "{1}"), (2, "{2}")]),
        part(3, b"late".to_vec()),
    ]);
    assert_eq!(
        statuses(&answers),
        ["200", "200", "200", "200", "200", "200", "200", "200", "200", "206", "404", "404"]
    );
    // The MD5 of the parts' MD5s, and their number.
    let expected = format!("etag: {:?}", "cc8f6f16b44b75adde6349ab98aee432-2");
    assert!(answers[8].contains(&expected), "{:?}", answers[8]);
    let answers = compare([
        put("/big", "before"),
        begin(),
        part(1, b"small".to_vec()),
        part(2, b"end".to_vec()),
        complete(&[(1, "{1}"), (2, "{2}")]),
        complete(&[(2, "{1}")]),
        complete(&[]),
        get("/big"),
        ask("DELETE", "/big?uploadId={upload}"),
        part(1, b"late".to_vec()),
        get("/big"),
    ]);
    assert_eq!(statuses(&answers)[4..], ["400", "400", "400", "200", "204", "404", "200"]);
}

#[test]
fn only_the_right_keys_open_a_bucket() {
    let asks = || [get("?list-type=2"), put("/a", "hello"), get("/a"), ask("HEAD", "/a"), ask("DELETE", "/a")];
    for (id, secret, expected) in [(false, true, "403"), (true, false, "401")] {
        for mut side in sides() {
            if secret {
                side.bucket.secret_key.push('x');
            }
            if id {
                side.bucket.access_key.push('x');
            }
            for ask in asks() {
                assert_eq!(side.answer(&ask)[0], expected, "{:?}: {} {}", side.cloud.kind, ask.method, ask.path);
            }
        }
    }
}

#[test]
fn a_body_that_is_not_what_was_signed_is_refused() {
    for mut side in sides() {
        let sum = "0000000000000000000000000000000000000000000000000000000000000000";
        assert_eq!(side.answer(&put("/a", "hello"))[0], "200");
        let forged = side.bucket.send_as(&Signed { method: "PUT", path: "/a", headers: &[], body: b"other" }, sum);
        let status = forged.unwrap().status().unwrap();
        assert!((400..500).contains(&status), "{:?}: {status}", side.cloud.kind);
        assert!(side.answer(&get("/a")).contains(&"5 bytes hello".to_owned()), "{:?}", side.cloud.kind);
    }
}

#[test]
fn a_bucket_that_is_not_there_is_said_to_be_missing() {
    for mut side in sides() {
        side.bucket.bucket = "nowhere".to_owned();
        for ask in [get("?list-type=2"), get("/a"), put("/a", "hello")] {
            assert_eq!(side.answer(&ask)[0], "404", "{:?}: {} {}", side.cloud.kind, ask.method, ask.path);
        }
    }
}
