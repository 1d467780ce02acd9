//! Who else writes, and whose turn it is: what this process knows of its company, and of its own lease. No network: `lease` asks D1,
//! `refresh` and `commit` bring news along, and they tell here.
//!
//! A process that knows of nobody else who writes writes at once: it is *alone*, and whoever comes takes a ticket, which it hears of at
//! its next commit. In *company* a process takes the lease before a transaction's first change, and its commit gives it back; one that
//! writes again and again keeps it for a few commits, so that the lease costs less than a request for each.
//! The lease is courtesy: whoever writes without it meets the fence, no more.

mod known;

use std::time::{Duration, Instant};

use crate::d1::{Statement, StatementResult};
use crate::ledger::company::{self, Manner};
use crate::ledger::lease::{self, Place};
use crate::lock::Mutex;
use crate::runtime::place;
use known::{COMPANY, Known, Lease, NOTED, TURN};

/// Whoever writes again within this time of a commit will probably do so after the next one.
const AGAIN: Duration = Duration::from_millis(100);
/// A lease that is not used for so long is given back: longer than SQLite's busy handler sleeps between two attempts (100 ms).
pub(super) const UNUSED: Duration = Duration::from_millis(150);
/// A lease is renewed, or not relied on, after these parts of the time for which D1 grants it.
const RENEWED: Duration = Duration::from_secs(1);
const RELIED_ON: Duration = lease::HOLDS.saturating_sub(Duration::from_millis(500));
/// A turn that will come within this time is waited for at once. SQLite's busy handler looks only each 100 ms after a while, and counts
/// its own sleep alone: so this is small against that.
const SLICE: Duration = Duration::from_millis(25);
/// How often whoever gives back the lease is looked at.
const LEAVING: Duration = Duration::from_millis(5);
/// How long those who write alone have to hear of a process that begins to. Whoever reads in the meantime asks D1 by then (with the
/// usual interval), and whoever commits is told.
const HEARING: Duration = Duration::from_secs(1);

/// What a process knows of the others on its database.
pub(super) struct Company {
    id: String,
    place: String,
    /// Rank 3. Held to look or to note something.
    known: Mutex<Known, 3>,
}

/// What a transaction does that is about to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// It writes.
    Go,
    /// It is somebody else's turn.
    Busy,
    /// It looks again after this moment.
    Moment(Duration),
    /// D1 is asked for the lease.
    Ask,
}

/// What the answer to that question says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Granted,
    Waits,
    /// The lease is there, and it is asked for once more after this time.
    Unheard(Duration),
}

/// What has to be done for a lease that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tend {
    Nothing,
    Later,
    Renew,
    Give,
}

/// What a commit says of its process.
pub(super) struct Farewell {
    /// For its batch's end.
    pub(super) statements: Vec<Statement>,
    at: Instant,
    noted: Option<Manner>,
    gives: bool,
    hears: bool,
}

impl Company {
    /// Of a process that has just opened the database.
    pub(super) fn new() -> Company {
        Company { id: uuid::Uuid::new_v4().to_string(), place: place::own(), known: Mutex::default() }
    }

    /// What an opening request says and asks.
    pub(super) fn enter(&self) -> Vec<Statement> {
        let [processes, tickets] = company::expire();
        let note = company::note(&self.id, &self.place, Manner::Reads);
        self.known.lock().noted = Some((Manner::Reads, Instant::now()));
        vec![processes, tickets, note, company::read(&self.id)]
    }

    /// What any other request says and asks.
    pub(super) fn news(&self, now: Instant) -> Vec<Statement> {
        let mut known = self.known.lock();
        let mut statements = Vec::new();
        if known.noted.is_none_or(|(_, at)| now >= at + NOTED[1]) {
            known.noted = Some((Manner::Reads, now));
            statements.push(company::note(&self.id, &self.place, Manner::Reads));
        }
        statements.push(company::read(&self.id));
        statements
    }

    /// Takes the answer to the last of [`Company::enter`] or [`Company::news`].
    pub(super) fn learn(&self, answer: Option<&StatementResult>, now: Instant) {
        let Some(answer) = answer else { return };
        let (ended, others): (Vec<_>, Vec<_>) =
            company::others_in(answer).into_iter().partition(|other| place::has_ended(&other.place));
        let mut known = self.known.lock();
        known.has_others = !others.is_empty();
        known.ended = ended.into_iter().map(|other| other.id).collect();
        let last = others.iter().map(|other| Duration::from_secs(other.wrote)).min();
        let left = last.and_then(|wrote| COMPANY.checked_sub(wrote)).filter(|left| !left.is_zero());
        known.company = left.map(|left| now + left);
    }

    /// Notes which tables others have changed.
    pub(super) fn saw(&self, tables: Vec<String>) {
        const MOST: usize = 8;
        let mut known = self.known.lock();
        known.tables.retain(|table| !tables.contains(table));
        known.tables.extend(tables);
        let surplus = known.tables.len().saturating_sub(MOST);
        known.tables.drain(..surplus);
    }

    /// The tables that others will probably have changed.
    pub(super) fn likely_tables(&self) -> Vec<String> {
        self.known.lock().tables.clone()
    }

    /// What a transaction does at `now` that is about to write. `is_away`: D1 did not answer the last time.
    pub(super) fn at_begin(&self, now: Instant, is_away: bool) -> Begin {
        let mut known = self.known.lock();
        if known.is_first_try() {
            known.is_eager = known.ended_at.is_some_and(|ended| now < ended + AGAIN);
        }
        match known.lease {
            Lease::Held { asked, .. } if now < asked + RELIED_ON => Begin::Go,
            Lease::Waiting(next) if now + SLICE < next => Begin::Busy,
            Lease::Waiting(next) if now < next => Begin::Moment(next - now),
            Lease::Leaving(since) if now < since + UNUSED => Begin::Moment(LEAVING),
            _ if is_away => Begin::Go,
            Lease::Waiting(_) | Lease::Held { .. } | Lease::Leaving(_) => Begin::Ask,
            Lease::None if known.is_announced(now) && !known.is_company(now) => Begin::Go,
            Lease::None if known.is_company(now) || known.has_others => {
                // While nobody knows yet that this process writes, any other may be about to.
                known.is_new = !known.is_announced(now);
                known.announced = known.is_new.then_some(now);
                Begin::Ask
            }
            Lease::None => Begin::Go,
        }
    }

    /// The question for the lease. Its answer is the last but one, and that to [`Company::news`] the last.
    pub(super) fn ask(&self, now: Instant) -> Vec<Statement> {
        let mut known = self.known.lock();
        let mut statements = Vec::new();
        if !known.ended.is_empty() {
            statements.extend(company::remove(&std::mem::take(&mut known.ended)));
        }
        if known.is_due(Manner::Polite, now) {
            known.noted = Some((Manner::Polite, now));
            statements.push(company::note(&self.id, &self.place, Manner::Polite));
        }
        let turns = if known.is_eager { TURN.0 } else { 1 };
        statements.extend(lease::ask(&self.id, turns));
        statements.push(company::read(&self.id));
        statements
    }

    /// Takes the answers to [`Company::ask`], which was sent at `asked`.
    pub(super) fn asked(&self, answers: &[StatementResult], asked: Instant) -> Asked {
        let now = Instant::now();
        let place = answers.len().checked_sub(2).and_then(|index| lease::place_in(&answers[index]));
        self.learn(answers.last(), now);
        let mut known = self.known.lock();
        // A commit that somebody was about to make when D1 learned of this process arrives within the time of an answer or so.
        let place = match place {
            Some(Place::First) if std::mem::take(&mut known.is_new) && known.is_company(now) => {
                Some(Place::Unheard((now - asked) * 2))
            }
            place => place,
        };
        let hearing = known.announced.map_or(Duration::ZERO, |at| (at + HEARING).saturating_duration_since(now));
        match place {
            Some(Place::After(commits)) => {
                known.lease = Lease::Waiting(now + known.wait(commits, now - asked));
                Asked::Waits
            }
            Some(Place::Unheard(wait)) if !hearing.is_zero() => {
                known.lease = Lease::Waiting(now);
                Asked::Unheard(wait.min(hearing))
            }
            // Without a place the ticket has expired by now: the fence will tell.
            Some(Place::First | Place::Unheard(_)) | None => {
                known.announced = None;
                (known.commits, known.ahead) = (0, (0, 0));
                known.lease = Lease::Held { asked, since: now };
                Asked::Granted
            }
        }
    }

    /// The question for the lease went unanswered: it is not waited for.
    pub(super) fn unanswered(&self) {
        let mut known = self.known.lock();
        known.noted = None;
        known.lease = Lease::None;
    }

    /// A write transaction has ended. Returns whether there is a lease to look after.
    pub(super) fn ended(&self, now: Instant) -> bool {
        let mut known = self.known.lock();
        known.ended_at = Some(now);
        matches!(known.lease, Lease::Held { .. })
    }

    /// What a commit at `now` says.
    pub(super) fn farewell(&self, now: Instant) -> Farewell {
        let known = self.known.lock();
        let (gives, manner) = match known.lease {
            Lease::Held { since, .. } => {
                let keeps = known.is_eager && known.commits + 1 < TURN.0 && now < since + TURN.1;
                (!keeps, Manner::Polite)
            }
            // A ticket is no use any more, now that the transaction is done.
            Lease::Waiting(_) => (true, Manner::Polite),
            Lease::None | Lease::Leaving(_) => (false, Manner::Alone),
        };
        let (noted, hears) = (known.is_due(manner, now).then_some(manner), manner == Manner::Alone);
        let note = noted.map(|manner| company::note(&self.id, &self.place, manner));
        let lease = match (gives, manner) {
            (true, _) => Some(lease::give(&self.id)),
            (false, Manner::Alone) => None,
            (false, _) => Some(lease::spend(&self.id)),
        };
        let hear = hears.then(|| company::hear(&self.id));
        Farewell { statements: [note, lease, hear].into_iter().flatten().collect(), at: now, noted, gives, hears }
    }

    /// D1 has the commit. `answer`: that to its last statement.
    pub(super) fn said(&self, farewell: &Farewell, answer: Option<&StatementResult>) {
        let (mut known, now) = (self.known.lock(), Instant::now());
        known.commits += 1;
        known.commit_time = now - farewell.at;
        if let Some(manner) = farewell.noted {
            known.noted = Some((manner, now));
        }
        match &mut known.lease {
            lease if farewell.gives => *lease = Lease::None,
            Lease::Held { asked, .. } => *asked = farewell.at,
            _ => {}
        }
        if farewell.hears && answer.is_some_and(company::is_heard) {
            known.noted = Some((Manner::Polite, now));
            known.company = Some(now + COMPANY);
        }
    }

    /// What has to be done for the lease at `now`. `is_writing`: a transaction uses it.
    pub(super) fn tend(&self, now: Instant, is_writing: bool) -> Tend {
        let mut known = self.known.lock();
        let Lease::Held { asked, since } = known.lease else {
            known.tended = None;
            return Tend::Nothing;
        };
        known.tended = Some(now);
        let used = known.ended_at.map_or(since, |ended| ended.max(since));
        match is_writing {
            true if now >= asked + RENEWED => Tend::Renew,
            false if now >= used + UNUSED => {
                known.lease = Lease::Leaving(now);
                Tend::Give
            }
            _ => Tend::Later,
        }
    }

    /// Whether somebody has to begin to look after the lease.
    pub(super) fn is_untended(&self, now: Instant) -> bool {
        let mut known = self.known.lock();
        // Whoever looked after it got lost with its thread when that is so long ago.
        let is_tended = known.tended.is_some_and(|at| now < at + lease::HOLDS);
        if !is_tended {
            known.tended = Some(now);
        }
        !is_tended
    }

    /// The request that gives the lease back.
    pub(super) fn give(&self) -> Statement {
        lease::give(&self.id)
    }

    /// It was answered, or given up.
    pub(super) fn given(&self) {
        let mut known = self.known.lock();
        if matches!(known.lease, Lease::Leaving(_)) {
            known.lease = Lease::None;
        }
    }

    /// The request that renews the lease.
    pub(super) fn renew(&self) -> Statement {
        lease::renew(&self.id)
    }

    /// It was sent at `asked`, and answered.
    pub(super) fn renewed(&self, sent: Instant) {
        if let Lease::Held { asked, .. } = &mut self.known.lock().lease {
            *asked = sent;
        }
    }
}
