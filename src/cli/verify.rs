//! `liteflare verify`: what is on Cloudflare, compared in every way there is.

use std::io::Result;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use indicatif::HumanCount;
use liteflare::transfer::Differences;
use liteflare::transfer::verify::{Report, verify};

use super::{print, progress};

const MORE: &str = "\
Every row on D1 is read in another way than it is done otherwise, and compared with a fresh replica, and with FILE: values, types, \
rowids, schema, counters. Then the files of each image, video, style preset, workflow and model are looked for in the bucket, and the \
row of each file. The exit code is 1 if anything differs.

Example:
  liteflare verify --db backup.db";

/// Arguments of `liteflare verify`.
#[derive(Args, Debug)]
#[command(after_help = MORE)]
pub struct VerifyArgs {
    /// A plain SQLite file to compare with D1 as well
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// The application's root folder [default: INVOKEAI_ROOT, else ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print the report as JSON, and no progress
    #[arg(long)]
    json: bool,
}

/// Compares, and fails if anything differs.
pub fn main(args: VerifyArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    let report = progress::run(args.json, |progress| verify(args.db.as_deref(), progress), tell)?;
    if report.equal {
        return Ok(());
    }
    let all = [Some(&report.replica), report.file.as_ref(), report.media.as_ref()];
    bail!("{} differences were found", all.into_iter().flatten().map(|found| found.count).sum::<u64>())
}

fn tell(report: &Report) -> Result<()> {
    let (rows, tables) = (HumanCount(report.rows), HumanCount(report.tables));
    print::line(format_args!("D1: {rows} rows in {tables} tables, at commit {}", report.seq))?;
    show("D1 and a fresh replica", Some(&report.replica))?;
    show("the file and D1", report.file.as_ref())?;
    match report.objects {
        Some(objects) => show(&format!("rows and {} objects", HumanCount(objects)), report.media.as_ref())?,
        None => print::line("no bucket is set (LITEFLARE_R2_BUCKET): files are not looked at")?,
    }
    print::line(format_args!("{} requests to D1, {} to R2", report.requests.d1, report.requests.r2))
}

fn show(what: &str, found: Option<&Differences>) -> Result<()> {
    let Some(found) = found else { return Ok(()) };
    if found.count == 0 {
        return print::line(format_args!("{what}: equal"));
    }
    print::line(format_args!("{what}: {} differences", HumanCount(found.count)))?;
    print::lines(found.first.iter().map(|difference| format!("  {difference}")))?;
    let more = found.count - found.first.len() as u64;
    if more > 0 {
        print::line(format_args!("  and {} more", HumanCount(more)))?;
    }
    Ok(())
}
