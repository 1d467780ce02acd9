//! The envelope of every answer of Cloudflare's API, and its errors with their codes.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// Why a request was not carried out, with Cloudflare's code.
#[derive(Debug, thiserror::Error)]
#[error("{message} [code: {code}]")]
pub(super) struct ApiError {
    status: StatusCode,
    code: u32,
    message: String,
}

impl ApiError {
    pub(super) fn malformed(reason: impl std::fmt::Display) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, 7400, format!("The request is malformed: {reason}"))
    }

    pub(super) fn missing_token() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, 10000, "Authentication error".to_owned())
    }

    pub(super) fn wrong_token() -> ApiError {
        ApiError::new(StatusCode::FORBIDDEN, 10000, "Authentication error".to_owned())
    }

    /// What `tokens/verify` answers to a token it does not know.
    pub(super) fn invalid_token() -> ApiError {
        ApiError::new(StatusCode::UNAUTHORIZED, 1000, "Invalid API Token".to_owned())
    }

    pub(super) fn unknown_bucket() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, 10006, "The specified bucket does not exist.".to_owned())
    }

    pub(super) fn bucket_taken() -> ApiError {
        let message = "The bucket you tried to create already exists, and you own it.";
        ApiError::new(StatusCode::CONFLICT, 10004, message.to_owned())
    }

    pub(super) fn wrong_bucket_name() -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, 10005, "The specified bucket name is not valid.".to_owned())
    }

    pub(super) fn unknown_database(id: &str) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, 7404, format!("The database {id} could not be found"))
    }

    pub(super) fn name_taken(name: &str) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, 7502, format!("A database named {name} already exists"))
    }

    pub(super) fn no_route(path: &str) -> ApiError {
        let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
        ApiError::new(StatusCode::NOT_FOUND, 7003, message)
    }

    /// D1's or SQLite's error about a statement. The batch has been rolled back.
    pub(super) fn sql(message: impl std::fmt::Display) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, 7500, format!("D1_ERROR: {message}"))
    }

    fn new(status: StatusCode, code: u32, message: String) -> ApiError {
        ApiError { status, code, message }
    }

    fn internal(error: impl std::fmt::Display) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, 7500, error.to_string())
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> ApiError {
        ApiError::internal(error)
    }
}

impl From<s3s::S3Error> for ApiError {
    fn from(error: s3s::S3Error) -> ApiError {
        ApiError::internal(error)
    }
}

impl From<serde_json::Error> for ApiError {
    fn from(error: serde_json::Error) -> ApiError {
        ApiError::internal(error)
    }
}

impl From<tokio::task::JoinError> for ApiError {
    fn from(error: tokio::task::JoinError) -> ApiError {
        ApiError::internal(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let ApiError { status, code, message } = self;
        let errors = json!([{ "code": code, "message": message }]);
        (status, Json(json!({ "success": false, "errors": errors, "messages": [], "result": [] }))).into_response()
    }
}

/// The answer to a request that was carried out.
#[derive(Serialize)]
pub(super) struct Envelope<T> {
    success: bool,
    errors: [(); 0],
    messages: [(); 0],
    result: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_info: Option<ResultInfo>,
}

/// Which part of a list the answer holds.
#[derive(Serialize)]
pub(super) struct ResultInfo {
    pub(super) page: usize,
    pub(super) per_page: usize,
    pub(super) count: usize,
    pub(super) total_count: usize,
}

impl<T: Serialize> Envelope<T> {
    pub(super) fn of(result: T) -> Envelope<T> {
        Envelope { success: true, errors: [], messages: [], result, result_info: None }
    }

    pub(super) fn page(result: T, page: ResultInfo) -> Envelope<T> {
        Envelope { result_info: Some(page), ..Envelope::of(result) }
    }
}

impl<T: Serialize> IntoResponse for Envelope<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}
