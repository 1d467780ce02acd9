//! What must hold of any answers of R2's, whatever was asked.
//!
//! The input is what was asked, on a line of its own, and the answers, each a status, headers, an empty line and a body, with `%%` on a
//! line between them. They come to the real client in the place of the network; behind the last one, R2 refuses.

use std::collections::VecDeque;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use object_store::ClientOptions;
use object_store::client::{HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService};
use parking_lot::Mutex;

use super::bounds;
use super::bucket::{Bucket, check_key, path};
use super::error::Error;
use super::keys::Pair;
use super::meta::Meta;
use super::operation::Operation;
use super::put::PutMode;
use super::wire::Wire;
use crate::config::{Access, R2Keys, R2Settings, Refresh, Secret};
use crate::metrics::R2Metrics;

/// The prefix and the key that are asked for.
const PREFIX: &str = "images";
const KEY: &str = "images/a.png";

/// Bytes of one of the parts that are uploaded: nobody looks at their size here.
const PART: u64 = 3;

/// Answers in the place of the network, below all that reads them.
#[derive(Clone, Debug)]
struct Script {
    answers: Arc<Mutex<VecDeque<Response<Bytes>>>>,
    wire: Wire,
}

impl HttpConnector for Script {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Script {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let operation = Operation::of(request.method(), request.uri().query().unwrap_or_default(), request.headers());
        let expected = bounds::of(operation, &request);
        let (mut head, mut body) = self.answers.lock().pop_front().unwrap_or_else(refusal).into_parts();
        if operation == Operation::Head {
            body.clear();
        } else if head.headers.contains_key(CONTENT_LENGTH) {
            head.headers.insert(CONTENT_LENGTH, body.len().into()); // the network's layers see to that
        }
        self.wire.read(HttpResponse::from_parts(head, body.into()), operation, expected).await
    }
}

fn refusal() -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(b"<Error><Code>AccessDenied</Code></Error>"));
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer
}

/// Asks for what the first line says, and holds what comes out against what was promised.
pub fn s3_answers(input: &[u8]) {
    let Some((asked, answers)) = line(input) else { return };
    let answers = split(answers, b"\n%%\n").into_iter().filter_map(answer).collect();
    let wire = Wire { metrics: Arc::default(), answer_time: Duration::from_secs(5) };
    let bucket = bucket(Script { answers: Arc::new(Mutex::new(answers)), wire });
    match asked {
        b"list" => sound(bucket.list(PREFIX), |found| {
            let known = |meta: &Meta| meta.key.starts_with("images/") && check_key(&meta.key).is_ok();
            assert!(found.iter().all(known), "a name that cannot be asked for: {found:?}");
            assert!(found.is_sorted_by(|a, b| a.key < b.key), "names in order, each once: {found:?}");
        }),
        b"any" => sound(bucket.any_below(PREFIX), |_| ()),
        b"head" => sound(bucket.head(KEY), |meta| assert_eq!(meta.key, KEY)),
        b"get" => {
            sound(bucket.get(KEY), |(bytes, meta)| assert_eq!((bytes.len() as u64, &*meta.key), (meta.size, KEY)))
        }
        b"again" => sound(bucket.get_if_changed(KEY, "old"), |read| {
            assert!(read.is_none_or(|(bytes, meta)| bytes.len() as u64 == meta.size));
        }),
        b"put" => {
            sound(bucket.put(KEY, Bytes::from_static(b"abc"), PutMode::Overwrite), |meta| assert_eq!(meta.size, 3))
        }
        b"create" => {
            sound(bucket.put(KEY, Bytes::from_static(b"abc"), PutMode::Create), |meta| assert_eq!(meta.size, 3))
        }
        b"parts" => sound(bucket.run_once(put_parts), |_| ()),
        b"copy" => sound(bucket.copy(KEY, "images/b.webp"), |()| ()),
        b"delete" => sound(bucket.delete(&[KEY, "images/b.webp"]), |()| ()),
        _ => {}
    }
}

async fn put_parts(remote: Arc<super::bucket::Remote>) -> Result<String, Error> {
    let read = |range: std::ops::Range<u64>| ready(Ok::<_, Error>(vec![0; (range.end - range.start) as usize].into()));
    remote.put_parts(KEY, &path(KEY)?, PART, &PutMode::Overwrite, read).await
}

/// An error is one that names its reason; a panic on the background thread has none.
fn sound<T>(answer: Result<T, Error>, check: impl FnOnce(T)) {
    match answer {
        Ok(found) => check(found),
        Err(Error::Thread { reason }) => panic!("{reason}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn bucket(script: Script) -> Bucket {
    let (id, secret) = ("id".to_owned(), Secret::new("secret"));
    let settings = R2Settings {
        bucket: "bucket".into(),
        keys: R2Keys::Given { id: id.clone(), bucket: Access::new("https://endpoint.example", secret.clone()) },
        folders: Vec::new(),
        refresh: Refresh::Always,
        timeout: Duration::ZERO, // nothing is tried again
    };
    let metrics = Arc::<R2Metrics>::default();
    Bucket::through(script, &settings, Pair { id, secret }, metrics).expect("these settings are right")
}

/// One answer as HTTP's layers hand it on. `None`: they would not.
fn answer(text: &[u8]) -> Option<Response<Bytes>> {
    let (status, mut rest) = line(text)?;
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::from_bytes(status).ok().filter(|status| status.as_u16() >= 200)?;
    while let Some((header, after)) = line(rest) {
        rest = after;
        let Some(colon) = header.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&header[..colon]).ok()?;
        answer.headers_mut().append(name, HeaderValue::from_bytes(header[colon + 1..].trim_ascii()).ok()?);
    }
    *answer.body_mut() = Bytes::copy_from_slice(rest);
    Some(answer)
}

fn line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'\n')?;
    Some((&text[..end], &text[end + 1..]))
}

fn split<'a>(mut text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = text.windows(separator.len()).position(|window| window == separator) {
        parts.push(&text[..at]);
        text = &text[at + separator.len()..];
    }
    parts.push(text);
    parts
}
