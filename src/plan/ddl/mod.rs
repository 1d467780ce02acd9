//! The statements that turn D1's schema from BEFORE's into AFTER's, in R14's order, with ALTERs where these give AFTER's very text (R15).
//! In: both schemas and the paired tables. Out: [`Ddl`], and in each pair its fate and its column mapping. Sees no rows.
//!
//! The whole sequence is tried on an empty copy of BEFORE's schema (`trial`). Where the outcome differs from AFTER's schema, the table
//! concerned is rebuilt, or the object dropped and created again, and the sequence is tried once more; each time there is less to go wrong.

mod attempt;
mod columns;
mod trial;

use std::collections::BTreeSet;

use attempt::Attempt;

use super::pair::{Fate, Pair, rebuild};
use super::{After, Before, Options, PlanError};
use crate::schema::Kind;

/// Schema statements by the part of the batch they belong to.
#[derive(Debug, Default)]
pub(super) struct Ddl {
    /// Before any row: triggers and views that go or change.
    pub(super) first: Vec<String>,
    /// After the deletes, before updates and inserts: indexes that go, tables rebuilt, renamed, altered, created; indexes that a foreign key needs.
    pub(super) shape: Vec<String>,
    /// After the inserts: tables that go.
    pub(super) last: Vec<String>,
    /// At the end: indexes, views, triggers.
    pub(super) finish: Vec<String>,
}

/// What a trial left different.
enum Problem {
    /// A table's text, by the index of its pair.
    Table(usize),
    /// A trigger, a view or an index of BEFORE.
    Object(Kind, String),
}

/// Plans the schema statements; decides the pairs' fates.
pub(super) fn plan<'s>(
    before: Before<'s>,
    after: After<'s>,
    pairs: &mut Vec<Pair<'s>>,
    options: &Options,
) -> Result<Ddl, PlanError> {
    for name in &options.rebuild {
        let kept = |pair: &Pair<'_>| {
            pair.kept().is_some_and(|(old, new)| [old, new].iter().any(|table| table.name.eq_ignore_ascii_case(name)))
        };
        if let Some(index) = pairs.iter().position(kept) {
            rebuild(pairs, index);
        }
    }
    if before.schema.same(after.schema)
        && !options.recreate_triggers
        && pairs.iter().all(|pair| pair.fate == Fate::Kept)
    {
        return Ok(Ddl::default());
    }
    let mut dropped = dropped_objects(before, after, options);
    // Every round rebuilds another table or recreates another object, so this ends.
    loop {
        match Attempt::run(before, after, pairs, &dropped)? {
            (ddl, None) => return Ok(ddl),
            (_, Some(Problem::Object(kind, name))) if dropped.insert((kind, name.clone())) => {}
            (_, Some(Problem::Table(index))) if pairs[index].fate == Fate::Kept => rebuild(pairs, index),
            // A new table's text was rewritten by another's RENAME: then nothing is renamed.
            (_, Some(problem)) => match pairs.iter().position(|pair| pair.altered && pair.fate == Fate::Kept) {
                Some(index) => rebuild(pairs, index),
                None => return Err(unreachable_schema(&problem, pairs)),
            },
        }
    }
}

/// Indexes, views and triggers that go or change.
fn dropped_objects(before: Before<'_>, after: After<'_>, options: &Options) -> BTreeSet<(Kind, String)> {
    let objects = before.schema.objects.iter().filter(|((kind, _), _)| *kind != Kind::Table);
    objects
        .filter(|(key, object)| {
            (options.recreate_triggers && key.0 == Kind::Trigger)
                || after.schema.objects.get(*key).is_none_or(|new| !new.same(object))
        })
        .map(|(key, _)| key.clone())
        .collect()
}

fn unreachable_schema(problem: &Problem, pairs: &[Pair<'_>]) -> PlanError {
    let object = match problem {
        Problem::Table(index) => format!("table {}", pairs[*index].name()),
        Problem::Object(kind, name) => format!("{} {name}", kind.keyword().to_ascii_lowercase()),
    };
    PlanError::Unsupported {
        object,
        problem: "its text in sqlite_schema cannot be made by SQL statements".to_owned(),
        advice: "drop it and create it again with an ordinary CREATE statement",
    }
}
