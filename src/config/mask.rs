//! Secrets that must not be seen, even when somebody else's message repeats them.

use super::{env, file};

/// `text` without the secrets of the environment and of `liteflare.toml`.
pub fn masked(text: String) -> String {
    let file = file().unwrap_or_default();
    let from_file = [file.api_token, file.r2_secret_access_key].into_iter().flatten().map(|secret| secret.0);
    let from_environment = ["CLOUDFLARE_API_TOKEN", "R2_SECRET_ACCESS_KEY"].into_iter().filter_map(env);
    // A short one is part of too many words, and no secret.
    let secrets = from_file.chain(from_environment).filter(|secret| secret.len() >= 8);
    secrets.fold(text, |text, secret| text.replace(&secret, "***"))
}
