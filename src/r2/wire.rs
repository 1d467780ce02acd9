//! One HTTP request of `object_store`: counted, sent on the process's connections, and given up when nothing moves.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::CONTENT_LENGTH;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};

use super::answer::Answer;
use super::operation::Operation;
use super::page;
use crate::metrics::R2Metrics;
use crate::runtime::Runtime;

/// The slowest line on which an upload or a download is still waited for: 2 Mbit/s.
const BYTES_PER_SECOND: u64 = 256 << 10;

/// Time for a body of this size, beside the time for an answer.
pub(super) fn time_for(bytes: u64) -> Duration {
    Duration::from_millis(bytes * 1000 / BYTES_PER_SECOND)
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
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let query = request.uri().query().unwrap_or_default();
        let operation = Operation::of(request.method(), query, request.headers());
        self.metrics.of(operation).add(1);
        // Asked for each time: connections made before a `fork` are the parent's.
        let runtime = Runtime::current().map_err(|error| HttpError::new(HttpErrorKind::Connect, error))?;
        let sent = time_for(request.body().content_length() as u64);
        let client = runtime.http.client(request.uri().host());
        let (mut head, body) = within(self.answer_time + sent, client.call(request)).await?.into_parts();
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        // The body is read here, so that a stall or a reset within it is a failed request like any other.
        let body = within(self.answer_time + time_for(length.unwrap_or(0)), collect(body)).await?;
        if let Some(answer) = Answer::read(&head, &body) {
            return Err(HttpError::new(HttpErrorKind::Unknown, answer));
        }
        if operation == Operation::List
            && let Some((page, unusable)) = page::without_unusable(&body)
        {
            head.extensions.insert(unusable);
            return Ok(HttpResponse::from_parts(head, Bytes::from(page).into()));
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

async fn collect(body: HttpResponseBody) -> Result<Bytes, HttpError> {
    let mut chunks = body.bytes_stream();
    let Some(first) = chunks.next().await.transpose()? else { return Ok(Bytes::new()) };
    let mut all: Option<BytesMut> = None;
    while let Some(chunk) = chunks.next().await.transpose()? {
        all.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&chunk);
    }
    Ok(all.map_or(first, BytesMut::freeze))
}

#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:.1?}")]
struct Stalled(Duration);

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, HttpError>>) -> Result<T, HttpError> {
    let stalled = |_| HttpError::new(HttpErrorKind::Timeout, Stalled(limit));
    tokio::time::timeout(limit, work).await.map_err(stalled)?
}
