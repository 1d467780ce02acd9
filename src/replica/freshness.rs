//! How old a replica's newest image is, and what a read does about it. No network: `refresh` asks D1, and tells here what came of it.
//!
//! With an interval, a read finds one of four cases:
//! - D1 has confirmed the image within the interval: it is served at once. It also orders a question for the moment when the interval
//!   ends, so that reads in steady use never wait, and a process in which nobody reads asks nothing.
//! - That question is due, or on its way: it is served at once, for another interval at most.
//! - Nobody has read for a while: it waits for one answer.
//! - D1 did not answer the last time ("away"): it is served at once, and orders the next question. Nobody waits until one was answered.

use std::time::{Duration, Instant};

use crate::lock::{Mutex, MutexGuard};

/// How long a read waits for D1 before it goes on from the replica. D1 answers within a second on bad days too; 5 s is what Python's
/// sqlite3 lets an application wait for a lock.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// To compare the schema, D1 reads all of `sqlite_schema`, some hundred rows, and bills each. Commits do it always; what somebody else
/// does to the schema while nobody commits shows after so long.
const COMPARE_INTERVAL: Duration = Duration::from_secs(10);

/// When D1 last confirmed the newest image, and when it will be asked again.
pub(super) struct Freshness {
    /// Rank 3. Held to look or to note something.
    known: Mutex<Known, 3>,
    /// The turn to ask D1 for all who wait. Rank 0. Held while D1 is asked, and while what others did is fetched.
    turn: Mutex<(), 0>,
    /// A question that was ordered so long ago got lost: its thread did not survive `fork`, or its descriptors were closed.
    lost: Duration,
}

struct Known {
    /// D1 held the newest image then, or later.
    confirmed: Instant,
    /// When the question that was ordered is asked.
    ordered: Option<Instant>,
    /// When the last question went unanswered, if no later one was answered.
    away: Option<Instant>,
    /// When a question last was about the schema too.
    compared: Instant,
}

/// What a read does before it pins an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Go,
    /// It goes on, and D1 is asked after so long.
    Order(Duration),
    /// It waits for an answer.
    Wait,
}

impl Freshness {
    /// Of an image that D1 held at `confirmed` or later. `timeout`: that of requests.
    pub(super) fn new(confirmed: Instant, timeout: Duration) -> Freshness {
        let known = Known { confirmed, ordered: None, away: None, compared: confirmed };
        Freshness { known: Mutex::new(known), turn: Mutex::new(()), lost: timeout * 2 }
    }

    /// What a read at `now` does.
    pub(super) fn at_read(&self, interval: Duration, now: Instant) -> Step {
        let mut known = self.known.lock();
        let age = now.saturating_duration_since(known.confirmed);
        let is_ordered = known.ordered.is_some_and(|at| now < at + self.lost);
        let next = match known.away {
            _ if is_ordered && (age < interval * 2 || known.away.is_some()) => return Step::Go,
            _ if age < interval => known.confirmed + interval,
            Some(failed) => now.max(failed + interval),
            None => return Step::Wait,
        };
        known.ordered = Some(next);
        Step::Order(next.saturating_duration_since(now))
    }

    /// The turn to ask for all who wait.
    pub(super) fn turn(&self) -> MutexGuard<'_, (), 0> {
        self.turn.lock()
    }

    /// The same, for who need not wait: `None` when somebody asks already.
    pub(super) fn try_turn(&self) -> Option<MutexGuard<'_, (), 0>> {
        self.turn.try_lock()
    }

    /// The question that was ordered is due. Returns whether it still has to be asked.
    pub(super) fn is_due(&self, interval: Duration) -> bool {
        let mut known = self.known.lock();
        let is_due = known.confirmed.elapsed() >= interval;
        if !is_due {
            known.ordered = None; // a commit, or somebody who waited, has confirmed the image since
        }
        is_due
    }

    /// Whether a question at `now` shall be about the schema too, as far as nobody has told of a change in the log.
    pub(super) fn compares_schema(&self, now: Instant) -> bool {
        let mut known = self.known.lock();
        let is_due = now.saturating_duration_since(known.compared) >= COMPARE_INTERVAL;
        if is_due {
            known.compared = now;
        }
        is_due
    }

    /// D1 held the newest image at `asked` or later. Returns whether it was away before.
    pub(super) fn confirm(&self, asked: Instant) -> bool {
        let mut known = self.known.lock();
        known.confirmed = known.confirmed.max(asked);
        known.ordered = None;
        known.away.take().is_some()
    }

    /// A question went unanswered. Returns whether that is new.
    pub(super) fn missed(&self) -> bool {
        let mut known = self.known.lock();
        known.ordered = None;
        known.away.replace(Instant::now()).is_none()
    }

    /// Whether the last question went unanswered.
    pub(super) fn is_away(&self) -> bool {
        self.known.lock().away.is_some()
    }

    /// How long ago D1 confirmed the image.
    pub(super) fn age(&self) -> Duration {
        self.known.lock().confirmed.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn at_start() -> (Freshness, Instant) {
        let start = Instant::now();
        (Freshness::new(start, ms(10_000)), start)
    }

    #[test]
    fn a_read_after_a_pause_waits() {
        let (freshness, start) = at_start();
        assert_eq!(freshness.at_read(INTERVAL, start + ms(1000)), Step::Wait);
        assert_eq!(freshness.at_read(INTERVAL, start + ms(1001)), Step::Wait, "and so does every other");
        assert!(!freshness.confirm(start + ms(1100)));
        assert_eq!(freshness.at_read(INTERVAL, start + ms(1200)), Step::Order(ms(900)));
    }

    #[test]
    fn reads_in_steady_use_order_one_question_and_do_not_wait_for_it() {
        let (freshness, start) = at_start();
        assert_eq!(freshness.at_read(INTERVAL, start + ms(300)), Step::Order(ms(700)));
        assert_eq!(freshness.at_read(INTERVAL, start + ms(999)), Step::Go);
        assert_eq!(freshness.at_read(INTERVAL, start + ms(1500)), Step::Go, "the answer is on its way");
        assert_eq!(freshness.at_read(INTERVAL, start + ms(2000)), Step::Wait, "that takes too long");
    }

    #[test]
    fn nobody_waits_while_d1_is_away() {
        let (freshness, start) = at_start();
        assert!(freshness.missed() && freshness.is_away());
        assert!(!freshness.missed(), "it is no news");
        let later = Instant::now() + ms(5000);
        assert_eq!(freshness.at_read(INTERVAL, later), Step::Order(ms(0)));
        assert_eq!(freshness.at_read(INTERVAL, later + ms(3000)), Step::Go);
        assert_eq!(freshness.at_read(INTERVAL, later + ms(20_000)), Step::Order(ms(0)), "the question got lost");
        assert!(freshness.confirm(start + ms(6000)));
        assert_eq!(freshness.at_read(INTERVAL, start + ms(7000)), Step::Wait);
    }

    #[test]
    fn questions_to_a_d1_that_is_away_are_an_interval_apart() {
        let (freshness, start) = at_start();
        freshness.missed();
        let Step::Order(wait) = freshness.at_read(INTERVAL, start + ms(1000)) else { panic!("it orders one") };
        assert!(wait <= INTERVAL, "{wait:?}");
        let (freshness, _) = at_start();
        freshness.missed();
        let failed = Instant::now();
        let Step::Order(wait) = freshness.at_read(ms(60_000), failed + ms(60_001)) else { panic!("it orders one") };
        assert!(wait <= ms(1), "{wait:?}");
    }
}
