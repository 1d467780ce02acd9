//! When a request is sent again: waits grow, with jitter, until a deadline. What may be sent again is its sender's to know
//! ([`Transient`]).

use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::HeaderMap;
use http::header::RETRY_AFTER;

/// The first wait, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// An error of one attempt.
pub trait Transient {
    /// How long to wait at least before the next attempt. `None`: another one is no use.
    fn retry_after(&self) -> Option<Duration>;
}

/// The attempts at one thing.
pub struct Retry {
    deadline: Instant,
    /// What the last attempt must have left for its answer.
    reserve: Duration,
    waits: ExponentialBackoff,
}

impl Retry {
    /// Attempts until `deadline`.
    pub fn until(deadline: Instant) -> Retry {
        let waits = ExponentialBuilder::default()
            .with_min_delay(WAITS.0)
            .with_max_delay(WAITS.1)
            .without_max_times()
            .with_jitter()
            .build();
        Retry { deadline, reserve: Duration::ZERO, waits }
    }

    /// The same, but no attempt begins with less time than this left.
    pub fn reserving(self, reserve: Duration) -> Retry {
        Retry { reserve, ..self }
    }

    /// How long the next answer may take: half of what is left, so that there is time to ask what became of a request that hangs.
    pub fn answer_time(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now()) / 2
    }

    /// The wait before the next attempt. `None`: it is no use, or would come too late.
    pub fn next_wait(&mut self, error: &impl Transient) -> Option<Duration> {
        let asked = error.retry_after()?;
        let wait = self.waits.next().unwrap_or(WAITS.1).max(asked);
        let latest = Instant::now().checked_add(wait)?.checked_add(self.reserve)?;
        (latest < self.deadline).then_some(wait)
    }

    /// Waits before the next attempt. `false`: it is no use, or would come too late.
    pub fn wait_after(&mut self, error: &impl Transient) -> bool {
        let wait = self.next_wait(error);
        wait.inspect(|wait| std::thread::sleep(*wait)).is_some()
    }
}

/// How long an answer asks to wait, when it does so in seconds. A number beyond all numbers is a long time, and not none.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failed(Option<Duration>);

    impl Transient for Failed {
        fn retry_after(&self) -> Option<Duration> {
            self.0
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_to_five_seconds() {
        let mut retry = Retry::until(Instant::now() + SECOND * 3600);
        let waits: Vec<Duration> = (0..12).filter_map(|_| retry.next_wait(&Failed(Some(Duration::ZERO)))).collect();
        assert_eq!(waits.len(), 12);
        assert!((Duration::from_millis(50)..=Duration::from_millis(100)).contains(&waits[0]), "{waits:?}");
        assert!(waits[11] >= SECOND * 5 && waits[11] <= SECOND * 10, "{waits:?}");
    }

    #[test]
    fn what_the_other_side_asks_for_is_kept() {
        let mut retry = Retry::until(Instant::now() + SECOND * 3600);
        assert_eq!(retry.next_wait(&Failed(Some(SECOND * 60))), Some(SECOND * 60));
        assert_eq!(retry.next_wait(&Failed(None)), None);
    }

    #[test]
    fn whoever_asks_for_more_time_than_there_is_is_not_asked_again() {
        for text in ["18446744073709551615", "99999999999999999999999999", "9223372036854775807"] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            let asked = retry_after(&headers);
            assert!(asked.is_some_and(|wait| wait > SECOND * 3600), "{text}: {asked:?}");
            let mut retry = Retry::until(Instant::now() + SECOND * 3600).reserving(SECOND);
            assert_eq!(retry.next_wait(&Failed(asked)), None, "{text}");
        }
        for text in ["-1", "1.5", "", "soon", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers), None, "{text}");
        }
    }

    #[test]
    fn no_attempt_begins_too_late() {
        let now = Failed(Some(Duration::ZERO));
        assert_eq!(Retry::until(Instant::now()).next_wait(&now), None);
        assert_eq!(Retry::until(Instant::now() + SECOND).reserving(SECOND).next_wait(&now), None);
        assert!(Retry::until(Instant::now() + SECOND).next_wait(&now).is_some());
        assert!(Retry::until(Instant::now() + SECOND * 2).answer_time() <= SECOND);
    }
}
