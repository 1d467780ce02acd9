//! R2's S3 API, with real signatures, over buckets and objects in the cloud's folder.
//!
//! ```text
//! http ──► count ──► s3s (signatures, XML) ──► api ──► store: index (SQLite) + blobs (files)
//!                                                └─ list, multipart, body, convert
//! ```

mod api;
mod blobs;
mod body;
mod convert;
mod list;
mod multipart;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::error_handling::HandleError;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;
use s3s::{HttpError, S3Error, S3ErrorCode, S3Result};

use super::credentials::Credentials;
use crate::metrics::R2Metrics;
use crate::r2::{Operation, Requests};
use api::Api;
use store::ObjectStore;

/// The buckets of one cloud.
#[derive(Clone)]
pub(super) struct Buckets {
    store: Arc<ObjectStore>,
    requests: Arc<R2Metrics>,
}

impl Buckets {
    /// `durable`: what is acknowledged survives a power failure, not only the end of the process.
    pub(super) fn open(dir: &Path, durable: bool) -> anyhow::Result<Buckets> {
        Ok(Buckets { store: Arc::new(ObjectStore::open(dir, durable)?), requests: Arc::default() })
    }

    /// Returns whether the bucket is new.
    pub(super) fn create(&self, name: &str) -> S3Result<bool> {
        self.store.create_bucket(name)
    }

    /// Names and creation times.
    pub(super) fn list(&self) -> S3Result<Vec<(String, SystemTime)>> {
        self.store.buckets()
    }

    pub(super) fn requests(&self) -> Requests {
        Requests::read(&self.requests)
    }

    pub(super) fn router(&self, credentials: &Credentials) -> Router {
        let mut service = S3ServiceBuilder::new(Api(Arc::clone(&self.store)));
        service.set_auth(OneKey { id: credentials.access_key_id(), secret: credentials.secret_access_key() });
        Router::new()
            .fallback_service(HandleError::new(service.build(), failed))
            .layer(middleware::from_fn_with_state(Arc::clone(&self.requests), count))
    }
}

async fn failed(error: HttpError) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}"))
}

async fn count(State(requests): State<Arc<R2Metrics>>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    requests.of(Operation::of(request.method(), query, request.headers())).add(1);
    next.run(request).await
}

/// The only key pair the cloud accepts. R2 answers 401 to another id, 403 to another secret.
struct OneKey {
    id: String,
    secret: String,
}

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.id {
            return Ok(self.secret.clone().into());
        }
        let mut unknown = S3Error::with_message(S3ErrorCode::Custom("Unauthorized".into()), "Unauthorized");
        unknown.set_status_code(StatusCode::UNAUTHORIZED);
        Err(unknown)
    }
}
