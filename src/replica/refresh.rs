//! A replica forward to what D1 holds now: by the log's tail, or anew when the log does not tell enough.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::catch_up::catch_up;
use super::hydrate::{Bounds, hydrate};
use super::newest::Replica;
use super::writer::Writer;
use crate::config::Refresh;
use crate::error::Error;
use crate::image::{Image, PageNo, Seq};
use crate::ledger::log;
use crate::runtime::Runtime;
use crate::vfs::scratch::Scratch;

impl Replica {
    /// Called before a read transaction pins the newest image. With `LITEFLARE_REFRESH=always` D1 is asked first; with a time it
    /// is asked in the background, when the last answer is older.
    pub(crate) fn before_read(self: &Arc<Replica>) -> Result<(), Error> {
        match self.refresh {
            Refresh::Always => self.sync().map(|_| ()),
            Refresh::Every(interval) => {
                self.refresh_in_background(interval);
                Ok(())
            }
            Refresh::Never => Ok(()),
        }
    }

    /// Brings this replica to what D1 holds now. Returns its seq.
    pub(crate) fn sync(&self) -> Result<Seq, Error> {
        let mut writer = self.writer.lock();
        self.refresh(&mut writer)?;
        Ok(self.newest().seq)
    }

    /// Asks D1 for newer commits if nobody has for `interval`, and fetches them. Nobody waits for it, and a commit does not either
    /// unless there is something to fetch: the question is asked without the writer's lock.
    fn refresh_in_background(self: &Arc<Replica>, interval: Duration) {
        {
            let mut checked = self.checked.lock();
            if checked.elapsed() < interval {
                return;
            }
            *checked = Instant::now();
        }
        let replica = Arc::downgrade(self);
        let Ok(runtime) = Runtime::current() else { return };
        runtime.later(Duration::ZERO, move || {
            let Some(replica) = replica.upgrade() else { return };
            let seq = replica.newest().seq;
            // A failure shows when somebody commits; reads go on from what there is.
            let is_behind = replica.client.send(&[log::since(seq)]).is_ok_and(|log| !log[0].results.rows.is_empty());
            if is_behind && let Err(error) = replica.sync() {
                error.report();
            }
        });
    }

    /// The same as [`Replica::sync`], for who holds the writer's lock.
    pub(super) fn refresh(&self, writer: &mut Writer) -> Result<(), Error> {
        let base = self.newest();
        // A counter that no transaction on `base` can have used, so that every connection sees that the file changed.
        let counter = base.header_u32(24).wrapping_add(2);
        let after = match self.by_log(writer, &base)? {
            Tail::Empty => return Ok(()),
            Tail::Applied(after, changed) => {
                let after = after.with_change_counter(counter);
                match writer.decode(&base, &after, &changed) {
                    Ok(decoded) => writer.advance(decoded, &after),
                    Err(_) => *writer = Writer::new(&after)?,
                }
                after
            }
            Tail::Unknown => {
                let after = hydrate(&self.client, &Bounds::default())?.with_change_counter(counter);
                *writer = Writer::new(&after)?;
                after
            }
        };
        self.metrics().refreshes.add(1);
        self.publish(after);
        Ok(())
    }

    /// `base` with what the log's tail says.
    fn by_log(&self, writer: &Writer, base: &Image) -> Result<Tail, Error> {
        let scratch = Scratch::new(base.clone());
        let connection = scratch.writer()?;
        connection.execute_batch("BEGIN")?;
        let Some(seq) = catch_up(&self.client, &connection, &writer.catalog.schema, base.seq, false)? else {
            return Ok(Tail::Unknown);
        };
        if seq == base.seq {
            return Ok(Tail::Empty);
        }
        connection.execute_batch("COMMIT")?;
        drop(connection);
        let (mut after, changed) = scratch.image();
        after.seq = seq;
        Ok(Tail::Applied(after, changed))
    }
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
