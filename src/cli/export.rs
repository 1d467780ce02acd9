//! `liteflare export`: D1 and R2 to a local root.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use liteflare::transfer::export::{ExportSummary, export};

use super::progress;

const MORE: &str = "\
The database comes as it is at one commit, the media as they are in the bucket then; the application may go on meanwhile. Every file is \
checked against the sum that R2 keeps of it.

An export that was interrupted goes on where it stopped when it is started again: files that are whole are not fetched again. No file \
that the export has not written is overwritten.

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

/// Exports to a folder.
pub fn main(args: ExportArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    let dir = std::path::absolute(&args.dir).with_context(|| args.dir.display().to_string())?;
    progress::run(args.json, |progress| export(&dir, progress), print)?;
    Ok(())
}

fn print(summary: &ExportSummary) {
    println!("database: {}, as of commit {}", HumanBytes(summary.database_bytes), summary.seq);
    if summary.has_bucket {
        let before = summary.files - summary.files_fetched - summary.vanished;
        let before = if before > 0 { format!(" ({} were there already)", HumanCount(before)) } else { String::new() };
        println!("media: {} files{before}, {} fetched", HumanCount(summary.files), HumanBytes(summary.bytes_fetched));
    } else {
        println!("media: no bucket is set (LITEFLARE_R2_BUCKET), so the files are where they were");
    }
    if summary.vanished > 0 {
        println!("{} objects were deleted before they could be fetched", HumanCount(summary.vanished));
    }
    if summary.appeared > 0 || summary.has_gone_on {
        let appeared = HumanCount(summary.appeared);
        println!(
            "meanwhile the application went on: {appeared} newer objects and later commits are not in this export"
        );
    }
    println!("{} requests to D1, {} to R2", summary.requests.d1, summary.requests.r2);
}
