//! `liteflare init`: finds or makes the D1 database and the bucket, and writes `liteflare.toml`.
//! In: what was asked for, the environment and the file. All that may refuse comes before anything is made.

mod file;

use std::path::PathBuf;

use crate::cloudflare::{Api, ApiError, Database, is_bucket_name};
use crate::config::table::{self, Fallback, Setting};
use crate::config::{Found, Origin, R2Settings, SettingError, Source, misspelt};
use crate::r2::{self, Bucket};

/// What the database and the bucket are called when nobody says.
const NAME: &str = "invokeai";

/// What was asked for; the environment and the file say the rest.
#[derive(Debug, Default)]
pub struct Wanted {
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
pub enum Made {
    /// It was there.
    Found,
    /// It is new.
    Created,
}

/// What was done.
#[derive(Debug)]
pub struct Done {
    /// The account's id.
    pub account: String,
    /// The database.
    pub database: (Database, Made),
    /// The bucket, if there is to be one.
    pub bucket: Option<(String, Made)>,
    /// The file.
    pub path: PathBuf,
    /// Whether it was written; else it said all this already.
    pub written: bool,
    /// Whether the token is in it.
    pub has_token: bool,
}

/// Why nothing, or not all, was done.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A setting is missing or wrong.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The API refused, or could not be reached.
    #[error("{what}: {error}{advice}")]
    Api {
        /// What was asked for.
        what: String,
        /// What came back.
        error: ApiError,
        /// What to do, behind a colon or empty.
        advice: &'static str,
    },
    /// The token sees no account, or several.
    #[error("{0}: give the account with --account ID or CLOUDFLARE_ACCOUNT_ID")]
    WhichAccount(String),
    /// The bucket cannot be asked for.
    #[error(transparent)]
    Bucket(#[from] r2::Error),
    /// This API only serves what is there.
    #[error("there is no {what}, and the API at {api} makes none: {advice}")]
    CannotMake {
        /// Which thing.
        what: String,
        /// The API's base.
        api: String,
        /// What to do.
        advice: &'static str,
    },
    /// The file says something else.
    #[error("{path} says something else about {keys}: nothing was changed; --force replaces these and keeps the rest", path = .path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// The keys.
        keys: String,
    },
    /// The file cannot be written.
    #[error("{path} cannot be written: {source}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Does it.
pub fn run(wanted: &Wanted) -> Result<Done, SetupError> {
    let source = read(wanted.force)?;
    let choose = |setting, argument: &Option<String>| chosen(&source, setting, argument.as_ref());
    let base = choose(&table::API, &wanted.api)?.map_or(Ok(source.api()?), |found| found.url())?;
    let token = source.need(&table::TOKEN)?;
    let api = Api::new(&base, &crate::config::Secret::new(&token.text), source.timeout()?);
    let account = match choose(&table::ACCOUNT, &wanted.account)? {
        Some(found) => found.text,
        None => only_account(&api)?,
    };
    let database = choose(&table::DATABASE, &wanted.database)?.map_or_else(|| NAME.into(), |found| found.text);
    let bucket = match choose(&table::BUCKET, &wanted.bucket)? {
        Some(found) if !is_bucket_name(&found.text) => {
            return Err(found.wrong("3 to 63 small letters, digits and hyphens, the latter not at an end").into());
        }
        found => found.map_or_else(|| NAME.into(), |found| found.text),
    };
    let bucket = (!wanted.no_bucket).then_some(bucket);

    let found = api.find_database(&account, &database).map_err(|error| about_d1(&database, error))?;
    let has_bucket = match &bucket {
        Some(bucket) => has_bucket(&api, &account, &source, bucket)?,
        None => None,
    };

    let mut entries = vec![(&table::ACCOUNT, Some(account.clone()))];
    entries.push((&table::DATABASE, found.as_ref().map(|found| found.uuid.clone())));
    if !is_default(&table::API, &base) {
        entries.push((&table::API, Some(base.clone())));
    }
    entries.push((&table::BUCKET, Some(bucket.clone().unwrap_or_default())));
    let also = |setting| Some((setting, Some(source.given(setting)?.text)));
    entries.extend(bucket.as_ref().and_then(|_| also(&table::ENDPOINT)));
    if wanted.store_token {
        entries.extend([&table::TOKEN, &table::KEY_ID, &table::KEY_SECRET].into_iter().filter_map(also));
    }
    file::check(&source, &entries, wanted.force)?;

    let database = match found {
        Some(found) => (found, Made::Found),
        None => (make_database(&api, &base, &account, &database, wanted)?, Made::Created),
    };
    if let Some((_, uuid)) = entries.iter_mut().find(|(setting, _)| setting.name == table::DATABASE.name) {
        *uuid = Some(database.0.uuid.clone());
    }
    let bucket = match (bucket, has_bucket) {
        (None, _) => None,
        (Some(bucket), Some(true)) => Some((bucket, Made::Found)),
        (Some(bucket), has) => {
            make_bucket(&api, &base, &account, &bucket, wanted, has.is_none())?;
            Some((bucket, Made::Created))
        }
    };
    let written = file::write(&source, &entries, &database.0.name)?;
    let has_token = wanted.store_token || source.in_file(&table::TOKEN).is_some();
    Ok(Done { account, database, bucket, path: source.path, written, has_token })
}

/// The settings as they are. With `force` a file that cannot be understood counts for nothing.
fn read(force: bool) -> Result<Source, SettingError> {
    misspelt().map_or(Ok(()), Err)?;
    let (source, errors) = Source::read_all();
    let is_absent = !source.path.exists(); // LITEFLARE_CONFIG may name the file that is to be written
    let error = errors.into_iter().find(|_| !force && !is_absent);
    error.map_or(Ok(source), Err)
}

fn chosen(
    source: &Source,
    setting: &'static Setting,
    argument: Option<&String>,
) -> Result<Option<Found>, SettingError> {
    match argument {
        Some(text) => {
            let found = Found { setting, text: text.clone(), origin: Origin::Argument };
            found.check().map(|()| Some(found))
        }
        None => {
            let given = source.given(setting);
            given.iter().try_for_each(Found::check)?;
            Ok(given)
        }
    }
}

fn is_default(setting: &Setting, value: &str) -> bool {
    matches!(setting.default, Fallback::Value(default) if default == value)
}

fn only_account(api: &Api) -> Result<String, SetupError> {
    let accounts = api.accounts().map_err(|error| {
        let advice = if error.is_no_route() {
            ": this API knows no accounts; give one with --account ID (a gateway takes any)"
        } else {
            ": check CLOUDFLARE_API_TOKEN, or give the account with --account ID"
        };
        SetupError::Api { what: "looking for the account".into(), error, advice }
    })?;
    match accounts.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(SetupError::WhichAccount("the token sees no account".into())),
        several => {
            let names: Vec<String> =
                several.iter().map(|account| format!("{} ({})", account.id, account.name)).collect();
            Err(SetupError::WhichAccount(format!("the token sees several accounts, {}", names.join(", "))))
        }
    }
}

fn about_d1(name: &str, error: ApiError) -> SetupError {
    let advice = match &error {
        error if error.is_forbidden() => {
            ": check CLOUDFLARE_API_TOKEN (it must be allowed to edit D1) and the account's id"
        }
        ApiError::Refused { status: 404, .. } => ": check the account's id and LITEFLARE_D1_API",
        ApiError::Unreachable { .. } => ": check the network and LITEFLARE_D1_API",
        _ => "",
    };
    SetupError::Api { what: format!("the D1 database {name:?}"), error, advice }
}

fn about_r2(name: &str, error: ApiError) -> SetupError {
    let advice = match &error {
        ApiError::Refused { code: 10042, .. } => {
            ": subscribe to R2 in the dashboard, or keep files local with --no-bucket"
        }
        error if error.is_forbidden() => {
            ": the token must be allowed to edit Workers R2 Storage; --no-bucket keeps files local"
        }
        ApiError::Refused { code: 10005, .. } => {
            ": 3 to 63 small letters, digits and hyphens, the latter not at an end"
        }
        _ => "",
    };
    SetupError::Api { what: format!("the R2 bucket {name:?}"), error, advice }
}

/// `None`: the API does not make buckets and there is none.
fn has_bucket(api: &Api, account: &str, source: &Source, name: &str) -> Result<Option<bool>, SetupError> {
    match api.has_bucket(account, name) {
        // A gateway: the S3 API tells.
        Err(error) if error.is_no_route() => {
            let settings = R2Settings { bucket: name.into(), ..R2Settings::without_bucket(source)? };
            match Bucket::connect(&settings, std::sync::Arc::default())?.any_below("") {
                Ok(_) => Ok(Some(true)),
                Err(r2::Error::Refused { answer, .. }) if answer.code == "NoSuchBucket" => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
        answer => Ok(Some(answer.map_err(|error| about_r2(name, error))?)),
    }
}

fn make_database(api: &Api, base: &str, account: &str, name: &str, wanted: &Wanted) -> Result<Database, SetupError> {
    api.create_database(account, name, wanted.location.as_deref()).map_err(|error| {
        if error.is_no_route() {
            let advice =
                "a gateway serves the databases bound to it; add it to the gateway's wrangler.jsonc and deploy that";
            return SetupError::CannotMake { what: format!("D1 database {name:?}"), api: base.into(), advice };
        }
        about_d1(name, error)
    })
}

fn make_bucket(
    api: &Api,
    base: &str,
    account: &str,
    name: &str,
    wanted: &Wanted,
    no_route: bool,
) -> Result<(), SetupError> {
    if no_route {
        let advice = "make it with `wrangler r2 bucket create`, or keep files local with --no-bucket";
        return Err(SetupError::CannotMake { what: format!("R2 bucket {name:?}"), api: base.into(), advice });
    }
    match api.create_bucket(account, name, wanted.location.as_deref()) {
        Err(error) if error.is_taken() => Ok(()), // made by another meanwhile
        made => made.map_err(|error| about_r2(name, error)),
    }
}
