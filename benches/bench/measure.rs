//! Taking turns, and medians.

use std::time::{Duration, Instant};

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count => (values[(count - 1) / 2] + values[count / 2]) / 2.0,
    }
}

/// Seconds per operation of two sides that take turns, and the median of their ratios.
pub struct Turns {
    pub plain: f64,
    pub ours: f64,
    pub ratio: f64,
}

/// Lets both sides do `count` operations a turn, as many as take about `turn`. Who begins changes with every turn.
pub fn take_turns(turns: usize, turn: Duration, mut plain: impl FnMut(usize), mut ours: impl FnMut(usize)) -> Turns {
    let mut count = 1;
    loop {
        let started = Instant::now();
        ours(count);
        plain(count);
        if started.elapsed() > turn {
            break;
        }
        count *= 2;
    }
    let mut pairs = Vec::with_capacity(turns);
    for turn in 0..turns {
        let (a, b) = if turn % 2 == 0 {
            let a = seconds(|| plain(count));
            (a, seconds(|| ours(count)))
        } else {
            let b = seconds(|| ours(count));
            (seconds(|| plain(count)), b)
        };
        pairs.push((a / count as f64, b / count as f64));
    }
    Turns {
        plain: median(pairs.iter().map(|(a, _)| *a).collect()),
        ours: median(pairs.iter().map(|(_, b)| *b).collect()),
        ratio: median(pairs.iter().map(|(a, b)| b / a).collect()),
    }
}

/// How long `work` takes.
pub fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// A time with three digits.
pub fn show(seconds: f64) -> String {
    let (value, unit) = match seconds.abs() {
        t if t < 1e-3 => (seconds * 1e6, "µs"),
        t if t < 1.0 => (seconds * 1e3, "ms"),
        _ => (seconds, "s"),
    };
    let digits = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
    format!("{value:.digits$} {unit}")
}
