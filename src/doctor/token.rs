//! The API token, and this machine's clock against Cloudflare's.

use std::time::{Duration, SystemTime};

use super::{Check, Tell};
use crate::cloudflare::{Api, advice};
use crate::config::Settings;
use crate::runtime::Runtime;

/// How far the clock may be off before S3's signatures are refused: 15 minutes, from the documentation of signature version 4.
const SKEW: Duration = Duration::from_secs(15 * 60);

pub(super) fn check(settings: &Settings, tell: Tell<'_>) {
    let api = Api::new(&settings.api, settings.timeout);
    let name = "token";
    tell(match api.verify(Some(&settings.account)) {
        Ok(token) if token.status == "active" => {
            let until = token.expires_on.map(|at| format!(", until {at}")).unwrap_or_default();
            Check::ok(name, format!("valid and active{until}"))
        }
        Ok(token) => {
            Check::fail(name, format!("the token is {}", token.status), "create a new one in the Cloudflare dashboard")
        }
        Err(error) if error.is_no_route() => Check::ok(name, "this API does not tell about tokens (a gateway); see d1"),
        Err(error) if error.is_forbidden() || error.status() == Some(400) => {
            Check::fail(name, error.to_string(), advice::BAD_TOKEN)
        }
        Err(error) => Check::fail(name, error.to_string(), advice::NO_API),
    });
    clock(settings.api.endpoint(), settings.timeout, tell);
}

fn clock(url: &str, timeout: Duration, tell: Tell<'_>) {
    let name = "clock";
    match date(url.to_owned(), timeout) {
        None => tell(Check::ok(name, "this API does not tell the time")),
        Some((there, here)) => {
            let ahead = here.duration_since(there).is_ok();
            let off = here.duration_since(there).unwrap_or_else(|error| error.duration());
            let detail = format!(
                "{} {} Cloudflare's",
                humantime::format_duration(Duration::from_secs(off.as_secs())),
                if ahead { "ahead of" } else { "behind" }
            );
            let advice = "set this machine's clock (R2 refuses signatures beyond 15 minutes)";
            tell(match off {
                off if off >= SKEW => Check::fail(name, detail, advice),
                off if off >= SKEW / 5 => Check::warn(name, detail, advice),
                _ => Check::ok(name, "right to within a minute or two"),
            });
        }
    }
}

/// The `Date` of any answer, and the moment it came.
fn date(url: String, timeout: Duration) -> Option<(SystemTime, SystemTime)> {
    let runtime = Runtime::current().ok()?;
    let url = reqwest::Url::parse(&url).ok()?;
    let request = runtime.http.request(reqwest::Method::GET, url).timeout(timeout);
    let answer = runtime.wait(async move { request.send().await.ok() })??;
    let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
    Some((httpdate::parse_http_date(date).ok()?, SystemTime::now()))
}
