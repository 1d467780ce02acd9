//! A plain database (a file, or a replica's image) against what D1 holds: schema, rows, types, rowids, counters.
//!
//! The plain side decides how the rows are cut into pages of bounded size, and D1 is asked for the same pages. As long as both sides are
//! equal that is one walk over both. A table that is not is looked at once more, row by row (`rows`).

mod pages;
pub mod read;
mod rows;
pub mod schema;

use rusqlite::Connection;
use serde_json::Value as Json;

pub use pages::{Outcome, Then};

use super::check::count;
use super::{Error, Event, Progress, Step, target};
use crate::d1::{Client, Rows, Statement};
use crate::image::Seq;
use crate::ledger::{header, log};
use crate::plan::whole::parents_first;
use crate::schema::{Schema, Table};

/// Differences told one by one; all are counted.
const MOST_TOLD: usize = 20;

/// A place in the order in which rows are sent: so many rows of the table with this number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The table's number, parents first.
    pub table: usize,
    /// Rows of it.
    pub rows: u64,
}

/// What the plain side is called.
#[derive(Clone, Debug)]
pub struct Sides {
    /// `the file`, `the replica`.
    pub local: &'static str,
}

impl Sides {
    fn only_local(&self) -> String {
        format!("only in {}", self.local)
    }

    fn only_d1(&self) -> String {
        "only on D1".to_owned()
    }
}

/// Something that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Where: `table images, rowid 5`.
    pub place: String,
    /// What: `only on D1`.
    pub problem: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// All that is not the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Differences {
    /// How many things differ.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Difference>,
}

impl Differences {
    /// Notes one.
    pub fn add(&mut self, place: String, problem: String) {
        self.count += 1;
        if self.first.len() < MOST_TOLD {
            self.first.push(Difference { place, problem });
        }
    }

    /// Takes another's.
    pub fn extend(&mut self, other: Differences) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(MOST_TOLD);
    }
}

/// How D1's rows relate to the plain side's, in the order in which they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// They are the same.
    Whole,
    /// They are a beginning.
    Until(Place),
    /// They are something else; the table in which that shows.
    Other(String),
}

/// A plain database and the D1 database it is compared with.
pub struct Comparison<'a> {
    /// D1.
    pub client: &'a Client,
    /// The plain side.
    pub local: &'a Connection,
    /// Its schema.
    pub schema: &'a Schema,
    /// What it is called.
    pub sides: Sides,
    /// The commit at which D1 must stand all the time.
    pub seq: Seq,
    /// Where the news goes.
    pub progress: Progress<'a>,
}

impl Comparison<'_> {
    /// Whether D1's rows are a beginning of the plain side's. D1 must have the same schema.
    pub fn beginning(&self) -> Result<Beginning, Error> {
        let tables = parents_first(self.schema);
        let (mut place, mut other, mut ended) = (Place::default(), None, false);
        self.begin()?;
        self.walk(&tables, &mut |table, outcome| {
            if table != place.table {
                place = Place { table, rows: 0 };
            }
            Ok(match outcome {
                Outcome::Equal(rows) => {
                    place.rows += rows;
                    Then::GoOn
                }
                Outcome::Ends(rows) => {
                    place.rows += rows;
                    ended = true;
                    Then::Stop
                }
                Outcome::Differs => {
                    other = Some(tables[table].name.clone());
                    Then::Stop
                }
            })
        })?;
        (self.progress)(Event::Ends);
        if let Some(table) = other {
            return Ok(Beginning::Other(table));
        }
        if !ended {
            return Ok(Beginning::Whole);
        }
        let later = tables.get(place.table + 1..).unwrap_or_default();
        Ok(self.first_filled(later)?.map_or(Beginning::Until(place), Beginning::Other))
    }

    /// The name of one of `tables` that has rows on D1.
    fn first_filled(&self, tables: &[&Table]) -> Result<Option<String>, Error> {
        if tables.is_empty() {
            return Ok(None);
        }
        let ask = |table: &&Table| Statement::new(format!("SELECT 1 AS found FROM {} LIMIT 1", table.quoted()));
        let answers = self.client.send_idempotent(&tables.iter().map(ask).collect::<Vec<_>>())?;
        let filled = tables.iter().zip(&answers).find(|(_, answer)| !answer.results.rows.is_empty());
        Ok(filled.map(|(table, _)| table.name.clone()))
    }

    /// Everything that differs. `Error::Moved`: D1 was written to meanwhile.
    pub fn differences(&self) -> Result<Differences, Error> {
        let mut found = Differences::default();
        let target = target::Target::read(self.client)?;
        schema::compare_objects(&target.objects, &schema::objects_of(self.local)?, &self.sides, &mut found);
        schema::compare_fields(&target.fields, &header::fields_of(self.local)?, &mut found);
        self.compare_counters(&target.objects, &mut found)?;
        // Rows are comparable where the tables' texts are the same.
        let same = |table: &&Table| {
            let text = self.schema.object(crate::schema::Kind::Table, &table.name).map(|object| &object.sql);
            target.objects.iter().any(|object| object.name == table.name && Some(&object.sql) == text)
        };
        let tables: Vec<&Table> = parents_first(self.schema).into_iter().filter(same).collect();
        let mut unequal = Vec::new();
        self.begin()?;
        self.walk(&tables, &mut |table, outcome| {
            Ok(match outcome {
                Outcome::Equal(_) => Then::GoOn,
                Outcome::Ends(_) | Outcome::Differs => {
                    unequal.push(tables[table]);
                    Then::SkipTable
                }
            })
        })?;
        (self.progress)(Event::Ends);
        for table in unequal {
            self.compare_rows(table, &mut found)?;
        }
        Ok(found)
    }

    fn begin(&self) -> Result<(), Error> {
        let mut total: u64 = 0;
        for table in self.schema.tables.values() {
            total += count(self.local, table)?;
        }
        (self.progress)(Event::Begins(Step::CompareRows, total));
        Ok(())
    }

    /// Sends `statements`; their answers, if D1 is still where it was.
    fn ask(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, Error> {
        let batch: Vec<Statement> = std::iter::once(log::newest()).chain(statements).collect();
        let mut answers = self.client.send_idempotent(&batch)?;
        let seq = log::newest_in(&answers.remove(0));
        if seq == Some(self.seq) { Ok(answers) } else { Err(Error::Moved) }
    }

    /// The counters of AUTOINCREMENT tables.
    fn compare_counters(&self, on_d1: &[schema::Object], found: &mut Differences) -> Result<(), Error> {
        let counted: Vec<&Table> = self.schema.tables.values().filter(|table| table.autoincrement).collect();
        // Without such a table there is no sqlite_sequence.
        if counted.is_empty() || !counted.iter().any(|table| on_d1.iter().any(|object| object.name == table.name)) {
            return Ok(());
        }
        let sql =
            "SELECT name,typeof(seq)||' '||CAST(seq AS TEXT) FROM sqlite_sequence WHERE name IS NOT NULL ORDER BY 1,2";
        let answers = self.ask(vec![Statement::new(sql)])?;
        let rows = answers.first().map_or(&[][..], |answer| &answer.results.rows);
        let text = |cell: Option<&Json>| cell.and_then(Json::as_str).unwrap_or_default().to_owned();
        let d1: Vec<(String, String)> = rows.iter().map(|row| (text(row.first()), text(row.get(1)))).collect();
        let mut statement = self.local.prepare(sql)?;
        let local =
            statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, Option<String>>(1)?.unwrap_or_default())))?;
        let local: Vec<(String, String)> = local.collect::<Result<_, _>>()?;
        for table in counted {
            let of = |rows: &[(String, String)]| -> Vec<String> {
                rows.iter().filter(|(name, _)| *name == table.name).map(|(_, seq)| seq.clone()).collect()
            };
            if of(&d1) != of(&local) {
                found.add(format!("table {}", table.name), "its AUTOINCREMENT counter is another one on D1".to_owned());
            }
        }
        Ok(())
    }
}
