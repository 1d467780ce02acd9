//! `_lf_lease`: the right to write next, which processes in company pass around. Whoever wants it takes a ticket; the smallest ticket
//! that has not expired has it. A process has one ticket, whatever its threads do.

use std::time::Duration;

use super::sql;
use crate::d1::{Statement, StatementResult};

/// How long a ticket holds when its owner is not heard of, by D1's clock: what a process that died costs the others.
pub(crate) const HOLDS: Duration = Duration::from_secs(3);

/// Where a process stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has the lease.
    First,
    /// So many commits will probably come before its turn.
    After(u32),
    /// It would have the lease, but somebody who does not know of it yet may write for so long.
    Unheard(Duration),
}

/// Takes a ticket for a turn of so many commits, or prolongs it, and asks where it stands.
pub(crate) fn ask(process: &str, turns: u32) -> [Statement; 2] {
    let ask = Statement::with(sql::LEASE_ASK, [process.to_owned(), turns.to_string()]);
    [ask, Statement::with(sql::LEASE_PLACE, [process.to_owned()])]
}

/// Reads the answer to the second of them.
pub(crate) fn place_in(answer: &StatementResult) -> Option<Place> {
    let row = answer.results.rows.first()?;
    let (ahead, unheard) = (row.first()?.as_f64()?, row.get(1)?.as_f64()?);
    Some(match (ahead > 0.0, unheard > 0.0) {
        (true, _) => Place::After(ahead as u32),
        (false, true) => Place::Unheard(Duration::from_millis(unheard as u64)),
        (false, false) => Place::First,
    })
}

/// Gives the lease, or the ticket, back.
pub(crate) fn give(process: &str) -> Statement {
    Statement::with(sql::LEASE_GIVE, [process.to_owned()])
}

/// Keeps it for the next commit of the turn.
pub(crate) fn spend(process: &str) -> Statement {
    Statement::with(sql::LEASE_SPEND, [process.to_owned()])
}

/// Keeps it for another while.
pub(crate) fn renew(process: &str) -> Statement {
    Statement::with(sql::LEASE_RENEW, [process.to_owned()])
}

/// Clears away tickets that expired long ago.
pub(super) fn expire() -> Statement {
    Statement::new(sql::LEASE_EXPIRE)
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use rusqlite::params_from_iter;

    use super::*;
    use crate::ledger::company::{self, Manner};

    /// D1's part, on SQLite: rows as texts of JSON.
    fn d1() -> Connection {
        let d1 = Connection::open_in_memory().unwrap();
        d1.execute_batch(&sql::BOOKKEEPING).unwrap();
        d1
    }

    fn run(d1: &Connection, statement: &Statement) -> StatementResult {
        let mut prepared = d1.prepare(&statement.sql.text()).unwrap();
        let count = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(&statement.params)).unwrap();
        let mut result = StatementResult::default();
        while let Some(row) = rows.next().unwrap() {
            let cell = |index| match row.get::<_, rusqlite::types::Value>(index).unwrap() {
                rusqlite::types::Value::Integer(number) => serde_json::json!(number),
                rusqlite::types::Value::Real(number) => serde_json::json!(number),
                rusqlite::types::Value::Text(text) => serde_json::json!(text),
                other => panic!("{other:?}"),
            };
            result.results.rows.push((0..count).map(cell).collect());
        }
        result
    }

    fn place(d1: &Connection, process: &str, turns: u32) -> Place {
        let [ask, place] = ask(process, turns);
        run(d1, &ask);
        place_in(&run(d1, &place)).unwrap()
    }

    fn pass(d1: &Connection, seconds: u32) {
        let sql = format!(
            "UPDATE _lf_lease SET until=until-{seconds}; UPDATE _lf_process SET seen=seen-{seconds}, wrote=wrote-{seconds}"
        );
        d1.execute_batch(&sql).unwrap();
    }

    #[test]
    fn waiters_are_served_in_their_order() {
        let d1 = d1();
        assert_eq!(place(&d1, "a", 4), Place::First);
        assert_eq!(place(&d1, "b", 1), Place::After(4));
        assert_eq!(place(&d1, "c", 1), Place::After(5));
        assert_eq!(place(&d1, "a", 2), Place::First, "it keeps what it has");
        assert_eq!(place(&d1, "c", 1), Place::After(3), "asking again changes no place");
        run(&d1, &spend("a"));
        assert_eq!(place(&d1, "c", 1), Place::After(2), "one commit is done");
        run(&d1, &give("a"));
        assert_eq!(place(&d1, "a", 4), Place::After(2), "whoever comes again is the last");
        assert_eq!(place(&d1, "c", 1), Place::After(1));
        assert_eq!(place(&d1, "b", 1), Place::First);
        run(&d1, &give("b"));
        assert_eq!(place(&d1, "c", 1), Place::First);
    }

    #[test]
    fn who_is_not_heard_of_loses_the_lease_and_the_place() {
        let d1 = d1();
        assert_eq!(place(&d1, "a", 1), Place::First);
        assert_eq!(place(&d1, "b", 1), Place::After(1));
        assert_eq!(place(&d1, "c", 1), Place::After(2));
        pass(&d1, 2);
        run(&d1, &renew("a"));
        assert_eq!(place(&d1, "c", 1), Place::After(2));
        pass(&d1, 2);
        assert_eq!(place(&d1, "c", 1), Place::After(1), "the one that waited before it is gone");
        assert_eq!(place(&d1, "b", 1), Place::After(2));
        pass(&d1, 2);
        assert_eq!(place(&d1, "c", 1), Place::First, "and so is the one that had it");
        pass(&d1, 70);
        run(&d1, &expire());
        assert_eq!(run(&d1, &Statement::new("SELECT * FROM _lf_lease")).results.rows.len(), 0);
    }

    #[test]
    fn who_writes_alone_is_given_time_to_hear_of_others() {
        let d1 = d1();
        run(&d1, &company::note("lone", "here", Manner::Alone));
        let Place::Unheard(wait) = place(&d1, "new", 1) else { panic!("it waits") };
        assert!((900..=1000).contains(&wait.as_millis()), "{wait:?}");
        assert!(company::is_heard(&run(&d1, &company::hear("lone"))), "at its next commit");
        assert_eq!(place(&d1, "new", 1), Place::First);
        run(&d1, &give("new"));
        assert!(!company::is_heard(&run(&d1, &company::hear("lone"))));
        run(&d1, &company::note("lone", "here", Manner::Alone));
        pass(&d1, 1);
        assert_eq!(place(&d1, "new", 1), Place::First, "it does not write now");
        let commit = "INSERT INTO _lf_commit VALUES (1, 't', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), 's', '{}')";
        run(&d1, &Statement::new(commit));
        assert!(matches!(place(&d1, "new", 1), Place::Unheard(_)), "it does");
        run(&d1, &company::note("lone", "here", Manner::Polite));
        assert_eq!(place(&d1, "new", 1), Place::First, "it asks");
    }

    #[test]
    fn the_others_are_those_who_were_heard_of() {
        let d1 = d1();
        run(&d1, &company::note("one", "here", Manner::Alone));
        run(&d1, &company::note("two", "there", Manner::Reads));
        let others = |id| company::others_in(&run(&d1, &company::read(id)));
        assert_eq!((others("one").len(), others("two").len(), others("three").len()), (1, 1, 2));
        assert_eq!(
            (others("two")[0].id.as_str(), others("two")[0].place.as_str(), others("two")[0].wrote),
            ("one", "here", 0)
        );
        assert!(others("one")[0].wrote > 1_000_000);
        pass(&d1, 30);
        assert_eq!(others("two")[0].wrote, 30);
        place(&d1, "two", 1);
        for statement in company::remove(&["two".to_owned()]) {
            run(&d1, &statement);
        }
        assert_eq!(run(&d1, &Statement::new("SELECT * FROM _lf_lease")).results.rows.len(), 0);
        assert_eq!(others("one").len(), 0);
        pass(&d1, 170);
        assert_eq!(others("two").len(), 0);
        for statement in company::expire() {
            run(&d1, &statement);
        }
        assert_eq!(run(&d1, &Statement::new("SELECT * FROM _lf_process")).results.rows.len(), 0);
    }
}
