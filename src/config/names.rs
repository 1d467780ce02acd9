//! Names that are none of ours: what was probably meant.

use std::path::Path;

use super::error::SettingError;
use super::table::{self, Setting};

/// The first variable that looks like a setting written wrong.
pub fn misspelt() -> Option<SettingError> {
    misspelt_variables().next()
}

/// Variables that nobody reads but that look like a setting written wrong. Others are left alone: they may be anybody's.
pub(super) fn misspelt_variables() -> impl Iterator<Item = SettingError> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter_map(|name| {
        let suffix = name.strip_prefix("LITEFLARE_")?.to_ascii_lowercase();
        let is_known = table::ALL.iter().any(|setting| setting.name == name) || table::OTHERS.contains(&name.as_str());
        if is_known || suffix.starts_with("test_") {
            return None;
        }
        let nearest = table::ALL.iter().filter_map(|setting| Some((distance(&suffix, short_name(setting))?, setting)));
        let (_, nearest) = nearest.min_by_key(|(distance, _)| *distance)?;
        let place = format!("unknown setting {name} in the environment");
        Some(SettingError::Unknown { place, advice: format!("did you mean {}?", nearest.name) })
    })
}

pub(super) fn unknown_key(path: &Path, line: usize, key: &str) -> SettingError {
    // A key that is no plausible name may be a token in the wrong place.
    let plausible = key.len() < 32 && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let shown = if plausible { format!("unknown key `{key}`") } else { "unknown key".into() };
    let place = format!("{}, line {line}: {shown}", path.display());
    let written = key.to_ascii_lowercase();
    let short =
        ["liteflare_", "cloudflare_"].iter().find_map(|prefix| written.strip_prefix(prefix)).unwrap_or(&written);
    let settings = || table::ALL.iter().filter(|setting| !setting.key.is_empty());
    let nearest = settings().filter_map(|setting| Some((distance(short, setting.key)?, setting.key)));
    let advice = match nearest.min_by_key(|(distance, _)| *distance) {
        Some((_, key)) => format!("did you mean `{key}`?"),
        None => format!("the keys are {}", settings().map(|setting| setting.key).collect::<Vec<_>>().join(", ")),
    };
    SettingError::Unknown { place, advice }
}

/// A setting's key, or what would be its key.
fn short_name(setting: &Setting) -> &'static str {
    match setting.name {
        _ if !setting.key.is_empty() => setting.key,
        "LITEFLARE_ROOT" => "root",
        "LITEFLARE_CONFIG" => "config",
        _ => "library",
    }
}

/// How far a written name is from a right one; `None`: too far for a slip. A name without its first word (`bucket`) is near.
fn distance(written: &str, right: &str) -> Option<usize> {
    if right.strip_suffix(written).is_some_and(|rest| rest.is_empty() || rest.ends_with('_')) {
        return Some(usize::from(right != written));
    }
    let distance = strsim::damerau_levenshtein(written, right);
    (distance <= (right.len() / 3).clamp(1, 3)).then_some(distance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::table::Fallback;

    fn nearest(written: &str) -> Option<&'static str> {
        let settings = table::ALL.iter().filter_map(|setting| Some((distance(written, short_name(setting))?, setting)));
        settings.min_by_key(|(distance, _)| *distance).map(|(_, setting)| short_name(setting))
    }

    #[test]
    fn slips_of_the_pen_find_the_name_that_was_meant() {
        let slips = [
            ("r2_buket", "r2_bucket"),
            ("bucket", "r2_bucket"),
            ("token", "api_token"),
            ("d1_databse", "d1_database"),
            ("d1databse", "d1_database"),
            ("tiemout", "timeout"),
            ("api", "d1_api"),
            ("bd", "db"),
            ("secret_access_key", "r2_secret_access_key"),
        ];
        for (written, meant) in slips {
            assert_eq!(nearest(written), Some(meant), "{written}");
        }
        for far in ["x", "seed", "commits", "bin", "venv", "colour", "trace", "r2_key_id"] {
            assert_eq!(nearest(far), None, "{far}");
        }
    }

    #[test]
    fn every_setting_has_a_name_of_its_own() {
        for (at, setting) in table::ALL.iter().enumerate() {
            let others = || table::ALL.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, other)| other);
            assert!(others().all(|other| other.name != setting.name && short_name(other) != short_name(setting)));
            if let Fallback::Value(value) = setting.default {
                assert_eq!((setting.check)(value), Ok(()), "{}", setting.name);
            }
        }
    }
}
