//! A replica forward to what D1 holds now: by the log's tail, or anew when the log does not tell enough.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::catch_up::{Aside, catch_up};
use super::freshness::{PATIENCE, Step};
use super::hydrate::{Bounds, blank, hydrate_at};
use super::newest::Replica;
use super::writer::Writer;
use crate::config::Refresh;
use crate::d1::StatementResult;
use crate::error::Error;
use crate::image::{Image, PageNo, Seq};
use crate::ledger::{log, tables};
use crate::retry::Retry;
use crate::runtime::Runtime;
use crate::vfs::scratch::Scratch;

impl Replica {
    /// Called before a read transaction pins the newest image. With `LITEFLARE_REFRESH=always` D1 is asked first; with a time, when
    /// nobody has read for so long; else it is asked in the background (`freshness`).
    /// `comes_again`: it begins a transaction that waits for its turn, which asks D1 itself.
    pub(crate) fn before_read(self: &Arc<Replica>, comes_again: bool) -> Result<(), Error> {
        match self.refresh {
            Refresh::Always => self.sync().map(|_| ()),
            Refresh::Every(_) if comes_again => Ok(()),
            Refresh::Every(interval) => {
                match self.freshness.at_read(interval, Instant::now()) {
                    Step::Go => {}
                    Step::Order(wait) => self.check_later(interval, wait),
                    Step::Wait => self.check_now(interval),
                }
                Ok(())
            }
            Refresh::Never => Ok(()),
        }
    }

    /// Called when a connection begins on a replica that no other one uses: it finds what the first connection of a process would, also
    /// with `LITEFLARE_REFRESH=never`. With D1 away, that is what there is. `was_read`: the path was read as a file, perhaps by this
    /// application a moment ago.
    pub(crate) fn before_first_use(&self, was_read: bool) {
        const MOMENT: Duration = Duration::from_secs(1); // the interval's default
        if self.refresh == Refresh::Never
            && !(was_read && self.freshness.age() < MOMENT)
            && let Err(error) = self.sync()
        {
            self.is_missed(&error);
        }
    }

    /// Brings this replica to what D1 holds now. Returns its seq.
    pub(crate) fn sync(&self) -> Result<Seq, Error> {
        let mut writer = self.writer.lock();
        self.refresh(&mut writer)?;
        Ok(self.newest().position.seq)
    }

    /// Asks D1, for all who wait.
    fn check_now(&self, interval: Duration) {
        let _turn = self.freshness.turn();
        // Somebody else may have asked meanwhile.
        if self.freshness.at_read(interval, Instant::now()) == Step::Wait {
            self.check();
        }
    }

    /// Asks D1 after `wait`, in the background.
    fn check_later(self: &Arc<Replica>, interval: Duration, wait: Duration) {
        let replica = Arc::downgrade(self);
        let Ok(runtime) = Runtime::current() else { return };
        runtime.later(wait, move || {
            let Some(replica) = replica.upgrade() else { return };
            if replica.freshness.is_due(interval)
                && let Some(_turn) = replica.freshness.try_turn()
            {
                replica.check();
            }
        });
    }

    /// Asks D1 for newer commits and fetches them. A commit does not wait for it unless there is something to fetch: the question is
    /// asked without the writer's lock. A failure shows when somebody commits; reads go on from what there is.
    fn check(&self) {
        let asked = Instant::now();
        // While it is away nobody waits, and it may take the time it takes for commits.
        let patience = if self.freshness.is_away() { self.client.timeout / 2 } else { PATIENCE };
        let mut retry = Retry::until(asked + patience);
        let compares = self.freshness.compares_schema(asked);
        let mut question: Vec<_> = [log::newest()].into_iter().chain(compares.then(tables::seen)).collect();
        question.extend(self.company.news(asked));
        let newest = loop {
            match self.client.send_within(&question, patience.saturating_sub(asked.elapsed())) {
                Err(error) if retry.wait_after(&error) => self.metrics().retries.add(1),
                answer => break answer,
            }
        };
        self.company.learn(newest.as_ref().ok().and_then(|answers| answers.last()), Instant::now());
        let seen = |answers: &Vec<StatementResult>| answers.get(1).filter(|_| compares).is_none_or(tables::is_seen);
        let is_seen = newest.as_ref().map_or(true, seen);
        match log::has_moved(newest, &self.newest().position).map(|has_moved| has_moved || !is_seen) {
            Ok(false) => self.is_confirmed(asked),
            Ok(true) => {
                if let Err(error) = self.sync() {
                    self.is_missed(&error);
                }
            }
            Err(error) => self.is_missed(&error),
        }
    }

    fn is_confirmed(&self, asked: Instant) {
        if self.freshness.confirm(asked) {
            tracing::info!("D1 answers again");
        }
    }

    fn is_missed(&self, error: &dyn Display) {
        if self.freshness.missed() {
            let age = self.freshness.age().as_secs();
            tracing::warn!("reads go on from a copy that is {age} s old until D1 answers: {error}");
        }
    }

    /// The same as [`Replica::sync`], for who holds the writer's lock. Returns whether there was anything new.
    pub(super) fn refresh(&self, writer: &mut Writer) -> Result<bool, Error> {
        let mut aside = Aside { statements: self.company.news(Instant::now()), ..Aside::default() };
        let refreshed = self.refresh_with(writer, &mut aside);
        self.company.learn(aside.answers.last(), Instant::now());
        refreshed
    }

    /// The same with a request of another purpose.
    pub(super) fn refresh_with(&self, writer: &mut Writer, aside: &mut Aside) -> Result<bool, Error> {
        let (base, asked) = (self.newest(), Instant::now());
        let tail = self.by_log(writer, &base, aside)?;
        if !aside.changed.is_empty() {
            self.company.saw(std::mem::take(&mut aside.changed));
        }
        match tail {
            Tail::Empty => {
                self.is_confirmed(asked);
                return Ok(false);
            }
            Tail::Applied(after, changed) => {
                let after = with_unseen_counter(after, &base);
                match writer.decode(&base, &after, &changed) {
                    Ok(decoded) => writer.advance(decoded, &after),
                    Err(_) => *writer = Writer::new(&after)?,
                }
                self.show(after, asked);
            }
            Tail::Unknown => self.hydrate_anew(writer)?,
        }
        Ok(true)
    }

    /// Brings this replica to what D1 holds now after D1 refused a commit as one on another state. If the log does not tell what that
    /// state is, all of it is read anew.
    pub(super) fn refresh_after_conflict(&self, writer: &mut Writer) -> Result<(), Error> {
        if !self.refresh(writer)? {
            self.hydrate_anew(writer)?;
        }
        Ok(())
    }

    /// Reads all of D1's rows again.
    pub(super) fn hydrate_anew(&self, writer: &mut Writer) -> Result<(), Error> {
        let base = self.newest();
        let (mut after, asked) = hydrate_at(&self.client, &Bounds::default(), Some(&self.company))?;
        if after.page_count() == 0 && base.page_count() > 0 {
            after = blank(after.position)?; // all tables are gone, and the numbers have to go on
        }
        let after = with_unseen_counter(after, &base).with_schema_cookie(self.unseen_cookie());
        *writer = Writer::new(&after)?;
        self.show(after, asked);
        Ok(())
    }

    fn show(&self, after: Image, asked: Instant) {
        self.metrics().refreshes.add(1);
        self.publish(after);
        self.is_confirmed(asked);
    }

    /// `base` with what the log's tail says.
    fn by_log(&self, writer: &Writer, base: &Image, aside: &mut Aside) -> Result<Tail, Error> {
        let scratch = Scratch::new(base.clone());
        let connection = scratch.writer()?;
        connection.execute_batch("BEGIN")?;
        let schema = &writer.catalog.schema;
        let Some(position) = catch_up(&self.client, &connection, schema, &base.position, false, aside)? else {
            return Ok(Tail::Unknown);
        };
        if position == base.position {
            return Ok(Tail::Empty);
        }
        connection.execute_batch("COMMIT")?;
        drop(connection);
        let (mut after, changed) = scratch.image();
        after.position = position;
        Ok(Tail::Applied(after, changed))
    }
}

/// `after` with a change counter that no transaction on `base` can have used.
fn with_unseen_counter(after: Image, base: &Image) -> Image {
    after.with_change_counter(base.change_counter().wrapping_add(2))
}

/// What the log's tail made of an image.
enum Tail {
    /// Nobody has committed.
    Empty,
    /// The image that D1 holds now, and its changed pages.
    Applied(Image, Vec<PageNo>),
    /// It does not tell enough.
    Unknown,
}
