//! Secrets that must not be seen, even when somebody else's message repeats them.

use super::env::env;
use super::source::Source;
use super::table;

/// `text` without the secrets of the environment and of `liteflare.toml`.
pub fn masked(text: String) -> String {
    let source = Source::read_all();
    let values = table::secrets().flat_map(|setting| [env(setting.name), source.in_file(setting).map(str::to_string)]);
    // A short one is part of too many words, and no secret.
    let hidden = values.flatten().filter(|secret| secret.len() >= 8);
    hidden.fold(text, |text, secret| text.replace(&secret, "***"))
}
