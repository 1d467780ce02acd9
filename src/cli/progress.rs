//! Runs a transfer and shows its progress: on a terminal a bar with the rate and the time left, elsewhere a line at the end of each step.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use liteflare::transfer::{Error, Event, Progress, Step};
use parking_lot::Mutex;
use serde::Serialize;

use super::print;

/// Runs a transfer and prints its summary: as JSON and without progress, or with `tell`.
pub fn run<S: Serialize>(
    json: bool,
    transfer: impl FnOnce(Progress<'_>) -> Result<S, Error>,
    tell: impl FnOnce(&S) -> std::io::Result<()>,
) -> anyhow::Result<S> {
    let display = Display::new(json);
    let done = transfer(&|event| display.show(event));
    drop(display);
    // The message alone: it includes those of its causes.
    let summary = done.map_err(|error| anyhow::Error::msg(error.to_string()))?;
    if json {
        print::json(&summary, false)?;
    } else {
        tell(&summary)?;
    }
    Ok(summary)
}

struct Display {
    is_quiet: bool,
    /// Held while it is changed or shown, never while anything else is done.
    current: Mutex<Option<Current>>,
}

struct Current {
    step: Step,
    bar: ProgressBar,
    started: Instant,
}

impl Display {
    fn new(is_quiet: bool) -> Display {
        Display { is_quiet, current: Mutex::default() }
    }

    fn show(&self, event: Event) {
        if self.is_quiet {
            return;
        }
        let mut current = self.current.lock();
        match (event, current.as_ref()) {
            (Event::Begins(step, total), _) => {
                *current = Some(Current { step, bar: bar(step, total), started: Instant::now() })
            }
            (Event::Advances(count), Some(current)) => current.bar.inc(count),
            (Event::Ends, Some(ended)) => {
                ended.bar.finish_and_clear();
                // A step that had nothing to do needs no line.
                if ended.bar.position() > 0 {
                    print::note(line(ended));
                }
                *current = None;
            }
            (_, None) => {}
        }
    }
}

impl Drop for Display {
    /// Removes the bar before an error is printed.
    fn drop(&mut self) {
        if let Some(current) = self.current.lock().take() {
            current.bar.finish_and_clear();
        }
    }
}

fn bar(step: Step, total: u64) -> ProgressBar {
    let target = if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(total), target).with_message(step.name());
    let count = if step.counts_bytes() {
        "{bytes}/{total_bytes} {bytes_per_sec}"
    } else {
        "{human_pos}/{human_len} rows {per_sec}"
    };
    let template = format!("{{msg:22}} {{wide_bar}} {count}, {{eta}} left");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn line(ended: &Current) -> String {
    let (step, position) = (ended.step, ended.bar.position());
    let amount =
        if step.counts_bytes() { HumanBytes(position).to_string() } else { format!("{} rows", HumanCount(position)) };
    format!("{}: {amount} in {:.1} s", step.name(), ended.started.elapsed().as_secs_f64())
}
