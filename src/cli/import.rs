//! `liteflare import`: a local root to D1 and R2.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use indicatif::{HumanBytes, HumanCount};
use liteflare::config;
use liteflare::invokeai::DATABASE;
use liteflare::transfer::import::{ImportSummary, import};

use super::progress;

const MORE: &str = "\
The database goes to D1 and the media folders go to R2, then both are compared, value by value and byte by byte. The local files are \
only read.

An import that was interrupted goes on where it stopped when it is started again. Until it has ended, the application does not start on \
it. A target that holds anything else is refused before anything is changed.

Example:
  liteflare import ~/invokeai";

/// Arguments of `liteflare import`.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub struct ImportArgs {
    /// The application's root folder, which holds databases/invokeai.db; the application must not be running
    root: PathBuf,
    /// Delete what the D1 database and the bucket's mapped prefixes hold now
    #[arg(long)]
    replace: bool,
    /// Print a summary as JSON, and no progress
    #[arg(long)]
    json: bool,
}

/// Imports a root.
pub fn main(args: ImportArgs) -> anyhow::Result<()> {
    liteflare::log::start();
    let root = std::path::absolute(&args.root).with_context(|| args.root.display().to_string())?;
    config::use_root(root.clone());
    let print = |summary: &ImportSummary| {
        print(summary);
        let database = root.join(DATABASE);
        println!(
            "next: move {} away (keep it as a backup), then start the application with `liteflare run`",
            database.display()
        );
    };
    progress::run(args.json, |progress| import(&root, args.replace, progress), print)?;
    Ok(())
}

fn print(summary: &ImportSummary) {
    let before = |all: u64, sent: u64| match all - sent {
        0 => String::new(),
        present => format!(" ({} were there already)", HumanCount(present)),
    };
    let (tables, rows) = (HumanCount(summary.tables), HumanCount(summary.rows));
    println!("database: {rows} rows in {tables} tables{}", before(summary.rows, summary.rows_sent));
    if summary.has_bucket {
        let (files, bytes) = (HumanCount(summary.files), HumanBytes(summary.bytes_sent));
        println!("media: {files} files{}, {bytes} sent", before(summary.files, summary.files_sent));
    } else {
        println!("media: no bucket is set (LITEFLARE_R2_BUCKET), so the files stay where they are");
    }
    if summary.objects_deleted > 0 {
        println!("{} objects were deleted from the bucket", HumanCount(summary.objects_deleted));
    }
    println!("compared and equal; {} requests to D1, {} to R2", summary.requests.d1, summary.requests.r2);
}
