//! `liteflare doctor`: the checks, a line each, or all as JSON.

use std::io::Write;
use std::path::PathBuf;

use anstream::stdout;
use anyhow::{Context, bail};
use clap::Args;
use clap::builder::styling::{AnsiColor, Style};
use liteflare::doctor::{self, Check, Options, Status};

/// Arguments of `liteflare doctor`.
#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// The application's root folder [default: INVOKEAI_ROOT, else ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// The application's Python [default: that of invokeai-web, of VIRTUAL_ENV, or python3]
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
}

/// Prints every check; an error when one failed.
pub fn main(args: DoctorArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    let options = Options { command: std::env::current_exe().context("this program's own path")?, python: args.python };
    let (mut checks, mut printed) = (Vec::new(), Ok(()));
    doctor::examine(&options, &mut |check| {
        if !args.json && printed.is_ok() {
            printed = print(&check);
        }
        checks.push(check);
    });
    printed?;
    let failed = checks.iter().filter(|check| check.status == Status::Fail).count();
    if args.json {
        let all = serde_json::json!({ "ok": failed == 0, "checks": checks });
        writeln!(stdout(), "{all:#}")?;
    }
    match failed {
        0 => Ok(()),
        1 => bail!("1 of {} checks failed", checks.len()),
        _ => bail!("{failed} of {} checks failed", checks.len()),
    }
}

fn print(check: &Check) -> std::io::Result<()> {
    let (word, color) = match check.status {
        Status::Ok => ("ok", AnsiColor::Green),
        Status::Warn => ("warn", AnsiColor::Yellow),
        Status::Fail => ("FAIL", AnsiColor::Red),
    };
    let (style, bold) = (color.on_default(), Style::new().bold());
    let mut out = stdout().lock(); // drops colours where they are not wanted
    writeln!(out, "{style}{word:4}{style:#}  {bold}{}{bold:#}: {}", check.name, check.detail)?;
    if !check.advice.is_empty() {
        writeln!(out, "      {style}→{style:#} {}", check.advice)?;
    }
    out.flush()
}
