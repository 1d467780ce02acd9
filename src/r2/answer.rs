//! What R2 says instead of doing what it was asked to.

use std::time::Duration;

use http::StatusCode;
use http::response::Parts;

use crate::cloudflare::{advice, redirect};
use crate::retry::retry_after;

/// A refusal in R2's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code}, HTTP {status})")]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// S3's error code, such as `AccessDenied`.
    pub code: String,
    /// R2's own words.
    pub message: String,
    /// How long R2 asks to wait.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// Reads the answer to a request. `None`: it is one that `object_store` understands.
    pub(super) fn read(head: &Parts, body: &[u8]) -> Option<Answer> {
        // First of all: the body may be an object.
        if head.status.is_success() {
            return None;
        }
        let code = element(body, "Code");
        let plain = match head.status {
            StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED => true,
            StatusCode::NOT_FOUND => code.as_deref() != Some("NoSuchBucket"),
            _ => false,
        };
        if plain {
            return None;
        }
        let redirect = redirect(head.status, &head.headers);
        let reason = || head.status.canonical_reason().unwrap_or("an answer without a reason").to_owned();
        Some(Answer {
            status: head.status.as_u16(),
            code: code.map_or_else(|| "no S3 error code".to_owned(), shortened),
            message: redirect.or_else(|| element(body, "Message")).map_or_else(reason, shortened),
            retry_after: retry_after(&head.headers),
        })
    }

    /// Whether the same request may succeed later.
    pub(super) fn is_transient(&self) -> bool {
        // 409: R2's and S3's answer to writes of one object at the same moment. 501: what R2 does not have it will not have later.
        matches!(self.status, 408 | 409 | 425 | 429 | 500 | 502..=599)
    }

    /// What to do about it, behind a colon; may be empty.
    pub(super) fn advice(&self) -> String {
        match advice::about_r2(self.status, &self.code).brief {
            "" => String::new(),
            brief => format!(": {brief}"),
        }
    }
}

/// What a person may be expected to read.
const READABLE_CHARS: usize = 1000;

fn shortened(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(READABLE_CHARS) {
        text.truncate(at);
        text.push('…');
    }
    text
}

// The two elements wanted stand at the top of a document of a few lines; its end may be missing.
fn element(body: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&apos;", "'")
            .replace("&amp;", "&"),
    )
}
