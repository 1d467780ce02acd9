//! The lease, asked of D1: before a transaction writes in company, and in the background while it is there.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::catch_up::Aside;
use super::company::{Asked, Begin, Tend, UNUSED};
use super::freshness::PATIENCE;
use super::newest::Replica;
use crate::d1::Statement;
use crate::error::Error;
use crate::runtime::Runtime;

/// How often a process that begins to write beside one that did so alone asks whether that has heard of it. It waits here, once and for
/// a second at most; whoever waits for its turn does so in SQLite's busy handler.
const HEARING: Duration = Duration::from_millis(100);

impl Replica {
    /// Whether a transaction may write now, as far as other processes are concerned. Called with the permit in hand; after the answer
    /// "yes" the newest image may be another one.
    pub(crate) fn may_write(self: &Arc<Replica>) -> bool {
        loop {
            match self.company.at_begin(Instant::now(), self.freshness.is_away()) {
                Begin::Go => break,
                Begin::Busy => return false,
                Begin::Moment(wait) => std::thread::sleep(wait),
                Begin::Ask => match self.ask_for_lease() {
                    Ok(Asked::Granted) => break,
                    Ok(Asked::Waits) => return false,
                    Ok(Asked::Unheard(wait)) => std::thread::sleep(wait.min(HEARING)),
                    Err(error) => {
                        // The commit will tell whether somebody else was faster.
                        tracing::info!("no lease: {error}");
                        self.company.unanswered();
                        break;
                    }
                },
            }
        }
        self.look_after_lease();
        true
    }

    /// A transaction that wrote has ended.
    pub(crate) fn after_write(self: &Arc<Replica>) {
        if self.company.ended(Instant::now()) {
            self.look_after_lease();
        }
    }

    /// One request, if the tables that others have changed are those they changed before: the ticket, the log's tail and its rows.
    fn ask_for_lease(&self) -> Result<Asked, Error> {
        let mut writer = self.writer.lock();
        let asked = Instant::now();
        let mut aside = Aside {
            statements: self.company.ask(asked),
            likely_tables: self.company.likely_tables(),
            patience: Some(PATIENCE.min(self.client.timeout / 4)),
            ..Aside::default()
        };
        let refreshed = self.refresh_with(&mut writer, &mut aside);
        if aside.answers.is_empty() {
            refreshed?; // the question itself failed
        }
        Ok(self.company.asked(&aside.answers, asked))
    }

    fn look_after_lease(self: &Arc<Replica>) {
        if self.company.is_untended(Instant::now()) {
            self.tend_later();
        }
    }

    fn tend_later(self: &Arc<Replica>) {
        let replica = Arc::downgrade(self);
        let Ok(runtime) = Runtime::current() else { return };
        runtime.later(UNUSED, move || {
            if let Some(replica) = replica.upgrade() {
                replica.tend_lease();
            }
        });
    }

    /// Renews the lease of a transaction that takes long, and gives back one that is not used.
    fn tend_lease(self: &Arc<Replica>) {
        let sent = Instant::now();
        match self.company.tend(sent, self.is_being_written()) {
            Tend::Nothing => return,
            Tend::Later => {}
            Tend::Renew => {
                if self.tell(self.company.renew()) {
                    self.company.renewed(sent);
                }
            }
            Tend::Give => {
                self.tell(self.company.give());
                self.company.given();
            }
        }
        self.tend_later();
    }

    /// Whether D1 was told. What it does not hear costs the others the time for which a lease holds.
    fn tell(&self, statement: Statement) -> bool {
        let told = self.client.send_within(&[statement], PATIENCE.min(self.client.timeout / 4));
        told.inspect_err(|error| tracing::info!("D1 was not told of the lease: {error}")).is_ok()
    }
}
