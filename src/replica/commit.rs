//! One transaction of the application becomes one commit on D1.

use std::sync::Arc;
use std::time::Instant;

use super::company::Farewell;
use super::newest::Replica;
use super::writer::{Decoded, Writer};
use crate::d1::{Refusal, Statement};
use crate::error::Error;
use crate::image::{Image, Overlay, Position};
use crate::ledger::{self, Batch, Body, CommitError, Committed, Fence, capture, header, tables, txn};
use crate::plan::{self, Options, Plan};
use crate::schema::Kind;

impl Replica {
    /// Commits what `overlay` wrote on top of `base` and publishes the result. On an error nothing has happened, here or on D1
    /// (except for [`Error::Unreachable`], which says what is in doubt).
    pub(crate) fn commit(&self, base: &Arc<Image>, overlay: &Overlay) -> Result<Arc<Image>, Error> {
        let (mut after, changed) = base.with(overlay);
        if changed.is_empty() && after.page_count() == base.page_count() {
            return Ok(base.clone()); // a rollback that put every page back
        }
        let mut writer = self.writer.lock();
        if !self.is_newest(base) {
            self.metrics().conflicts.add(1);
            return Err(Error::Conflict); // a refresh came in between
        }
        let decoded = match writer.decode(base, &after, &changed) {
            Ok(decoded) => decoded,
            Err(error) => {
                writer.forget_after(base)?;
                return Err(error);
            }
        };
        let (mut has_followers, asked) = (false, Instant::now());
        let farewell = self.company.farewell(asked);
        match self.send(&writer, &decoded, base, &after, &farewell) {
            Ok(Some(committed)) => {
                self.company.said(&farewell, committed.last_answer.as_ref());
                after.position = committed.position;
                has_followers = committed.has_followers;
                self.freshness.confirm(asked);
                self.metrics().commits.add(1);
            }
            Ok(None) => {} // VACUUM: other pages, the same rows
            Err(error) => {
                writer.forget_after(base)?;
                self.learn_from(&error, &mut writer);
                return Err(error);
            }
        }
        writer.advance(decoded, &after);
        let after = self.publish(after);
        // The commit is done whatever becomes of this.
        if has_followers && let Err(error) = self.refresh(&mut writer) {
            tracing::info!("what others committed since could not be read yet: {error}");
        }
        Ok(after)
    }

    /// Brings this replica to what D1 holds, where a failure tells that this is something else. The failure is what the application has
    /// to know; one of this would hide it.
    fn learn_from(&self, error: &Error, writer: &mut Writer) {
        let base = self.newest().position.clone();
        let learnt = match error {
            Error::Conflict => {
                self.metrics().conflicts.add(1);
                self.refresh_after_conflict(writer)
            }
            // Once at one place of the log: what D1 refuses again, it would refuse whatever the rows are.
            Error::OtherRows => self.doubt(base, writer),
            Error::Refused(refusal) if is_surprising(refusal) => self.doubt(base, writer),
            _ => Ok(()),
        };
        if let Err(error) = learnt {
            tracing::warn!("what D1 holds now could not be read yet: {error}");
        }
    }

    /// Reads everything anew, since D1's rows are not what this replica takes them for.
    fn doubt(&self, base: Position, writer: &mut Writer) -> Result<(), Error> {
        if writer.doubted.as_ref() == Some(&base) {
            return Ok(());
        }
        tracing::info!("all rows are read from D1 anew");
        self.hydrate_anew(writer)?;
        writer.doubted = Some(base);
        Ok(())
    }

    /// Takes the end off the newest image: a transaction that makes the file shorter (VACUUM) does so after its commit. The pages that
    /// go hold no rows. While somebody else is at work the image stays as it is, and the next such transaction cuts it.
    pub(crate) fn cut(&self, base: Arc<Image>, size: u64) -> Arc<Image> {
        let Some(_writer) = self.writer.try_lock() else { return base };
        match base.cut(size) {
            Some(after) if self.is_newest(&base) => self.publish(after),
            _ => base,
        }
    }

    /// `None`: there was nothing to send.
    fn send(
        &self,
        writer: &Writer,
        decoded: &Decoded,
        base: &Image,
        after: &Image,
        farewell: &Farewell,
    ) -> Result<Option<Committed>, Error> {
        // All plans carry the same: should the first one arrive after all, it is this transaction.
        let txn = txn::random();
        let mut options = Options::default();
        loop {
            let plan = plan_transaction(writer, decoded, &options)?;
            let fields = header::changes(base, after);
            if plan.statements.is_empty() && plan.counters.is_empty() && fields.is_empty() {
                return Ok(None);
            }
            let fence = Fence::new(&base.position, &txn, &plan.touched);
            let altered = plan.altered.clone();
            let mut body = with_captures(writer, decoded, plan, fields);
            if writer.doubted.as_ref() == Some(&base.position) {
                body.row_count = None; // its rows are D1's own, just read: it may count otherwise
            }
            let batch = Batch::new(fence, body).followed_by(farewell.statements.iter().cloned());
            let refusal = match ledger::send(&self.client, &batch) {
                Ok(committed) => return Ok(Some(committed)),
                Err(CommitError::Refused(refusal)) => refusal,
                Err(error) => return Err(error.into()),
            };
            let has_triggers = has_triggers(writer, decoded);
            options = second_plan(&options, altered, has_triggers).ok_or(Error::Refused(refusal.clone()))?;
            tracing::info!("the commit is planned anew ({options:?}): {refusal}");
        }
    }
}

/// The body of the batch. Where the schema changes, the triggers that note what others write change with it.
fn with_captures(writer: &Writer, decoded: &Decoded, plan: Plan, fields: Vec<Statement>) -> Body {
    let Plan { mut statements, counters, row_count, touched, .. } = plan;
    if row_count.is_none() {
        let (before, after) = capture::follow(writer.before().schema, writer.after(decoded).schema, &touched);
        statements.splice(0..0, before);
        statements.extend(after);
        statements.push(tables::note());
    }
    Body { statements, row_count, rest: counters.into_iter().chain(fields).collect() }
}

/// Another way to the same state, after a refusal: some ALTERs depend on the rows, and some triggers no longer compile
/// (`docs/DECODING.md`, R13, R15). Each way is tried once.
fn second_plan(refused: &Options, altered: Vec<String>, has_triggers: bool) -> Option<Options> {
    if refused.rebuild.is_empty() && !altered.is_empty() {
        return Some(Options { rebuild: altered, ..Options::default() });
    }
    (has_triggers && !refused.recreate_triggers)
        .then(|| Options { rebuild: refused.rebuild.clone(), recreate_triggers: true })
}

fn plan_transaction(writer: &Writer, decoded: &Decoded, options: &Options) -> Result<Plan, Error> {
    let (before, after) = (writer.before(), writer.after(decoded));
    // One read transaction each: otherwise every row that is read by its key would be one of its own, with a lock to take and page 1
    // to check.
    let _transactions = (before.connection.unchecked_transaction()?, after.connection.unchecked_transaction()?);
    Ok(plan::plan(before, after, &decoded.changes, options)?)
}

fn has_triggers(writer: &Writer, decoded: &Decoded) -> bool {
    let schemas = [writer.before().schema, writer.after(decoded).schema];
    schemas.iter().any(|schema| schema.objects.keys().any(|(kind, _)| *kind == Kind::Trigger))
}

/// Whether what D1 refused is something that the application's own SQLite has accepted on the rows it has.
fn is_surprising(refusal: &Refusal) -> bool {
    let texts = ["SQLITE_CONSTRAINT", "no such table", "no such column", "has no column named"];
    texts.iter().any(|text| refusal.message.contains(text))
}
