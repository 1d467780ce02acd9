//! One HTTP request of `object_store`: counted, sent on the process's connections, and given up when nothing moves, or when more comes
//! than can be an answer to it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, ETAG, IF_MATCH};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};

use super::answer::Answer;
use super::bounds;
use super::file_keys;
use super::meta::quoted;
use super::operation::Operation;
use crate::cloudflare::Oversized;
use crate::metrics::R2Metrics;
use crate::runtime::Runtime;

/// The slowest line on which an upload or a download is still waited for: 2 Mbit/s.
const BYTES_PER_SECOND: u64 = 256 << 10;

/// Time for a body of this size, beside the time for an answer.
pub(super) fn time_for(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1000) / BYTES_PER_SECOND)
}

tokio::task_local! {
    /// The ETag of the version that the request replaces, where `object_store` has no option for it.
    static REPLACES: HeaderValue;
}

/// Sends the request that `work` makes with the condition that the version with this ETag is there. (What is signed is the same: S3
/// wants the host and headers of its own in a signature.)
pub(super) async fn replacing<T>(
    etag: &str,
    work: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    let value = HeaderValue::from_str(&quoted(etag))
        .map_err(|error| object_store::Error::Generic { store: "R2", source: Box::new(error) })?;
    REPLACES.scope(value, work).await
}

#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub(super) metrics: Arc<R2Metrics>,
    /// How long an answer may take, bodies aside.
    pub(super) answer_time: Duration,
}

impl HttpConnector for Wire {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        let operation = Operation::of(request.method(), query, request.headers());
        self.metrics.of(operation).add(1);
        let expected = bounds::of(operation, &request);
        if let Ok(etag) = REPLACES.try_with(HeaderValue::clone) {
            request.headers_mut().insert(IF_MATCH, etag);
        }
        // Asked for each time: connections made before a `fork` are the parent's.
        let runtime = Runtime::current().map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let sent = time_for(request.body().content_length() as u64);
        let client = runtime.http.client(request.uri().host());
        let answer = within(self.answer_time + sent, client.call(request)).await?;
        self.read(answer, operation, expected).await
    }
}

impl Wire {
    /// All of the answer to a request of this kind, or what is wrong with it.
    pub(super) async fn read(
        &self,
        answer: HttpResponse,
        operation: Operation,
        expected: Oversized,
    ) -> Result<HttpResponse, HttpError> {
        let (mut head, body) = answer.into_parts();
        if head.headers.get(ETAG).is_some_and(|etag| etag.len() as u64 > bounds::ETAG.most) {
            return Err(HttpError::new(HttpErrorKind::Unknown, bounds::ETAG));
        }
        // The body is read here, so that a stall or a reset within it is a failed request like any other.
        let body = if head.status.is_success() {
            let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
            // A HEAD tells of a body that does not come.
            if operation != Operation::Head && length.is_some_and(|length| length > expected.most) {
                return Err(HttpError::new(HttpErrorKind::Unknown, expected));
            }
            let time = self.answer_time + time_for(length.unwrap_or(0).min(expected.most));
            let (body, rest) = within(time, collect(body, expected.most, length)).await?;
            if rest == Rest::Left {
                return Err(HttpError::new(HttpErrorKind::Unknown, expected));
            }
            body
        } else {
            // The status says most, and the first lines the rest.
            within(self.answer_time, collect(body, bounds::ERROR_BYTES, None)).await?.0
        };
        if let Some(answer) = Answer::read(&head, &body) {
            return Err(HttpError::new(HttpErrorKind::Unknown, answer));
        }
        if operation == Operation::List
            && let Some((page, left)) = file_keys::without_unusable(&body)
        {
            head.extensions.insert(left);
            return Ok(HttpResponse::from_parts(head, Bytes::from(page).into()));
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

/// What became of the rest of a body.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    Taken,
    Left,
}

/// A body, or its first bytes, when it has more than `most`. `length`: how many it is said to have.
async fn collect(body: HttpResponseBody, most: u64, length: Option<u64>) -> Result<(Bytes, Rest), HttpError> {
    let mut chunks = body.bytes_stream();
    let Some(first) = chunks.next().await.transpose()? else { return Ok((Bytes::new(), Rest::Taken)) };
    let mut all = Vec::new();
    let mut taken = first.len() as u64;
    while taken <= most
        && let Some(chunk) = chunks.next().await.transpose()?
    {
        if all.is_empty() {
            reserve(&mut all, length.unwrap_or(0).min(most).max(taken))?;
            all.extend_from_slice(&first);
        }
        reserve(&mut all, chunk.len() as u64)?;
        all.extend_from_slice(&chunk);
        taken += chunk.len() as u64;
    }
    let rest = if taken > most { Rest::Left } else { Rest::Taken };
    Ok((if all.is_empty() { first } else { all.into() }, rest))
}

/// Makes room for so many more bytes. There may be none: the process can have a limit, or be at its end.
fn reserve(all: &mut Vec<u8>, more: u64) -> Result<(), HttpError> {
    let more = usize::try_from(more).unwrap_or(usize::MAX);
    all.try_reserve(more).map_err(|_| HttpError::new(HttpErrorKind::Unknown, NoMemory))
}

/// There is no memory for an answer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("there is no memory left for the answer")]
pub(super) struct NoMemory;

#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:.1?}")]
struct Stalled(Duration);

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, HttpError>>) -> Result<T, HttpError> {
    let stalled = |_| HttpError::new(HttpErrorKind::Timeout, Stalled(limit));
    tokio::time::timeout(limit, work).await.map_err(stalled)?
}
