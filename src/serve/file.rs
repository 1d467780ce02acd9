//! A connection's file of a replica: lock levels and the commit gate.
//!
//! | lock | what it means here |
//! | --- | --- |
//! | none | nothing is pinned |
//! | SHARED | the image that was newest is pinned: no reader waits, none sees a change in mid-transaction |
//! | RESERVED and above | the pinned image is the newest, this file has the replica's one writer's permit, and writes go to an overlay |
//!
//! At the end of a write transaction SQLite has written all dirty pages and sends `SQLITE_FCNTL_SYNC`: that is the gate. The
//! replica commits base and overlay to D1 there; a failure makes SQLite roll the transaction back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::ffi;

use super::replicas::InUse;
use crate::error::BUSY_SNAPSHOT;
use crate::image::{Image, Overlay};
use crate::replica::Permit;
use crate::vfs::{Code, File, LockLevel, Pragma};

enum Hold {
    None,
    Shared {
        base: Arc<Image>,
    },
    /// `_permit` is held for its `Drop`.
    Writing {
        base: Arc<Image>,
        overlay: Overlay,
        _permit: Permit,
    },
}

/// A connection's file of a replica.
pub struct ReplicaFile {
    replica: InUse,
    read_only: bool,
    hold: Hold,
    /// When a transaction that was about to write was last told to come again.
    told_to_wait: Option<Instant>,
}

/// Within this time SQLite's busy handler, which sleeps for 100 ms at most, comes again if it does.
const COMES_AGAIN: Duration = Duration::from_millis(200);

impl ReplicaFile {
    /// The file of a new connection.
    pub fn new(replica: InUse, read_only: bool) -> ReplicaFile {
        ReplicaFile { replica, read_only, hold: Hold::None, told_to_wait: None }
    }

    /// Whoever was told to wait asks for its turn before it pins an image, so that this is the one that goes with the turn. Returns
    /// whether it was.
    fn come_again(&mut self) -> bool {
        let comes_again = self.told_to_wait.take().is_some_and(|at| at.elapsed() < COMES_AGAIN);
        if comes_again && let Some(_permit) = self.replica.permit() {
            self.replica.may_write();
        }
        comes_again
    }

    fn begin_write(&mut self) -> Result<(), Code> {
        if self.read_only {
            return Err(ffi::SQLITE_READONLY);
        }
        let Hold::Shared { base } = &self.hold else { return Ok(()) };
        let permit = self.replica.permit().ok_or(ffi::SQLITE_BUSY)?;
        if !self.replica.may_write() {
            self.told_to_wait = Some(Instant::now());
            return Err(ffi::SQLITE_BUSY); // another process's turn
        }
        // Asked with the permit in hand: from here on only a refresh can bring a newer image, and the gate asks again.
        if !self.replica.is_newest(base) {
            self.told_to_wait = Some(Instant::now());
            return Err(BUSY_SNAPSHOT); // as in WAL mode
        }
        let base = base.clone();
        self.hold = Hold::Writing { overlay: Overlay::on(&base), base, _permit: permit };
        Ok(())
    }
}

impl File for ReplicaFile {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<bool, Code> {
        Ok(match &self.hold {
            Hold::Writing { base, overlay, .. } => overlay.read(base, offset, buffer),
            Hold::Shared { base } => base.read(offset, buffer),
            Hold::None => self.replica.newest().read(offset, buffer),
        })
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Code> {
        match &mut self.hold {
            Hold::Writing { base, overlay, .. } => {
                overlay.write(base, offset, bytes).map_err(|_| ffi::SQLITE_IOERR_WRITE)
            }
            _ => Err(ffi::SQLITE_IOERR_WRITE), // SQLite never writes without the lock
        }
    }

    fn truncate(&mut self, size: u64) -> Result<(), Code> {
        match &mut self.hold {
            Hold::Writing { overlay, .. } => {
                overlay.truncate(size);
                Ok(())
            }
            _ => Err(ffi::SQLITE_IOERR_TRUNCATE),
        }
    }

    fn size(&mut self) -> Result<u64, Code> {
        Ok(match &self.hold {
            Hold::Writing { overlay, .. } => overlay.size(),
            Hold::Shared { base } => base.size(),
            Hold::None => self.replica.newest().size(),
        })
    }

    /// After a commit the new image is this file's base. Should SQLite undo the transaction now (another attached database
    /// failed), it writes the old pages back and comes here again: the way back is then a commit of its own.
    fn end_of_transaction(&mut self) -> Result<(), Code> {
        if let Hold::Writing { base, overlay, .. } = &mut self.hold
            && !overlay.is_empty(base)
        {
            let after = self.replica.commit(base, overlay).map_err(|error| error.report())?;
            *overlay = Overlay::on(&after);
            *base = after;
        }
        Ok(())
    }

    fn lock(&mut self, level: LockLevel) -> Result<(), Code> {
        if level >= LockLevel::Shared && matches!(self.hold, Hold::None) {
            let comes_again = self.come_again();
            self.replica.before_read(comes_again).map_err(|error| error.report())?;
            self.hold = Hold::Shared { base: self.replica.newest() };
        }
        if level >= LockLevel::Reserved { self.begin_write() } else { Ok(()) }
    }

    fn unlock(&mut self, level: LockLevel) {
        let base = match std::mem::replace(&mut self.hold, Hold::None) {
            Hold::Writing { base, overlay, _permit } => {
                let base = match overlay.cuts(&base) {
                    Some(size) => self.replica.cut(base, size),
                    None => base,
                };
                drop(_permit);
                self.replica.after_write();
                base
            }
            Hold::Shared { base } => base,
            Hold::None => return,
        };
        if level == LockLevel::Shared {
            self.hold = Hold::Shared { base };
        }
    }

    fn is_reserved(&self) -> bool {
        self.replica.is_being_written()
    }

    fn pragma(&mut self, name: &str, value: Option<&str>) -> Pragma {
        match (name, value.map(str::to_ascii_lowercase).as_deref()) {
            // Without a journal SQLite could not undo a commit that D1 refuses.
            ("journal_mode", Some("off")) => {
                Pragma::Refuse("liteflare: journal_mode=OFF cannot roll back; any other mode is fine".into())
            }
            // The journal stays in memory whatever its name: what makes a commit durable is D1's answer.
            ("journal_mode", Some(mode)) => {
                self.replica.set_journal_mode(mode);
                Pragma::Answer(self.replica.journal_mode())
            }
            ("journal_mode", None) => Pragma::Answer(self.replica.journal_mode()),
            // An exclusive lock would pin one image for ever.
            ("locking_mode", _) => Pragma::Answer("normal".into()),
            _ => Pragma::PassOn,
        }
    }
}
