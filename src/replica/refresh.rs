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
        Ok(self.newest().position.seq)
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
            // A failure shows when somebody commits; reads go on from what there is.
            let newest = replica.client.send(&[log::newest()]);
            let has_moved = log::has_moved(newest, &replica.newest().position).unwrap_or(false);
            if has_moved && let Err(error) = replica.sync() {
                error.report();
            }
        });
    }

    /// The same as [`Replica::sync`], for who holds the writer's lock. Returns whether there was anything new.
    pub(super) fn refresh(&self, writer: &mut Writer) -> Result<bool, Error> {
        let base = self.newest();
        match self.by_log(writer, &base)? {
            Tail::Empty => return Ok(false),
            Tail::Applied(after, changed) => {
                let after = unlike(after, &base);
                match writer.decode(&base, &after, &changed) {
                    Ok(decoded) => writer.advance(decoded, &after),
                    Err(_) => *writer = Writer::new(&after)?,
                }
                self.show(after);
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

    fn hydrate_anew(&self, writer: &mut Writer) -> Result<(), Error> {
        let after = unlike(hydrate(&self.client, &Bounds::default())?, &self.newest());
        *writer = Writer::new(&after)?;
        self.show(after);
        Ok(())
    }

    fn show(&self, after: Image) {
        self.metrics().refreshes.add(1);
        self.publish(after);
    }

    /// `base` with what the log's tail says.
    fn by_log(&self, writer: &Writer, base: &Image) -> Result<Tail, Error> {
        let scratch = Scratch::new(base.clone());
        let connection = scratch.writer()?;
        connection.execute_batch("BEGIN")?;
        let schema = &writer.catalog.schema;
        let Some(position) = catch_up(&self.client, &connection, schema, &base.position, false)? else {
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

/// `after` with a change counter that no transaction on `base` can have used, so that every connection sees that the file changed.
fn unlike(after: Image, base: &Image) -> Image {
    after.with_change_counter(base.header_u32(24).wrapping_add(2))
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
