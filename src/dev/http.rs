//! The routes of the query API. Statements run on threads that may block; a database runs one batch at a time.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{Uri, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::buckets;
use super::credentials::Credentials;
use super::database::QueryResult;
use super::envelope::{ApiError, Envelope, ResultInfo};
use super::json::Format;
use super::registry::{DatabaseInfo, Registry};
use super::s3::Buckets;
use crate::d1::Statement;

/// The largest request body that Cloudflare's network accepts (documentation, "Limits": 100 MB).
const BODY_BYTES: usize = 100_000_000;

/// Databases per page of a listing, unless the request says otherwise.
const PER_PAGE: usize = 1000;

pub(super) type ApiResult<T> = Result<Envelope<T>, ApiError>;
type Databases = State<Arc<Registry>>;

pub(super) fn router(credentials: Credentials, registry: Arc<Registry>, buckets: Buckets) -> Router {
    let known = AccountInfo { id: credentials.id.clone(), name: "liteflare dev", r#type: "standard" };
    let buckets = buckets::router(&credentials.id, buckets);
    let databases = format!("/client/v4/accounts/{}/d1/database", credentials.id);
    let token_id = credentials.access_key_id();
    Router::new()
        .route(
            "/client/v4/user/tokens/verify",
            get(async move || Envelope::of(TokenInfo { id: token_id, status: "active" })),
        )
        .route("/client/v4/accounts", get(async move || accounts(known)))
        .route(&databases, get(list).post(create))
        .route(&format!("{databases}/{{id}}"), get(info).delete(delete))
        .route(&format!("{databases}/{{id}}/raw"), post(raw))
        .route(&format!("{databases}/{{id}}/query"), post(query))
        .with_state(registry)
        .merge(buckets)
        .fallback(async |uri: Uri| ApiError::no_route(uri.path()))
        .layer(middleware::from_fn_with_state(Arc::new(credentials), authorize))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

/// An account, as the API describes it.
#[derive(Clone, Serialize)]
struct AccountInfo {
    id: String,
    name: &'static str,
    r#type: &'static str,
}

fn accounts(only: AccountInfo) -> Envelope<Vec<AccountInfo>> {
    Envelope::page(vec![only], ResultInfo { page: 1, per_page: 20, count: 1, total_count: 1 })
}

/// The token of the request, as the API describes it.
#[derive(Serialize)]
struct TokenInfo {
    id: String,
    status: &'static str,
}

async fn authorize(
    State(credentials): State<Arc<Credentials>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let given = request.headers().get(header::AUTHORIZATION).ok_or_else(ApiError::missing_token)?;
    if given.as_bytes() != format!("Bearer {}", credentials.token).as_bytes() {
        let verifying = request.uri().path().ends_with("/tokens/verify");
        return Err(if verifying { ApiError::invalid_token() } else { ApiError::wrong_token() });
    }
    if is_foreign(request.uri().path(), &credentials.id) {
        return Err(ApiError::wrong_token());
    }
    Ok(next.run(request).await)
}

/// Whether a path names an account that the token cannot see. What cannot be an account's id is left to routing, and not found.
fn is_foreign(path: &str, ours: &str) -> bool {
    let id = path.strip_prefix("/client/v4/accounts/").and_then(|rest| rest.split('/').next());
    id.is_some_and(|id| id != ours && id.len() == ours.len() && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[derive(Deserialize)]
struct ListQuery {
    name: Option<String>,
    page: Option<usize>,
    per_page: Option<usize>,
}

async fn list(State(registry): Databases, Query(query): Query<ListQuery>) -> Envelope<Vec<DatabaseInfo>> {
    let mut found = registry.list();
    found.retain(|info| query.name.as_ref().is_none_or(|name| *name == info.name));
    let (page, per_page) = (query.page.unwrap_or(1).max(1), query.per_page.unwrap_or(PER_PAGE).max(1));
    let total_count = found.len();
    let shown: Vec<DatabaseInfo> = found.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    let count = shown.len();
    Envelope::page(shown, ResultInfo { page, per_page, count, total_count })
}

#[derive(Deserialize)]
struct CreateBody {
    name: String,
}

async fn create(State(registry): Databases, body: Bytes) -> ApiResult<DatabaseInfo> {
    let CreateBody { name } = parse(&body)?;
    blocking(move || registry.create(&name)).await
}

async fn info(State(registry): Databases, Path(id): Path<String>) -> ApiResult<DatabaseInfo> {
    Ok(Envelope::of(registry.info(&id)?))
}

async fn delete(State(registry): Databases, Path(id): Path<String>) -> ApiResult<()> {
    blocking(move || registry.delete(&id)).await
}

async fn raw(State(registry): Databases, Path(id): Path<String>, body: Bytes) -> ApiResult<Vec<QueryResult>> {
    run(registry, id, body, Format::Arrays).await
}

async fn query(State(registry): Databases, Path(id): Path<String>, body: Bytes) -> ApiResult<Vec<QueryResult>> {
    run(registry, id, body, Format::Objects).await
}

async fn run(registry: Arc<Registry>, id: String, body: Bytes, format: Format) -> ApiResult<Vec<QueryResult>> {
    blocking(move || registry.get(&id)?.run(&statements(&body)?, format)).await
}

/// `{"sql", "params"}` or `{"batch": [{"sql", "params"}, …]}`.
#[derive(Deserialize)]
struct QueryBody {
    sql: Option<String>,
    params: Option<Vec<String>>,
    batch: Option<Vec<BatchEntry>>,
}

#[derive(Deserialize)]
struct BatchEntry {
    sql: String,
    params: Option<Vec<String>>,
}

fn statements(body: &[u8]) -> Result<Vec<Statement>, ApiError> {
    match parse(body)? {
        QueryBody { batch: Some(batch), .. } if batch.is_empty() => Err(ApiError::malformed("`batch` is empty")),
        QueryBody { batch: Some(batch), .. } => {
            Ok(batch.into_iter().map(|entry| statement(entry.sql, entry.params)).collect())
        }
        QueryBody { sql: Some(sql), params, .. } => Ok(vec![statement(sql, params)]),
        QueryBody { .. } => Err(ApiError::malformed("neither `sql` nor `batch` is given")),
    }
}

fn statement(sql: String, params: Option<Vec<String>>) -> Statement {
    Statement::with(sql, params.unwrap_or_default())
}

// Refuses a parameter that is not a string by its type: D1's API documents nothing but strings.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(ApiError::malformed)
}

pub(super) async fn blocking<T, F>(work: F) -> ApiResult<T>
where
    T: Serialize + Send + 'static,
    F: FnOnce() -> Result<T, ApiError> + Send + 'static,
{
    Ok(Envelope::of(tokio::task::spawn_blocking(work).await??))
}
