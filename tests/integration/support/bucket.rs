//! Asking a bucket over its S3 API: through liteflare's client, or byte by byte.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use liteflare::config::{Access, R2Keys, R2Settings, Refresh, Secret};
use liteflare::r2::{Bucket, Objects};
use object_store::aws::{AwsAuthorizer, AwsCredential};
use object_store::client::HttpRequestBody;

use super::relay::Relay;
use super::relay::wire::Message;

/// Where a bucket is and what opens it: the settings a client needs.
#[derive(Clone, Debug)]
pub struct BucketRef {
    /// `LITEFLARE_R2_ENDPOINT`.
    pub endpoint: String,
    /// `LITEFLARE_R2_BUCKET`.
    pub bucket: String,
    /// `R2_ACCESS_KEY_ID`.
    pub access_key: String,
    /// `R2_SECRET_ACCESS_KEY`.
    pub secret_key: String,
}

/// A request to be signed. The path begins behind the bucket's name and is percent-encoded, as is the query.
pub struct Signed<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl BucketRef {
    /// The same bucket, reached through `relay`.
    pub fn through(&self, relay: &Relay) -> BucketRef {
        BucketRef { endpoint: relay.api(), ..self.clone() }
    }

    /// Settings with a deadline that a test can wait for, and no folders.
    pub fn settings(&self) -> R2Settings {
        let bucket = Access::new(&self.endpoint, Secret::new(&self.secret_key));
        R2Settings {
            bucket: self.bucket.clone(),
            keys: R2Keys::Given { id: self.access_key.clone(), bucket },
            folders: Vec::new(),
            refresh: Refresh::Every(Duration::from_secs(1)),
            timeout: Duration::from_secs(6),
        }
    }

    /// liteflare's client.
    pub fn client(&self) -> Bucket {
        Bucket::connect(&self.settings(), Arc::default()).expect("a key pair needs no request")
    }

    /// The same with time enough for a machine that is busy, for tests in which nothing is to be waited for.
    pub fn patient_client(&self) -> Bucket {
        let settings = R2Settings { timeout: Duration::from_secs(120), ..self.settings() };
        Bucket::connect(&settings, Arc::default()).expect("a key pair needs no request")
    }

    /// liteflare's client with a memory.
    pub fn objects(&self) -> Objects {
        Objects::open(&self.settings(), Arc::default()).expect("a key pair needs no request")
    }

    /// Sends one signed request and gives the answer as it came.
    pub fn send(&self, request: &Signed<'_>) -> io::Result<Message> {
        self.sign_and_send(request, None)
    }

    /// Sends a request whose signature is good and covers a body with another SHA-256 sum.
    pub fn send_as(&self, request: &Signed<'_>, sum: &str) -> io::Result<Message> {
        self.sign_and_send(request, Some(&hex::decode(sum).expect("a sum in hex")))
    }

    fn sign_and_send(&self, request: &Signed<'_>, sum: Option<&[u8]>) -> io::Result<Message> {
        let url = format!("{}/{}{}", self.endpoint, self.bucket, request.path);
        let method: Method = request.method.parse().expect("a method");
        let mut built = Request::builder().method(method).uri(&url);
        for (name, value) in request.headers {
            built = built.header(*name, *value);
        }
        let mut built = built.body(HttpRequestBody::from(request.body.to_vec())).expect("a request");
        let credential =
            AwsCredential { key_id: self.access_key.clone(), secret_key: self.secret_key.clone(), token: None };
        AwsAuthorizer::new(&credential, "s3", "auto").try_authorize(&mut built, sum).expect("signed");
        let uri = built.uri();
        let host = uri.authority().expect("a test URL").as_str().to_owned();
        let target = uri.path_and_query().expect("a test URL").as_str();
        let mut head = format!("{} {target} HTTP/1.1\r\nConnection: close\r\n", request.method);
        for (name, value) in built.headers() {
            head += &format!("{name}: {}\r\n", value.to_str().expect("a text"));
        }
        if !built.headers().contains_key("host") {
            head += &format!("host: {host}\r\n");
        }
        Message::new(head, request.body.to_vec()).exchange(&host)
    }
}
