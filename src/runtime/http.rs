//! The HTTP clients of the process. A redirect is never followed: whoever answers must not choose where secrets and rows go next, and
//! neither D1 nor R2 redirects. A proxy never gets what is meant for this machine.

use std::error::Error;
use std::io;
use std::net::IpAddr;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Url};

/// The HTTP clients. They are shared by all databases of the process: connections are kept open between requests.
pub struct Http {
    /// Through the environment's proxies, if there are any.
    far: Client,
    /// To this machine, past any proxy. The same client where the environment names no proxy.
    near: Client,
}

impl Http {
    pub(super) fn new() -> io::Result<Http> {
        let far = builder().build().map_err(no_https)?;
        let near = if names_a_proxy() { builder().no_proxy().build().map_err(no_https)? } else { far.clone() };
        Ok(Http { far, near })
    }

    /// The client for requests to this host.
    pub fn client(&self, host: Option<&str>) -> &Client {
        if host.is_some_and(is_loopback) { &self.near } else { &self.far }
    }

    /// A request, by the client for its host.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client(url.host_str()).request(method, url)
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("liteflare/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .redirect(Policy::none())
}

/// Whether the environment has a variable such as `HTTPS_PROXY` or `all_proxy`: what reqwest, too, goes by.
fn names_a_proxy() -> bool {
    std::env::vars_os().any(|(name, _)| name.to_string_lossy().to_ascii_lowercase().ends_with("_proxy"))
}

/// Whether a URL's host is this machine, with no network in between.
pub fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// As in a small container; reqwest itself only says "builder error".
fn no_https(error: reqwest::Error) -> io::Error {
    let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    io::Error::other(format!(
        "HTTPS cannot be set up, are the system's CA certificates installed (ca-certificates)? {cause}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_by_the_host_alone() {
        for host in ["127.0.0.1", "127.9.8.7", "[::1]", "localhost", "LOCALHOST"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["128.0.0.1", "[::2]", "localhost.example", "127.0.0.1.example", "0.0.0.0", "10.0.0.1", "gateway", ""]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
