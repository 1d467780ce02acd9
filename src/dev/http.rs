//! The routes of the query API. Statements run on blocking threads; a database lets them in one at a time.

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

use super::account::Account;
use super::buckets;
use super::database::QueryResult;
use super::envelope::{Answer, Page, Refusal};
use super::json::Format;
use super::registry::{Info, Registry};
use super::s3::Buckets;
use crate::d1::Statement;

/// The largest request Cloudflare's network lets through to an API (documentation, "Limits": 100 MB).
const BODY_BYTES: usize = 100_000_000;

/// Databases on one page of the list unless the request says otherwise.
const PER_PAGE: usize = 1000;

pub(super) type Answered<T> = Result<Answer<T>, Refusal>;
type Databases = State<Arc<Registry>>;

pub(super) fn router(account: Account, registry: Arc<Registry>, buckets: Buckets) -> Router {
    let known = AccountInfo { id: account.id.clone(), name: "liteflare dev", r#type: "standard" };
    let buckets = buckets::router(&account.id, buckets);
    let databases = format!("/client/v4/accounts/{}/d1/database", account.id);
    let token_id = account.access_key_id();
    Router::new()
        .route(
            "/client/v4/user/tokens/verify",
            get(async move || Answer::of(TokenInfo { id: token_id, status: "active" })),
        )
        .route("/client/v4/accounts", get(async move || accounts(known)))
        .route(&databases, get(list).post(create))
        .route(&format!("{databases}/{{id}}"), get(info).delete(delete))
        .route(&format!("{databases}/{{id}}/raw"), post(raw))
        .route(&format!("{databases}/{{id}}/query"), post(query))
        .with_state(registry)
        .merge(buckets)
        .fallback(async |uri: Uri| Refusal::no_route(uri.path()))
        .layer(middleware::from_fn_with_state(Arc::new(account), authorize))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

/// What the API tells about an account.
#[derive(Clone, Serialize)]
struct AccountInfo {
    id: String,
    name: &'static str,
    r#type: &'static str,
}

fn accounts(only: AccountInfo) -> Answer<Vec<AccountInfo>> {
    Answer::page(vec![only], Page { page: 1, per_page: 20, count: 1, total_count: 1 })
}

/// What the API tells about the token it was asked with.
#[derive(Serialize)]
struct TokenInfo {
    id: String,
    status: &'static str,
}

async fn authorize(State(account): State<Arc<Account>>, request: Request, next: Next) -> Result<Response, Refusal> {
    let given = request.headers().get(header::AUTHORIZATION).ok_or_else(Refusal::missing_token)?;
    if given.as_bytes() != format!("Bearer {}", account.token).as_bytes() {
        let verifying = request.uri().path().ends_with("/tokens/verify");
        return Err(if verifying { Refusal::invalid_token() } else { Refusal::wrong_token() });
    }
    if is_foreign(request.uri().path(), &account.id) {
        return Err(Refusal::wrong_token());
    }
    Ok(next.run(request).await)
}

/// Whether a path leads to an account that this token does not see. What is no account's id at all has no route.
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

async fn list(State(registry): Databases, Query(query): Query<ListQuery>) -> Answer<Vec<Info>> {
    let mut found = registry.list();
    found.retain(|info| query.name.as_ref().is_none_or(|name| *name == info.name));
    let (page, per_page) = (query.page.unwrap_or(1).max(1), query.per_page.unwrap_or(PER_PAGE).max(1));
    let total_count = found.len();
    let shown: Vec<Info> = found.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
    let count = shown.len();
    Answer::page(shown, Page { page, per_page, count, total_count })
}

#[derive(Deserialize)]
struct CreateBody {
    name: String,
}

async fn create(State(registry): Databases, body: Bytes) -> Answered<Info> {
    let CreateBody { name } = parse(&body)?;
    blocking(move || registry.create(&name)).await
}

async fn info(State(registry): Databases, Path(id): Path<String>) -> Answered<Info> {
    Ok(Answer::of(registry.info(&id)?))
}

async fn delete(State(registry): Databases, Path(id): Path<String>) -> Answered<()> {
    blocking(move || registry.delete(&id)).await
}

async fn raw(State(registry): Databases, Path(id): Path<String>, body: Bytes) -> Answered<Vec<QueryResult>> {
    run(registry, id, body, Format::Arrays).await
}

async fn query(State(registry): Databases, Path(id): Path<String>, body: Bytes) -> Answered<Vec<QueryResult>> {
    run(registry, id, body, Format::Objects).await
}

async fn run(registry: Arc<Registry>, id: String, body: Bytes, format: Format) -> Answered<Vec<QueryResult>> {
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

fn statements(body: &[u8]) -> Result<Vec<Statement>, Refusal> {
    match parse(body)? {
        QueryBody { batch: Some(batch), .. } if batch.is_empty() => Err(Refusal::malformed("`batch` is empty")),
        QueryBody { batch: Some(batch), .. } => {
            Ok(batch.into_iter().map(|entry| statement(entry.sql, entry.params)).collect())
        }
        QueryBody { sql: Some(sql), params, .. } => Ok(vec![statement(sql, params)]),
        QueryBody { .. } => Err(Refusal::malformed("neither `sql` nor `batch` is given")),
    }
}

fn statement(sql: String, params: Option<Vec<String>>) -> Statement {
    Statement::with(sql, params.unwrap_or_default())
}

// A parameter that is no string is refused here, by its type: D1's API documents strings and nothing else.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(Refusal::malformed)
}

pub(super) async fn blocking<T, F>(work: F) -> Answered<T>
where
    T: Serialize + Send + 'static,
    F: FnOnce() -> Result<T, Refusal> + Send + 'static,
{
    Ok(Answer::of(tokio::task::spawn_blocking(work).await??))
}
