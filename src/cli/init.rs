//! `liteflare init`: what was asked for, and what was done.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use liteflare::config;
use liteflare::init::{self, Options, Outcome};
use liteflare::invokeai;

use super::print;

/// Arguments of `liteflare init`.
#[derive(Args, Debug)]
#[command(
    after_help = "Needs CLOUDFLARE_API_TOKEN: a token that may edit D1 and Workers R2 Storage, from the Cloudflare dashboard."
)]
pub struct InitArgs {
    /// The application's root folder, where liteflare.toml goes [default: INVOKEAI_ROOT, else ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Account to use [default: CLOUDFLARE_ACCOUNT_ID, else the only one the token sees]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    account: Option<String>,
    /// Name or UUID of the D1 database [default: LITEFLARE_D1_DATABASE, else invokeai]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    database: Option<String>,
    /// Name of the R2 bucket [default: LITEFLARE_R2_BUCKET, else invokeai]
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    bucket: Option<String>,
    /// Keep files local: no bucket
    #[arg(long, conflicts_with = "bucket")]
    no_bucket: bool,
    /// Region of what is created [default: Cloudflare chooses]
    #[arg(long, value_parser = ["weur", "eeur", "apac", "oc", "wnam", "enam"])]
    location: Option<String>,
    /// Base of the API [default: LITEFLARE_D1_API, else Cloudflare's]
    #[arg(long, value_name = "URL")]
    api: Option<String>,
    /// Write the token into the file too (readable by you alone)
    #[arg(long)]
    store_token: bool,
    /// Replace a file that says something else
    #[arg(long)]
    force: bool,
}

/// Finds or makes everything and says what to do next.
pub fn main(args: InitArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    let done = init::run(&Options {
        account: args.account,
        database: args.database,
        bucket: args.bucket,
        no_bucket: args.no_bucket,
        location: args.location,
        api: args.api,
        store_token: args.store_token,
        force: args.force,
    })?;

    let word = |outcome| if outcome == Outcome::Found { "found" } else { "created" };
    let bucket = match &done.bucket {
        Some((name, outcome)) => format!("{name}, {}", word(*outcome)),
        None => "none: files stay local".to_owned(),
    };
    let how = if done.written { "written" } else { "unchanged: it says all this already" };
    print::line(format_args!("account   {}", done.account))?;
    let (database, outcome) = &done.database;
    print::line(format_args!("database  {} ({}), {}", database.name, database.uuid, word(*outcome)))?;
    print::line(format_args!("bucket    {bucket}"))?;
    print::line(format_args!("settings  {}, {how}", done.path.display()))?;

    let root = config::root();
    let root = root.display();
    print::lines(["", "Next:"])?;
    if !done.has_token {
        print::line("  export CLOUDFLARE_API_TOKEN=…  # not in the file; --store-token puts it there")?;
    }
    let why = "# a secret in the environment goes only where the environment says";
    print::lines(done.beside_secrets.iter().map(|(name, url)| format!("  export {name}={url}  {why}")))?;
    print::line(format_args!("  liteflare doctor --root {root}"))?;
    print::line(format_args!("  liteflare run -- {} --root {root}", invokeai::COMMAND))?;
    Ok(())
}
