//! `liteflare init`: finds or makes the D1 database and the bucket, and writes `liteflare.toml`.
//! In: what was asked for, the environment and the file. All that may refuse comes before anything is made.

mod cloud;
mod error;
mod file;

use std::path::PathBuf;

use self::cloud::Account;
pub use self::error::InitError;
use crate::cloudflare::{Api, BUCKET_NAME, Database, is_bucket_name};
use crate::config::table::{self, Fallback, Setting};
use crate::config::{Found, Origin, SettingError, Source, is_cloudflares, misspelt};
use crate::invokeai;

/// What was asked for; the environment and the file say the rest.
#[derive(Debug, Default)]
pub struct Options {
    /// The account's id.
    pub account: Option<String>,
    /// The database's name or UUID.
    pub database: Option<String>,
    /// The bucket's name.
    pub bucket: Option<String>,
    /// Files are to stay local.
    pub no_bucket: bool,
    /// Where new ones are made.
    pub location: Option<String>,
    /// Another API than Cloudflare's.
    pub api: Option<String>,
    /// Whether secrets are written too.
    pub store_token: bool,
    /// Whether a file that says something else is replaced.
    pub force: bool,
}

/// Whether something was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was there.
    Found,
    /// It is new.
    Created,
}

/// What was done.
#[derive(Debug)]
pub struct Summary {
    /// The account's id.
    pub account: String,
    /// The database.
    pub database: (Database, Outcome),
    /// The bucket, if there is to be one.
    pub bucket: Option<(String, Outcome)>,
    /// The file.
    pub path: PathBuf,
    /// Whether it was written; else it said all this already.
    pub written: bool,
    /// Whether the token is in it.
    pub has_token: bool,
    /// Endpoints, by their variables, that have to be in the environment because their secrets are.
    pub beside_secrets: Vec<(&'static str, String)>,
}

/// Finds or makes everything, and writes the file.
pub fn run(options: &Options) -> Result<Summary, InitError> {
    let source = read(options.force)?;
    let choose = |setting: &'static Setting, argument: &Option<String>| chosen(&source, setting, argument.as_ref());
    let access = source.api(options.api.as_ref().map(|text| told(&table::API, text)))?;
    if options.store_token {
        source.check_together()?;
    }
    let (api, base) = (Api::new(&access, source.need(&table::TIMEOUT)?), access.endpoint());
    let account = match choose(&table::ACCOUNT, &options.account)? {
        Some(found) => found.parse(&table::ACCOUNT)?,
        None => cloud::only_account(&api)?,
    };
    let database = choose(&table::DATABASE, &options.database)?;
    let database = database.map_or_else(|| invokeai::PACKAGE.into(), |found| found.text);
    let bucket = match choose(&table::BUCKET, &options.bucket)? {
        Some(found) if !is_bucket_name(&found.text) => return Err(found.wrong(BUCKET_NAME).into()),
        found => found.map_or_else(|| invokeai::PACKAGE.into(), |found| found.text),
    };
    let bucket = (!options.no_bucket).then_some(bucket);

    let location = options.location.as_deref();
    let account = Account { api: &api, base, id: account, location };
    let found = account.find_database(&database)?;
    let has_bucket = bucket.as_ref().map(|bucket| account.find_bucket(&source, bucket)).transpose()?;

    let uuid = found.as_ref().map(|found| found.uuid.clone());
    let mut entries = entries(&source, options, &account, uuid, bucket.as_deref());
    file::check(&source, &entries, options.force)?;

    let database = match found {
        Some(found) => (found, Outcome::Found),
        None => (account.make_database(&database)?, Outcome::Created),
    };
    if let Some((_, uuid)) = entries.iter_mut().find(|(setting, _)| setting.name == table::DATABASE.name) {
        *uuid = Some(database.0.uuid.clone());
    }
    let bucket = match bucket.zip(has_bucket) {
        None => None,
        Some((bucket, cloud::Bucket::Present)) => Some((bucket, Outcome::Found)),
        Some((bucket, absent)) => {
            account.make_bucket(&bucket, absent)?;
            Some((bucket, Outcome::Created))
        }
    };
    let written = file::write(&source, &entries, &database.0.name)?;
    let is_stored = |secret: &Setting| options.store_token || source.in_file(secret).is_some();
    let has_token = is_stored(&table::TOKEN);
    let beside_secrets = beside_secrets(&source, base, is_stored);
    Ok(Summary { account: account.id, database, bucket, path: source.path, written, has_token, beside_secrets })
}

/// The endpoints that have to be in the environment, because their secrets are.
fn beside_secrets(source: &Source, base: &str, is_stored: impl Fn(&Setting) -> bool) -> Vec<(&'static str, String)> {
    let key: &Setting = if source.given(&table::KEY_SECRET).is_some() { &table::KEY_SECRET } else { &table::TOKEN };
    let endpoint = source.given(&table::ENDPOINT).map(|found| (table::ENDPOINT.name, found.text, key));
    let api = (table::API.name, base.to_owned(), &*table::TOKEN);
    let all = [Some(api), endpoint].into_iter().flatten();
    all.filter(|(_, url, secret)| !is_stored(secret) && !is_cloudflares(url))
        .map(|(name, url, _)| (name, url))
        .collect()
}

/// The settings as they are. With `force` a file that cannot be understood counts for nothing.
fn read(force: bool) -> Result<Source, SettingError> {
    misspelt().map_or(Ok(()), Err)?;
    let source = Source::read_all();
    let is_absent = !source.path.exists(); // LITEFLARE_CONFIG may name the file that is to be written
    let problem = source.problems.first().filter(|_| !force && !is_absent);
    problem.cloned().map_or(Ok(source), Err)
}

/// What the command was told.
fn told(setting: &'static Setting, text: &str) -> Found {
    Found { setting, text: text.to_owned(), origin: Origin::Argument }
}

/// What the command was told, else what was given; not parsed yet.
fn chosen(
    source: &Source,
    setting: &'static Setting,
    argument: Option<&String>,
) -> Result<Option<Found>, SettingError> {
    let found = argument.map(|text| told(setting, text)).or_else(|| source.given(setting));
    found.iter().try_for_each(Found::check)?;
    Ok(found)
}

/// What the file must say. `uuid`: the database's, when it is known already.
fn entries(
    source: &Source,
    options: &Options,
    account: &Account<'_>,
    uuid: Option<String>,
    bucket: Option<&str>,
) -> Vec<file::Entry> {
    let entry = |setting: &'static Setting, value: &str| (setting, Some(value.to_owned()));
    let mut entries = vec![entry(&table::ACCOUNT, &account.id), (&*table::DATABASE, uuid)];
    // Beside a secret that is stored stand the endpoints that were checked with it, and no others.
    let is_default = matches!(table::API.default, Fallback::Value(default) if default == account.base);
    if options.store_token || !is_default {
        entries.push(entry(&table::API, if is_default { "" } else { account.base }));
    }
    entries.push(entry(&table::BUCKET, bucket.unwrap_or_default()));
    let also = |setting: &'static Setting| Some(entry(setting, &source.given(setting)?.text));
    let endpoint = also(&table::ENDPOINT);
    entries.extend(match options.store_token {
        true => endpoint.or_else(|| Some(entry(&table::ENDPOINT, ""))),
        false => endpoint.filter(|_| bucket.is_some()),
    });
    if options.store_token {
        let secrets: [&'static Setting; 3] = [&table::TOKEN, &table::KEY_ID, &table::KEY_SECRET];
        entries.extend(secrets.into_iter().filter_map(also));
    }
    entries
}
