//! One transaction of the application becomes one commit on D1.

use std::sync::{Arc, OnceLock};

use super::Replica;
use super::batch::{Fence, batch};
use super::changes;
use super::writer::{Decoded, Writer};
use crate::d1::{CommitError, Statement};
use crate::error::Error;
use crate::image::{Image, Overlay};
use crate::plan::{self, Options, Plan};
use crate::schema::Kind;

impl Replica {
    /// Commits what `overlay` wrote on top of `base` and publishes the result. On an error nothing has happened, here or on D1
    /// (except [`Error::Unreachable`], which says what is in doubt).
    pub fn commit(&self, base: &Arc<Image>, overlay: &Overlay) -> Result<Arc<Image>, Error> {
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
        let sent = self.send(&writer, &decoded, base, &after);
        match sent {
            Ok(true) => {
                after.seq = base.seq.next();
                self.metrics().commits.add(1);
            }
            Ok(false) => {} // VACUUM: other pages, the same rows
            Err(error) => {
                writer.forget_after(base)?;
                if matches!(error, Error::Conflict) {
                    self.metrics().conflicts.add(1);
                    self.refresh(&mut writer)?;
                }
                return Err(error);
            }
        }
        writer.advance(decoded, &after);
        Ok(self.publish(after))
    }

    /// Takes the end off the newest image: a transaction that makes the file shorter (VACUUM) does so after its commit. No row is in
    /// the pages that go. When somebody else is at work the image stays as it is, and is cut by the next such transaction.
    pub fn cut(&self, base: Arc<Image>, size: u64) -> Arc<Image> {
        let Some(_writer) = self.writer.try_lock() else { return base };
        match base.cut(size) {
            Some(after) if self.is_newest(&base) => self.publish(after),
            _ => base,
        }
    }

    /// Returns whether there was anything to send.
    fn send(&self, writer: &Writer, decoded: &Decoded, base: &Image, after: &Image) -> Result<bool, Error> {
        let mut options = Options::default();
        loop {
            let plan = plan_transaction(writer, decoded, &options)?;
            let fields = header_fields(base, after);
            if plan.statements.is_empty() && fields.is_empty() {
                return Ok(false);
            }
            let txn = uuid::Uuid::now_v7().to_string();
            let changes = changes::to_json(&plan.touched);
            let fence = Fence { base: base.seq, txn: &txn, source: &source(), changes: &changes };
            let body = plan.statements.into_iter().chain(fields).collect();
            let replays = has_triggers(writer, decoded);
            let batch = batch(&fence, body, replays)?;
            let refusal = match self.client.commit(&batch, &txn) {
                Ok(()) => return Ok(true),
                Err(CommitError::Refused(refusal)) => refusal,
                Err(error) => return Err(explain(error)),
            };
            options = second_plan(&options, plan.altered, replays).ok_or(Error::Refused(refusal.clone()))?;
            tracing::info!("the commit is planned anew ({options:?}): {refusal}");
        }
    }
}

/// What the application is told of a commit that did not happen.
pub(super) fn explain(error: CommitError) -> Error {
    match error {
        CommitError::Conflict => Error::Conflict,
        CommitError::Refused(refusal) => Error::Refused(refusal),
        CommitError::Unreachable { reason, in_doubt } => {
            let doubt = if in_doubt { ", but a request is without an answer: D1 may still take it" } else { "" };
            Error::Unreachable(format!("{reason}; the transaction was rolled back{doubt}"))
        }
    }
}

/// Another way to the same state, after a refusal: some ALTERs depend on rows, and some triggers no longer compile (`docs/DECODING.md`,
/// R13, R15). Both are tried once.
fn second_plan(refused: &Options, altered: Vec<String>, has_triggers: bool) -> Option<Options> {
    if refused.rebuild.is_empty() && !altered.is_empty() {
        return Some(Options { rebuild: altered, ..Options::default() });
    }
    (has_triggers && !refused.recreate_triggers)
        .then(|| Options { rebuild: refused.rebuild.clone(), recreate_triggers: true })
}

fn plan_transaction(writer: &Writer, decoded: &Decoded, options: &Options) -> Result<Plan, Error> {
    let (before, after) = (writer.before(), writer.after(decoded));
    // One read transaction each: else every row read by its key is one of its own, with a lock taken and page 1 checked.
    let _transactions = (before.connection.unchecked_transaction()?, after.connection.unchecked_transaction()?);
    Ok(plan::plan(before, after, &decoded.changes, options)?)
}

fn has_triggers(writer: &Writer, decoded: &Decoded) -> bool {
    let schemas = [writer.before().schema, writer.after(decoded).schema];
    schemas.iter().any(|schema| schema.objects.keys().any(|(kind, _)| *kind == Kind::Trigger))
}

/// Fields of the database header that applications set and D1 does not keep (SQLite's file format, section 1.3).
pub(super) const HEADER_FIELDS: [(&str, usize); 3] = [("user_version", 60), ("application_id", 68), ("encoding", 56)];

fn header_fields(before: &Image, after: &Image) -> Vec<Statement> {
    let value = |image: &Image, offset| image.header_u32(offset).cast_signed();
    // A new database says UTF-8 (1); only another encoding is worth a row.
    let usual = |name, value| value == if name == "encoding" { 1 } else { 0 };
    HEADER_FIELDS
        .into_iter()
        .filter(|(_, offset)| value(before, *offset) != value(after, *offset))
        .filter(|(name, offset)| before.page_count() > 0 || !usual(*name, value(after, *offset)))
        .map(|(name, offset)| {
            let params = [name.to_string(), value(after, offset).to_string()];
            Statement::with("INSERT OR REPLACE INTO _lf_state(key, value) VALUES (?1, CAST(?2 AS INTEGER))", params)
        })
        .collect()
}

/// Who writes, for people who read the log: host and process.
pub(super) fn source() -> String {
    static HOST: OnceLock<String> = OnceLock::new();
    let host = HOST.get_or_init(|| std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default());
    format!("{}/{}", host.trim(), std::process::id()) // asked each time: a fork has another
}
