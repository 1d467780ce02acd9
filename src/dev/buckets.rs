//! The routes of Cloudflare's API for buckets: listed, looked at, made. Their objects are behind the S3 API alone.

use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::envelope::{Answer, Refusal};
use super::http::{blocking, parse};
use super::s3::Buckets;
use crate::cloudflare::is_bucket_name;

pub(super) fn router(account: &str, buckets: Buckets) -> Router {
    let all = format!("/client/v4/accounts/{account}/r2/buckets");
    Router::new().route(&all, get(list).post(create)).route(&format!("{all}/{{name}}"), get(info)).with_state(buckets)
}

/// What the API tells about a bucket.
#[derive(Serialize)]
struct Info {
    name: String,
    creation_date: String,
    storage_class: &'static str,
}

#[derive(Serialize)]
struct List {
    buckets: Vec<Info>,
}

fn describe((name, created): (String, SystemTime)) -> Info {
    Info { name, creation_date: humantime::format_rfc3339_millis(created).to_string(), storage_class: "Standard" }
}

async fn list(State(buckets): State<Buckets>) -> Result<Answer<List>, Refusal> {
    blocking(move || Ok(List { buckets: buckets.list()?.into_iter().map(describe).collect() })).await
}

async fn info(State(buckets): State<Buckets>, Path(name): Path<String>) -> Result<Answer<Info>, Refusal> {
    blocking(move || find(&buckets, &name)).await
}

fn find(buckets: &Buckets, name: &str) -> Result<Info, Refusal> {
    let found = buckets.list()?.into_iter().find(|(other, _)| other == name);
    found.map(describe).ok_or_else(Refusal::unknown_bucket)
}

#[derive(Deserialize)]
struct CreateBody {
    name: String,
}

async fn create(State(buckets): State<Buckets>, body: Bytes) -> Result<Answer<Info>, Refusal> {
    let CreateBody { name } = parse(&body)?;
    if !is_bucket_name(&name) {
        return Err(Refusal::wrong_bucket_name());
    }
    blocking(move || if buckets.make(&name)? { find(&buckets, &name) } else { Err(Refusal::bucket_taken()) }).await
}
