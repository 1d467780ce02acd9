//! The body of an answer, up to a bound: what was asked tells how much may come. It is counted as it is used, which of a compressed
//! answer is what it becomes.

use bytes::{Bytes, BytesMut};
use reqwest::Response;

/// An answer with more bytes than there can be in any answer to what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answer is larger than the {most} bytes that {what} may have: it is not Cloudflare's, or garbled on the way"
)]
pub struct Oversized {
    /// How much was expected at most.
    pub most: u64,
    /// Of what.
    pub what: &'static str,
}

/// Cloudflare says in a few lines why it refuses.
const ERROR: Oversized = Oversized { most: 1 << 20, what: "an error" };

/// Waits for all of a body. `expected`: how much there may be of it if the request was carried out.
pub(crate) async fn bounded(mut response: Response, expected: Oversized) -> reqwest::Result<Result<Bytes, Oversized>> {
    let bound = if response.status().is_success() { expected } else { ERROR };
    // What is announced as too large is not waited for.
    if response.content_length().is_some_and(|length| length > bound.most) {
        return Ok(Err(bound));
    }
    let Some(first) = response.chunk().await? else { return Ok(Ok(Bytes::new())) };
    let mut all: Option<BytesMut> = None;
    let mut taken = first.len() as u64;
    while taken <= bound.most
        && let Some(chunk) = response.chunk().await?
    {
        taken += chunk.len() as u64;
        all.get_or_insert_with(|| BytesMut::from(&first[..])).extend_from_slice(&chunk);
    }
    Ok(if taken > bound.most { Err(bound) } else { Ok(all.map_or(first, BytesMut::freeze)) })
}
