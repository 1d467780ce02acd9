//! `liteflare export`: D1 and R2 to a local root.

use std::io::Result;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use liteflare::transfer::export::{ExportSummary, export};

use super::{print, progress};

const MORE: &str = "\
The database comes as it is at one commit, the media as they are in the bucket then; the application may go on meanwhile. Every file is \
checked against the sum that R2 keeps of it.

An export that was interrupted goes on where it stopped when it is started again: files that are whole are not fetched again. No file \
that the export has not written is overwritten.

Objects whose keys can be no file's name, and one that others are below, are left out and named, and the exit code is 1.

Example:
  liteflare export ~/invokeai-local && invokeai-web --root ~/invokeai-local";

/// Arguments of `liteflare export`.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub struct ExportArgs {
    /// The folder to write to: a new one, or one with an unfinished export
    dir: PathBuf,
    /// The application's root folder, for the settings in its liteflare.toml [default: INVOKEAI_ROOT, else ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print a summary as JSON, and no progress
    #[arg(long)]
    json: bool,
}

/// Exports to a folder; an error when an object was left out.
pub fn main(args: ExportArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    let dir = std::path::absolute(&args.dir).with_context(|| args.dir.display().to_string())?;
    let summary = progress::run(args.json, |progress| export(&dir, progress), tell)?;
    match summary.left_out.len() {
        0 => Ok(()),
        1 => bail!("1 object was left out: rename or delete it in the bucket, with any S3 client"),
        count => bail!("{count} objects were left out: rename or delete them in the bucket, with any S3 client"),
    }
}

fn tell(summary: &ExportSummary) -> Result<()> {
    print::line(format_args!("database: {}, as of commit {}", HumanBytes(summary.database_bytes), summary.seq))?;
    if summary.has_bucket {
        let before = summary.files - summary.files_fetched - summary.vanished;
        let before = if before > 0 { format!(" ({} were there already)", HumanCount(before)) } else { String::new() };
        let (files, bytes) = (HumanCount(summary.files), HumanBytes(summary.bytes_fetched));
        print::line(format_args!("media: {files} files{before}, {bytes} fetched"))?;
    } else {
        print::line("media: no bucket is set (LITEFLARE_R2_BUCKET), so the files are where they were")?;
    }
    print::lines(summary.left_out.iter().map(|left| format!("left out {}: {}", left.key, left.reason)))?;
    if summary.vanished > 0 {
        print::line(format_args!(
            "{} objects were deleted before they could be fetched",
            HumanCount(summary.vanished)
        ))?;
    }
    if summary.appeared > 0 || summary.has_gone_on {
        let appeared = HumanCount(summary.appeared);
        let what = format_args!("{appeared} newer objects and later commits are not in this export");
        print::line(format_args!("meanwhile the application went on: {what}"))?;
    }
    print::line(format_args!("{} requests to D1, {} to R2", summary.requests.d1, summary.requests.r2))
}
