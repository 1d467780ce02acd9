//! A statement that was written for D1, not for the replica: it happens there, and every replica has to learn of it.

use super::newest::Replica;
use crate::d1::{SendError, Statement, StatementResult};
use crate::ledger::log;

impl Replica {
    /// Runs a statement that may change anything on D1, and enters it into the log in the same batch, so that all replicas, this
    /// one too, read D1 anew at their next refresh. It is sent again only when D1 has certainly not taken it.
    pub(crate) fn run_on_d1(&self, statement: Statement) -> Result<StatementResult, SendError> {
        let mut answers = self.client.send_once(&[statement, log::foreign_entry()])?;
        Ok(answers.swap_remove(0))
    }
}
