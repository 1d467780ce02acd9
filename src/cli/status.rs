//! `liteflare status`: what D1 and R2 hold, once or again and again.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use liteflare::status::{Status, StatusError, Watch};
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;

use super::print;

/// Between two views.
const INTERVAL: Duration = Duration::from_secs(2);

/// Arguments of `liteflare status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// The application's root folder [default: INVOKEAI_ROOT, else ~/invokeai]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Print one JSON object (one a line with --watch)
    #[arg(long)]
    json: bool,
    /// Show it again every 2 seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Prints what is there.
pub fn main(args: StatusArgs) -> anyhow::Result<()> {
    super::use_root(args.root)?;
    liteflare::log::start();
    if !args.watch {
        let status = Watch::open()?.poll()?;
        return if args.json { print::json(&status, true) } else { Ok(print::lines(show(&status))?) };
    }
    end_on_interrupt()?;
    let on_terminal = io::stdout().is_terminal() && !args.json;
    let mut watch = None;
    loop {
        let printed = match poll(&mut watch) {
            Ok(status) if args.json => print::json(&status, false),
            Ok(status) => {
                let lines = show(&status).into_iter().chain([String::new()]);
                if on_terminal { print::picture(lines) } else { print::lines(lines) }.map_err(Into::into)
            }
            // A wrong setting stays wrong; a network comes back.
            Err(error @ StatusError::Setting(_)) => return Err(error.into()),
            Err(error) if on_terminal => print::picture([error]).map_err(Into::into),
            Err(error) => {
                print::error(error);
                Ok(())
            }
        };
        match printed {
            Err(error) if is_broken_pipe(&error) => return Ok(()), // `| head`
            printed => printed?,
        }
        std::thread::sleep(INTERVAL);
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn poll(watch: &mut Option<Watch>) -> Result<Status, StatusError> {
    match watch {
        Some(watch) => watch.poll(),
        None => watch.insert(Watch::open()?).poll(),
    }
}

/// Nothing has to be cleaned up, so that Ctrl-C may come in the middle of a request.
fn end_on_interrupt() -> anyhow::Result<()> {
    let mut interrupts = Signals::new([SIGINT])?;
    std::thread::Builder::new().name("interrupt".into()).spawn(move || {
        interrupts.forever().next();
        std::process::exit(0);
    })?;
    Ok(())
}

fn show(status: &Status) -> Vec<String> {
    let mut lines = vec![format!("database {}: seq {}, {}", status.database, status.seq, size(status.bytes))];
    let widest = |names: &mut dyn Iterator<Item = &String>| names.map(|name| name.chars().count()).max().unwrap_or(0);
    let width = widest(&mut status.tables.iter().map(|table| &table.name));
    lines.extend(status.tables.iter().map(|table| format!("  {:width$}  {:>9} rows", table.name, table.rows)));
    if !status.commits.is_empty() {
        lines.push("last commits".to_owned());
    }
    for commit in &status.commits {
        let tables = if commit.tables.is_empty() { "schema, or many rows".into() } else { commit.tables.join(", ") };
        lines.push(format!("  {}  {}  {}  {tables}", commit.seq, commit.at, commit.source));
    }
    lines.push(match &status.bucket {
        Some(bucket) => format!("bucket {bucket}"),
        None => "no bucket: files stay local".to_owned(),
    });
    let width = widest(&mut status.prefixes.iter().map(|prefix| &prefix.prefix));
    for prefix in &status.prefixes {
        let bytes = size(prefix.bytes);
        lines.push(format!("  {:width$}  {:>9} objects  {bytes:>10}", prefix.prefix, prefix.objects));
        if let Some(first) = prefix.unusable.first() {
            lines.push(format!(
                "    and {} keys that can be no file's name, the first is {first}",
                prefix.unusable.len()
            ));
        }
    }
    lines.push(format!("requests: {} to D1, {} to R2", status.requests.d1, status.requests.r2));
    lines
}

fn size(bytes: u64) -> String {
    let units = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    let large = units.iter().find(|(_, unit)| bytes as f64 >= *unit);
    large.map_or_else(|| format!("{bytes} B"), |(name, unit)| format!("{:.1} {name}", bytes as f64 / unit))
}
