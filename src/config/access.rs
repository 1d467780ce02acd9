//! Where secrets go. A secret is handed out only together with the endpoint that it is for, and only where that endpoint comes from the
//! same source as the secret, or is Cloudflare's own: a file that somebody else has made cannot send this environment's token anywhere.

use reqwest::Url;

use super::error::SettingError;
use super::found::Found;
use super::origin::Origin;
use super::secret::{Sealed, Secret};
use super::source::Source;
use super::table::{self, Setting, Typed};
use crate::runtime::is_loopback;

/// The API that D1's queries go to.
const API_HOST: &str = "api.cloudflare.com";

/// R2's S3 API, below the account's id, and a jurisdiction where the bucket has one.
const R2_HOSTS: &str = ".r2.cloudflarestorage.com";

/// An endpoint and the secret that it may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    endpoint: String,
    secret: Secret,
}

impl Access {
    /// Of a caller that has both from one place. What is read from settings becomes one in this file only.
    pub fn new(endpoint: impl Into<String>, secret: Secret) -> Access {
        Access { endpoint: endpoint.into(), secret }
    }

    /// The endpoint, a URL without a slash at its end.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The secret, for requests to the endpoint.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }
}

/// An endpoint as it was found; not one yet to which a secret may go.
pub(super) struct Endpoint {
    url: String,
    host: Host,
    /// As messages name it.
    place: String,
    setting: &'static Setting,
    origin: Origin,
}

/// What stands between a URL's scheme and its path.
struct Host {
    is_https: bool,
    name: String,
    /// With the scheme and the port: what messages may show of a URL.
    shown: String,
}

/// Whether a URL is Cloudflare's own, so that any secret may go there.
pub fn is_cloudflares(url: &str) -> bool {
    Host::of(url).is_cloudflares()
}

impl Host {
    fn of(url: &str) -> Host {
        // `form::URL` has parsed it; what cannot be parsed again has no host, and nothing is sent there.
        let url = Url::parse(url).ok();
        let name = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default().to_owned();
        let shown = url.as_ref().map_or_else(String::new, |url| url.origin().ascii_serialization());
        Host { is_https: url.is_some_and(|url| url.scheme() == "https"), name, shown }
    }

    fn is_cloudflares(&self) -> bool {
        let is_r2 = self.name.strip_suffix(R2_HOSTS).is_some_and(|account| !account.is_empty());
        self.is_https && (self.name == API_HOST || is_r2)
    }
}

impl Endpoint {
    /// Cloudflare's own, which follows from another setting.
    pub(super) fn derived(url: String, setting: &'static Setting) -> Endpoint {
        Endpoint { host: Host::of(&url), place: setting.name.into(), url, setting, origin: Origin::Default }
    }

    pub(super) fn admits(&self, secret: &Found) -> Result<(), SettingError> {
        if self.host.is_cloudflares() || self.origin.is_same_source(&secret.origin) {
            return Ok(());
        }
        Err(SettingError::Elsewhere {
            endpoint: self.place.clone(),
            host: self.host.shown.clone(),
            secret: match &secret.origin {
                Origin::File { .. } => format!("the secret in {}", secret.place()),
                _ => format!("{}, which comes from the environment", secret.setting.name),
            },
            mend: match &secret.origin {
                Origin::File { path, .. } => format!("put `{}` into {}, too", self.setting.key, path.display()),
                _ => format!("set {} in the environment, too", self.setting.name),
            },
        })
    }
}

impl Source {
    /// The API, with the token. `told`: the endpoint that a command was given.
    pub fn api(&self, told: Option<Found>) -> Result<Access, SettingError> {
        self.access(&self.api_endpoint(told)?, &table::TOKEN, table::TOKEN.hint)
    }

    pub(super) fn api_endpoint(&self, told: Option<Found>) -> Result<Endpoint, SettingError> {
        let found = told.or_else(|| self.given_or_default(&table::API));
        self.endpoint(&found.ok_or_else(|| table::API.missing(table::API.hint))?, &table::API)
    }

    /// The endpoint that was found for a setting. Refused where requests would travel in the clear.
    pub(super) fn endpoint(&self, found: &Found, setting: &'static Typed<String>) -> Result<Endpoint, SettingError> {
        let url = found.parse(setting)?;
        let host = Host::of(&url);
        if !host.is_https && !is_loopback(&host.name) && !self.allows_http(&found.origin)? {
            return Err(SettingError::Clear {
                endpoint: found.place_alone(),
                host: host.shown,
                mend: match &found.origin {
                    Origin::File { path, .. } => format!(
                        "LITEFLARE_ALLOW_HTTP=1 in the environment, or `allow_http = \"1\"` in {}, allows it",
                        path.display()
                    ),
                    _ => "LITEFLARE_ALLOW_HTTP=1 in the environment allows it".into(),
                },
            });
        }
        Ok(Endpoint { url, host, place: found.place_alone(), setting, origin: found.origin.clone() })
    }

    /// Whether an endpoint from there may be used over http. What the file says counts for the file's own endpoints only.
    fn allows_http(&self, endpoint: &Origin) -> Result<bool, SettingError> {
        let Some(found) = self.given(&table::ALLOW_HTTP) else { return Ok(false) };
        let counts = matches!(found.origin, Origin::Environment(_)) || found.origin.is_same_source(endpoint);
        Ok(found.parse(&table::ALLOW_HTTP)? && counts)
    }

    /// The one place where a secret of the settings is opened. `hint`: what belongs there when it is missing.
    pub(super) fn access(
        &self,
        endpoint: &Endpoint,
        setting: &'static Typed<Sealed>,
        hint: &'static str,
    ) -> Result<Access, SettingError> {
        let found = self.given(setting).ok_or_else(|| setting.missing(hint))?;
        let secret = found.parse(setting)?.open();
        endpoint.admits(&found)?;
        Ok(Access { endpoint: endpoint.url.clone(), secret })
    }
}

#[cfg(test)]
mod tests;
