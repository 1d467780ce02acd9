//! What one process knows of the others and of its own turn, and what follows from it at a moment.

use std::time::{Duration, Instant};

use crate::ledger::company::Manner;

/// A process that has written within this time is company. Long against the pauses between the clicks of a person, which is when a
/// second process would come in between.
pub(super) const COMPANY: Duration = Duration::from_secs(60);
/// How often a process that writes says so, and one that reads that it lives.
pub(super) const NOTED: [Duration; 2] = [Duration::from_secs(20), Duration::from_secs(60)];
/// Most commits, and most time, of a turn in which others may wait.
pub(super) const TURN: (u32, Duration) = (6, Duration::from_secs(1));
/// The first wait for the lease, and the longest: a ticket expires when its owner does not ask.
const WAITS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// What is known at this moment.
#[derive(Default)]
pub(super) struct Known {
    /// Others are there, who may begin to write.
    pub(super) has_others: bool,
    /// Until when others count as writers.
    pub(super) company: Option<Instant>,
    /// Those that ended without a word.
    pub(super) ended: Vec<String>,
    /// What was last noted on D1 about this process, and when.
    pub(super) noted: Option<(Manner, Instant)>,
    pub(super) lease: Lease,
    /// Commits of this turn.
    pub(super) commits: u32,
    /// How many commits were to come before this process's turn, and how often D1 has said so.
    pub(super) ahead: (u32, u32),
    /// How long the last commit took.
    pub(super) commit_time: Duration,
    /// When the last write transaction ended.
    pub(super) ended_at: Option<Instant>,
    /// It began soon after the one before.
    pub(super) is_eager: bool,
    /// When this process, which had not written for a while, asked for the lease.
    pub(super) announced: Option<Instant>,
    /// It has not asked yet.
    pub(super) is_new: bool,
    /// Somebody looks after the lease, or did at this moment.
    pub(super) tended: Option<Instant>,
    /// Tables that others have changed lately.
    pub(super) tables: Vec<String>,
}

/// This process's ticket, as far as it knows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Lease {
    #[default]
    None,
    /// There is a ticket, and it is no use to ask before this moment.
    Waiting(Instant),
    /// Asked for, or renewed, at this moment.
    Held { asked: Instant, since: Instant },
    /// The request that gives it back is on its way since this moment.
    Leaving(Instant),
}

impl Known {
    /// Whether a transaction that is about to write tries so for the first time, and did not have to wait before.
    pub(super) fn is_first_try(&self) -> bool {
        match self.lease {
            Lease::None | Lease::Leaving(_) => true,
            Lease::Waiting(_) => false,
            Lease::Held { .. } => self.commits > 0,
        }
    }

    pub(super) fn is_company(&self, now: Instant) -> bool {
        self.company.is_some_and(|until| now < until)
    }

    /// When to ask again, with so many commits to come before: when they will probably be done. Where that is wrong, D1 is asked less
    /// and less often. `answer_time`: that of the last question.
    pub(super) fn wait(&mut self, commits: u32, answer_time: Duration) -> Duration {
        let said = if self.ahead.0 == commits { self.ahead.1 + 1 } else { 0 };
        self.ahead = (commits, said);
        // It takes each time about as long until the next one knows that it is its turn.
        let left = commits + commits.div_ceil(TURN.0);
        (answer_time.max(self.commit_time) * left * (1 << said.min(5))).clamp(WAITS.0, WAITS.1)
    }

    /// Whether others can know that this process writes.
    pub(super) fn is_announced(&self, now: Instant) -> bool {
        self.noted.is_some_and(|(manner, at)| manner != Manner::Reads && now < at + COMPANY)
    }

    pub(super) fn is_due(&self, manner: Manner, now: Instant) -> bool {
        self.noted.is_none_or(|(noted, at)| noted != manner || now >= at + NOTED[0])
    }
}
