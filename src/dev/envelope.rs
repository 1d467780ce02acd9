//! The envelope every answer of Cloudflare's API comes in, and the refusals with their codes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// A request that was not carried out, in Cloudflare's codes.
#[derive(Debug, thiserror::Error)]
#[error("{message} [code: {code}]")]
pub(super) struct Refusal {
    status: StatusCode,
    code: u32,
    message: String,
}

impl Refusal {
    pub(super) fn malformed(reason: impl std::fmt::Display) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, 7400, format!("The request is malformed: {reason}"))
    }

    pub(super) fn missing_token() -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, 10000, "Authentication error".to_owned())
    }

    pub(super) fn wrong_token() -> Refusal {
        Refusal::new(StatusCode::FORBIDDEN, 10000, "Authentication error".to_owned())
    }

    /// What `tokens/verify` says to a token it does not know.
    pub(super) fn invalid_token() -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, 1000, "Invalid API Token".to_owned())
    }

    pub(super) fn unknown_bucket() -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, 10006, "The specified bucket does not exist.".to_owned())
    }

    pub(super) fn bucket_taken() -> Refusal {
        let message = "The bucket you tried to create already exists, and you own it.";
        Refusal::new(StatusCode::CONFLICT, 10004, message.to_owned())
    }

    pub(super) fn wrong_bucket_name() -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, 10005, "The specified bucket name is not valid.".to_owned())
    }

    pub(super) fn unknown_database(id: &str) -> Refusal {
        Refusal::new(StatusCode::NOT_FOUND, 7404, format!("The database {id} could not be found"))
    }

    pub(super) fn name_taken(name: &str) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, 7502, format!("A database named {name} already exists"))
    }

    pub(super) fn no_route(path: &str) -> Refusal {
        let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
        Refusal::new(StatusCode::NOT_FOUND, 7003, message)
    }

    /// What D1 or SQLite said about a statement. The batch was rolled back.
    pub(super) fn sql(message: impl std::fmt::Display) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, 7500, format!("D1_ERROR: {message}"))
    }

    fn new(status: StatusCode, code: u32, message: String) -> Refusal {
        Refusal { status, code, message }
    }

    fn internal(error: impl std::fmt::Display) -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 7500, error.to_string())
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Refusal {
        Refusal::internal(error)
    }
}

impl From<s3s::S3Error> for Refusal {
    fn from(error: s3s::S3Error) -> Refusal {
        Refusal::internal(error)
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Refusal {
        Refusal::internal(error)
    }
}

impl From<tokio::task::JoinError> for Refusal {
    fn from(error: tokio::task::JoinError) -> Refusal {
        Refusal::internal(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal { status, code, message } = self;
        let errors = json!([{ "code": code, "message": message }]);
        (status, Json(json!({ "success": false, "errors": errors, "messages": [], "result": [] }))).into_response()
    }
}

/// A request that was carried out.
#[derive(Serialize)]
pub(super) struct Answer<T> {
    success: bool,
    errors: [(); 0],
    messages: [(); 0],
    result: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_info: Option<Page>,
}

/// Which part of a list an answer holds.
#[derive(Serialize)]
pub(super) struct Page {
    pub(super) page: usize,
    pub(super) per_page: usize,
    pub(super) count: usize,
    pub(super) total_count: usize,
}

impl<T: Serialize> Answer<T> {
    pub(super) fn of(result: T) -> Answer<T> {
        Answer { success: true, errors: [], messages: [], result, result_info: None }
    }

    pub(super) fn page(result: T, page: Page) -> Answer<T> {
        Answer { result_info: Some(page), ..Answer::of(result) }
    }
}

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
