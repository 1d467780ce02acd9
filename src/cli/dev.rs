//! `liteflare dev`: a local cloud until it is told to stop.

use std::path::PathBuf;

use clap::Args;
use liteflare::dev::{Cloud, CloudOptions};
use rustix::fs::Mode;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::print;

/// Arguments of `liteflare dev`.
#[derive(Args, Debug)]
pub struct DevArgs {
    /// Folder to keep the data in [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Port of the D1 query API on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Port of the S3 API on 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    s3_port: u16,
}

/// Prints the settings of a local cloud and serves it until SIGINT or SIGTERM.
pub fn main(args: DevArgs) -> anyhow::Result<()> {
    // The data are for this user alone, and SQLite makes files of its own.
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    // Before `ready`: whoever reads that may stop us at once.
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let cloud = Cloud::start(&CloudOptions { dir: args.dir, port: args.port, s3_port: args.s3_port })?;
    announce(&cloud)?;
    signals.forever().next();
    Ok(())
}

fn announce(cloud: &Cloud) -> anyhow::Result<()> {
    let settings = [
        format!("export LITEFLARE_D1_API={}", cloud.api()),
        format!("export CLOUDFLARE_ACCOUNT_ID={}", cloud.account),
        format!("export CLOUDFLARE_API_TOKEN={}", cloud.token),
        format!("export LITEFLARE_D1_DATABASE={}", cloud.first_database()?),
        format!("export LITEFLARE_R2_ENDPOINT={}", cloud.s3_endpoint()),
        format!("export LITEFLARE_R2_BUCKET={}", cloud.first_bucket()),
        format!("export R2_ACCESS_KEY_ID={}", cloud.access_key_id),
        format!("export R2_SECRET_ACCESS_KEY={}", cloud.secret_access_key),
        "ready".to_owned(),
    ];
    Ok(print::lines(settings)?)
}
