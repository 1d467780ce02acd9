//! Which secret may go where, told from texts alone: the environment of the test's process is left alone.

use super::*;
use crate::config::{R2Keys, R2Settings, Refresh, Settings};

const HIDDEN: &str = "HIDDEN-token-of-forty-characters-0123456";

fn found(setting: &'static Setting, text: &str, origin: Origin) -> Found {
    Found { setting, text: text.into(), origin }
}

fn in_file(path: &str) -> Origin {
    Origin::File { path: path.into(), line: 3 }
}

const IN_ENVIRONMENT: fn() -> Origin = || Origin::Environment("LITEFLARE_D1_API");

fn endpoint(url: &str, origin: Origin) -> Endpoint {
    Endpoint { host: Host::of(url), url: url.into(), place: "the endpoint".into(), setting: &table::API, origin }
}

/// Whether a token from one place may go to an endpoint from another.
fn may_go(token: Origin, url: &str, origin: Origin) -> bool {
    let admitted = endpoint(url, origin).admits(&found(&table::TOKEN, HIDDEN, token));
    if let Err(error) = &admitted {
        assert!(!format!("{error} {error:?}").contains(HIDDEN));
    }
    admitted.is_ok()
}

#[test]
fn a_secret_goes_where_its_own_source_says() {
    let gateway = "https://gateway.me.workers.dev/client/v4";
    assert!(may_go(IN_ENVIRONMENT(), gateway, IN_ENVIRONMENT()));
    assert!(may_go(IN_ENVIRONMENT(), gateway, Origin::Argument));
    assert!(may_go(in_file("/a"), gateway, in_file("/a")));
    assert!(!may_go(in_file("/a"), gateway, in_file("/b")));
    assert!(!may_go(IN_ENVIRONMENT(), gateway, in_file("/a")));
    assert!(!may_go(in_file("/a"), gateway, IN_ENVIRONMENT()));
    assert!(!may_go(in_file("/a"), gateway, Origin::Argument));
    assert!(!may_go(IN_ENVIRONMENT(), "http://127.0.0.1:8787", in_file("/a")), "another user may listen there");
}

#[test]
fn a_secret_goes_to_cloudflare_wherever_it_comes_from() {
    let theirs = [
        "https://api.cloudflare.com/client/v4",
        "https://API.Cloudflare.com",
        "https://0123.r2.cloudflarestorage.com",
        "https://0123.eu.r2.cloudflarestorage.com",
        "https://0123.fedramp.r2.cloudflarestorage.com/bucket",
    ];
    for url in theirs {
        assert!(may_go(IN_ENVIRONMENT(), url, in_file("/a")) && may_go(in_file("/a"), url, IN_ENVIRONMENT()), "{url}");
        assert!(may_go(in_file("/a"), url, Origin::Default), "{url}");
    }
    let others = [
        "http://api.cloudflare.com/client/v4",
        "http://0123.r2.cloudflarestorage.com",
        "https://api.cloudflare.com.example",
        "https://example/api.cloudflare.com",
        "https://example#.r2.cloudflarestorage.com",
        "https://example?.r2.cloudflarestorage.com",
        "https://example\\.r2.cloudflarestorage.com",
        "https://.r2.cloudflarestorage.com",
        "https://r2.cloudflarestorage.com",
        "https://evilr2.cloudflarestorage.com",
        "https://gateway.me.workers.dev",
        "https://api.cloudflare.com.",
        "nowhere",
    ];
    for url in others {
        assert!(!may_go(IN_ENVIRONMENT(), url, in_file("/a")), "{url}");
    }
}

#[test]
fn the_error_names_setting_file_and_host_but_no_path_and_says_what_to_do() {
    let endpoint = endpoint("https://evil.example:81/HIDDEN?HIDDEN", in_file("/a/liteflare.toml"));
    let token = found(&table::TOKEN, HIDDEN, Origin::Environment("CLOUDFLARE_API_TOKEN"));
    let said = endpoint.admits(&token).unwrap_err().to_string();
    for words in ["https://evil.example:81", "CLOUDFLARE_API_TOKEN", "set LITEFLARE_D1_API in the environment, too"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains("HIDDEN"), "{said}");
}

#[test]
fn nothing_that_holds_a_secret_shows_it() {
    let access = || Access::new("https://gateway.example", Secret::new(HIDDEN));
    let settings = Settings {
        account: "a".into(),
        api: access(),
        database: "d".into(),
        refresh: Refresh::Never,
        timeout: std::time::Duration::from_secs(1),
    };
    let keys = [
        R2Keys::Given { id: "id".into(), bucket: access() },
        R2Keys::OfToken { bucket: access(), api: access(), account: None },
    ];
    let mut shown = vec![format!("{settings:?} {:?}", access()), format!("{:#?}", settings)];
    for keys in keys {
        let (refresh, timeout) = (settings.refresh, settings.timeout);
        shown.push(format!("{:?}", R2Settings { bucket: "b".into(), keys, folders: Vec::new(), refresh, timeout }));
    }
    let api = crate::cloudflare::Api::new(&settings.api, settings.timeout);
    shown.push(format!("{api:?}"));
    for shown in shown {
        assert!(shown.contains("gateway.example") && !shown.contains("HIDDEN"), "{shown}");
    }
}
