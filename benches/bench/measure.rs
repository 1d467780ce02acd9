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

/// Lets each side do `count` operations a turn, as many as take about `turn`; the order moves on with every turn. Returns a
/// side's median of seconds per operation, and the median of the last side's time over its own.
pub fn take_turns<const N: usize>(turns: usize, turn: Duration, mut side: impl FnMut(usize, usize)) -> [(f64, f64); N] {
    let mut count = 1;
    while seconds(|| (0..N).for_each(|n| side(n, count))) < turn.as_secs_f64() {
        count *= 2;
    }
    let rounds: Vec<[f64; N]> = (0..turns)
        .map(|turn| {
            let mut times = [0.0; N];
            for n in (0..N).map(|n| (n + turn) % N) {
                times[n] = seconds(|| side(n, count)) / count as f64;
            }
            times
        })
        .collect();
    std::array::from_fn(|n| {
        let time = median(rounds.iter().map(|times| times[n]).collect());
        (time, median(rounds.iter().map(|times| times[N - 1] / times[n]).collect()))
    })
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
