//! `liteflare import`: a local root to D1 and R2.

use std::io::Result;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use liteflare::config;
use liteflare::transfer::import::{ImportSummary, Options, import};

use super::{print, progress};

const MORE: &str = "\
The database goes to D1 and the media folders go to R2, then both are compared, value by value and byte by byte. The local files are \
only read.

An import that was interrupted goes on where it stopped when it is started again. Until it has ended, the application does not start on \
it. A target that holds anything else is refused before anything is changed.

Symbolic links that lead out of the root are left out and named, and the exit code is 1: a root from elsewhere might send a private key.

Example:
  liteflare import ~/invokeai";

/// Arguments of `liteflare import`.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub struct ImportArgs {
    /// The application's root folder; the application must not be running
    root: PathBuf,
    /// Delete what the D1 database and the bucket's mapped prefixes hold now
    #[arg(long)]
    replace: bool,
    /// Send also what symbolic links lead to outside of the root: only for a root whose links you have made yourself
    #[arg(long)]
    follow_links: bool,
    /// Print a summary as JSON, and no progress
    #[arg(long)]
    json: bool,
}

/// Imports a root; an error when a file was left out.
pub fn main(args: ImportArgs) -> anyhow::Result<()> {
    liteflare::log::start();
    let root = std::path::absolute(&args.root).with_context(|| args.root.display().to_string())?;
    config::use_root(root.clone());
    let options = Options { replace: args.replace, follow_links: args.follow_links };
    let tell = |summary: &ImportSummary| {
        tell(summary)?;
        let then = "then start the application with `liteflare run`";
        print::line(format_args!("next: move {} away (keep it as a backup), {then}", summary.database.display()))
    };
    let summary = progress::run(args.json, |progress| import(&root, options, progress), tell)?;
    match (summary.links_left_out.len(), &summary.without_files.first[..]) {
        (0, []) => Ok(()),
        (0, [first, ..]) => bail!(
            "everything that is there was sent, but {} files are missing that rows of the database refer to; {first}",
            summary.without_files.count
        ),
        (count, _) => bail!(
            "what {count} symbolic links and settings lead to is outside of the root and was not sent: remove them, or import with \
             --follow-links if they are yours"
        ),
    }
}

fn tell(summary: &ImportSummary) -> Result<()> {
    let before = |all: u64, sent: u64| match all - sent {
        0 => String::new(),
        present => format!(" ({} were there already)", HumanCount(present)),
    };
    let (tables, rows) = (HumanCount(summary.tables), HumanCount(summary.rows));
    print::line(format_args!("database: {rows} rows in {tables} tables{}", before(summary.rows, summary.rows_sent)))?;
    if summary.has_bucket {
        let (files, bytes) = (HumanCount(summary.files), HumanBytes(summary.bytes_sent));
        print::line(format_args!("media: {files} files{}, {bytes} sent", before(summary.files, summary.files_sent)))?;
    } else {
        print::line("media: no bucket is set (LITEFLARE_R2_BUCKET), so the files stay where they are")?;
    }
    let left_out = summary.links_left_out.iter();
    print::lines(left_out.map(|link| format!("left out {}: it leads out of the root", link.display())))?;
    print::lines(summary.without_files.first.iter().map(ToString::to_string))?;
    if summary.objects_deleted > 0 {
        print::line(format_args!("{} objects were deleted from the bucket", HumanCount(summary.objects_deleted)))?;
    }
    let requests = summary.requests;
    print::line(format_args!("compared and equal; {} requests to D1, {} to R2", requests.d1, requests.r2))
}
