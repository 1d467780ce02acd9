//! Compares a local database (a file, or a replica's image) with D1: schema, rows, types, rowids, counters.
//!
//! The local rows are cut into pages of bounded size, and D1 is asked for the same pages. While the sides are equal, that is a single walk
//! over both. A table that differs is compared once more, row by row (`rows`).

mod pages;
pub(crate) mod read;
mod rows;
pub(crate) mod schema;

use rusqlite::Connection;
use serde_json::Value as Json;

pub(crate) use pages::{PageResult, WalkControl};

use super::check::count;
use super::{Error, Event, Progress, Step, target};
use crate::d1::{Client, Statement, StatementResult};
use crate::image::Position;
use crate::ledger::{header, log};
use crate::plan::whole::parents_first;
use crate::schema::{Schema, Table};

/// Differences that are described one by one; all are counted.
const MOST_TOLD: usize = 20;

/// Where an import resumes: so many rows of this table, and all tables before it, have been sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResumePoint {
    /// Index of the table, parents first.
    pub(crate) table: usize,
    /// Rows of it that have been sent.
    pub(crate) rows: u64,
}

const ONLY_ON_D1: &str = "only on D1";

fn only_in(local_name: &str) -> String {
    format!("only in {local_name}")
}

/// A difference between two sides.
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

/// The differences of a comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Differences {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<Difference>,
}

impl Differences {
    pub(crate) fn add(&mut self, place: String, problem: String) {
        self.count += 1;
        if self.first.len() < MOST_TOLD {
            self.first.push(Difference { place, problem });
        }
    }

    pub(crate) fn extend(&mut self, other: Differences) {
        self.count += other.count;
        self.first.extend(other.first);
        self.first.truncate(MOST_TOLD);
    }
}

/// How much of the local rows D1 has, in the order in which they are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImportedPart {
    /// All of them.
    All,
    /// Those before this point, and no others.
    UpTo(ResumePoint),
    /// Other rows. The name: of the first table that shows it.
    Other(String),
}

/// A comparison of a local database with D1.
pub(crate) struct D1Comparison<'a> {
    pub(crate) client: &'a Client,
    pub(crate) local: &'a Connection,
    /// The local database's.
    pub(crate) schema: &'a Schema,
    /// The local side's name in differences: `the file`, `the replica`.
    pub(crate) local_name: &'static str,
    /// D1's newest commit, which must stay the newest during the comparison.
    pub(crate) position: Position,
    pub(crate) progress: Progress<'a>,
}

impl D1Comparison<'_> {
    /// Finds out how much of the local rows D1 has. D1 must have the same schema.
    pub(crate) fn imported_part(&self) -> Result<ImportedPart, Error> {
        let tables = parents_first(self.schema);
        let (mut resume, mut other, mut ended) = (ResumePoint::default(), None, false);
        self.begin_progress()?;
        self.walk(&tables, &mut |table, result| {
            if table != resume.table {
                resume = ResumePoint { table, rows: 0 };
            }
            Ok(match result {
                PageResult::Equal(rows) => {
                    resume.rows += rows;
                    WalkControl::Continue
                }
                PageResult::Ends(rows) => {
                    resume.rows += rows;
                    ended = true;
                    WalkControl::Stop
                }
                PageResult::Differs => {
                    other = Some(tables[table].name.clone());
                    WalkControl::Stop
                }
            })
        })?;
        (self.progress)(Event::Ends);
        if let Some(table) = other {
            return Ok(ImportedPart::Other(table));
        }
        if !ended {
            return Ok(ImportedPart::All);
        }
        let later = tables.get(resume.table + 1..).unwrap_or_default();
        Ok(self.first_filled(later)?.map_or(ImportedPart::UpTo(resume), ImportedPart::Other))
    }

    /// The first of `tables` that has rows on D1.
    fn first_filled(&self, tables: &[&Table]) -> Result<Option<String>, Error> {
        if tables.is_empty() {
            return Ok(None);
        }
        let ask = |table: &&Table| Statement::new(format!("SELECT 1 AS found FROM {} LIMIT 1", table.quoted()));
        let answers = self.client.send_idempotent(&tables.iter().map(ask).collect::<Vec<_>>())?;
        let filled = tables.iter().zip(&answers).find(|(_, answer)| !answer.results.rows.is_empty());
        Ok(filled.map(|(table, _)| table.name.clone()))
    }

    /// Finds all differences. `Error::Moved`: somebody wrote to D1 meanwhile.
    pub(crate) fn differences(&self) -> Result<Differences, Error> {
        let mut found = Differences::default();
        let target = target::Target::read(self.client)?;
        schema::compare_objects(&target.objects, &schema::objects_of(self.local)?, self.local_name, &mut found);
        schema::compare_fields(&target.fields, &header::fields_of(self.local)?, &mut found);
        self.compare_counters(&target.objects, &mut found)?;
        // Rows can be compared only in tables that are declared alike.
        let same = |table: &&Table| {
            let text = self.schema.object(crate::schema::Kind::Table, &table.name).map(|object| &object.sql);
            target.objects.iter().any(|object| object.name == table.name && Some(&object.sql) == text)
        };
        let tables: Vec<&Table> = parents_first(self.schema).into_iter().filter(same).collect();
        let mut unequal = Vec::new();
        self.begin_progress()?;
        self.walk(&tables, &mut |table, result| {
            Ok(match result {
                PageResult::Equal(_) => WalkControl::Continue,
                PageResult::Ends(_) | PageResult::Differs => {
                    unequal.push(tables[table]);
                    WalkControl::SkipTable
                }
            })
        })?;
        (self.progress)(Event::Ends);
        for table in unequal {
            self.compare_rows(table, &mut found)?;
        }
        Ok(found)
    }

    fn begin_progress(&self) -> Result<(), Error> {
        let mut total: u64 = 0;
        for table in self.schema.tables.values() {
            total += count(self.local, table)?;
        }
        (self.progress)(Event::Begins(Step::CompareRows, total));
        Ok(())
    }

    /// Sends `statements`; their answers, if D1 is still where it was.
    fn ask(&self, statements: Vec<Statement>) -> Result<Vec<StatementResult>, Error> {
        let batch: Vec<Statement> = std::iter::once(log::newest()).chain(statements).collect();
        let mut answers = self.client.send_idempotent(&batch)?;
        let position = log::newest_in(&answers.remove(0));
        if position.as_ref() == Some(&self.position) { Ok(answers) } else { Err(Error::Moved) }
    }

    /// Compares the counters of AUTOINCREMENT tables.
    fn compare_counters(&self, on_d1: &[schema::DeclaredObject], found: &mut Differences) -> Result<(), Error> {
        let counted: Vec<&Table> = self.schema.tables.values().filter(|table| table.autoincrement).collect();
        // sqlite_sequence exists only if there is such a table.
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
