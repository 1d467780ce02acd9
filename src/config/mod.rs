//! Every setting, its default, and where it comes from; the only reader of the environment.
//!
//! ```text
//! settings, r2, served, describe, mask
//! access (a secret and where it may go)
//! source (environment, liteflare.toml) ──► file (who may have written it), inside (what it may name), found, names
//! application (what its own configuration says) ──► yaml, root
//! table ──► form ──► folders, globs
//! ```
//! Settings are read when a database path is opened, so that a process may serve several databases by changing the environment
//! between opens. The environment wins over `liteflare.toml`. Whoever needs several of them reads one [`Source`] and hands it down.

mod access;
mod application;
mod describe;
mod env;
mod error;
mod file;
mod folders;
mod form;
mod found;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod globs;
mod inside;
mod links;
mod log;
mod mask;
mod names;
mod origin;
mod prefilter;
mod r2;
mod refresh;
mod root;
mod secret;
mod served;
mod settings;
mod source;
pub mod table;
mod yaml;

pub use access::{Access, is_cloudflares};
pub use describe::Described;
pub use env::{INHERITED, inherited_files, is_on};
pub use error::SettingError;
pub use folders::MappedFolder;
pub use found::Found;
pub use inside::Root;
pub use log::log_filter;
pub use mask::masked;
pub use names::misspelt;
pub use origin::Origin;
pub use prefilter::Prefilter;
pub use r2::{R2Keys, R2Settings, has_bucket, media_folders};
pub use refresh::Refresh;
pub use root::{root, use_root};
pub use secret::{Sealed, Secret};
pub use served::{database_settings, link_to_database};
pub use settings::Settings;
pub use source::Source;

/// The settings of the database and those of the bucket, if there is one, read at one moment.
pub fn load() -> Result<(Settings, Option<R2Settings>), SettingError> {
    let source = Source::read()?;
    Ok((Settings::of(&source)?, R2Settings::of(&source)?))
}
