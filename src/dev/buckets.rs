//! The routes of Cloudflare's API that list, show and create buckets. Objects are only reachable through the S3 API.

use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::routing::get;
use serde::{Deserialize, Serialize};

use super::envelope::{ApiError, Envelope};
use super::http::{blocking, parse};
use super::s3::Buckets;
use crate::cloudflare::is_bucket_name;

pub(super) fn router(account: &str, buckets: Buckets) -> Router {
    let all = format!("/client/v4/accounts/{account}/r2/buckets");
    Router::new().route(&all, get(list).post(create)).route(&format!("{all}/{{name}}"), get(info)).with_state(buckets)
}

/// A bucket, as the API describes it.
#[derive(Serialize)]
struct BucketInfo {
    name: String,
    creation_date: String,
    storage_class: &'static str,
}

#[derive(Serialize)]
struct BucketList {
    buckets: Vec<BucketInfo>,
}

fn describe((name, created): (String, SystemTime)) -> BucketInfo {
    BucketInfo { name, creation_date: humantime::format_rfc3339_millis(created).to_string(), storage_class: "Standard" }
}

async fn list(State(buckets): State<Buckets>) -> Result<Envelope<BucketList>, ApiError> {
    blocking(move || Ok(BucketList { buckets: buckets.list()?.into_iter().map(describe).collect() })).await
}

async fn info(State(buckets): State<Buckets>, Path(name): Path<String>) -> Result<Envelope<BucketInfo>, ApiError> {
    blocking(move || find(&buckets, &name)).await
}

fn find(buckets: &Buckets, name: &str) -> Result<BucketInfo, ApiError> {
    let found = buckets.list()?.into_iter().find(|(other, _)| other == name);
    found.map(describe).ok_or_else(ApiError::unknown_bucket)
}

#[derive(Deserialize)]
struct CreateBody {
    name: String,
}

async fn create(State(buckets): State<Buckets>, body: Bytes) -> Result<Envelope<BucketInfo>, ApiError> {
    let CreateBody { name } = parse(&body)?;
    if !is_bucket_name(&name) {
        return Err(ApiError::wrong_bucket_name());
    }
    blocking(move || if buckets.create(&name)? { find(&buckets, &name) } else { Err(ApiError::bucket_taken()) }).await
}
