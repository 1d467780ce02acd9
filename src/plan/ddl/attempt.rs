//! One trial of the whole sequence of schema statements, step by step in R14's order.
//! In: both schemas, the pairs, and the objects that are dropped. Out: the statements, and the first thing they did not get right.

use std::collections::BTreeSet;

use super::columns::{Candidate, candidates};
use super::trial::{Trial, text, wanted};
use super::{Ddl, Problem};
use crate::d1::limits;
use crate::d1::splitter::is_kept_whole;
use crate::plan::pair::{Fate, Pair, rename_order};
use crate::plan::{After, Before, PlanError};
use crate::schema::{Kind, Object, Table, folded, quoted};

/// One trial of the whole sequence.
pub(super) struct Attempt<'a, 's> {
    trial: Trial,
    before: Before<'s>,
    after: After<'s>,
    dropped: &'a BTreeSet<(Kind, String)>,
    ddl: Ddl,
}

impl<'a, 's> Attempt<'a, 's> {
    /// Tries the sequence; resets the pairs' column mappings first.
    pub(super) fn run(
        before: Before<'s>,
        after: After<'s>,
        pairs: &mut [Pair<'s>],
        dropped: &'a BTreeSet<(Kind, String)>,
    ) -> Result<(Ddl, Option<Problem>), PlanError> {
        let trial = Trial::of(before.schema)?;
        pairs.iter_mut().for_each(Pair::reset);
        let mut attempt = Attempt { trial, before, after, dropped, ddl: Ddl::default() };
        let problem = attempt.steps(pairs)?;
        let ddl = attempt.ddl;
        for sql in ddl.first.iter().chain(&ddl.shape).chain(&ddl.last).chain(&ddl.finish) {
            let object = || sql.chars().take(60).collect();
            if sql.len() > limits::SQL_BYTES {
                return Err(PlanError::StatementTooLong { object: object(), len: sql.len() });
            }
            if !is_kept_whole(sql) {
                return Err(PlanError::Unsupported {
                    object: object(),
                    problem: "D1's REST API would cut this statement at a semicolon".to_owned(),
                    advice: "use names without brackets, `$` and semicolons",
                });
            }
        }
        Ok((ddl, problem))
    }

    fn steps(&mut self, pairs: &mut [Pair<'s>]) -> Result<Option<Problem>, PlanError> {
        self.drop_views_and_triggers()?;
        self.drop_indexes(pairs)?;
        self.rebuild_tables(pairs)?;
        if let Some(problem) = self.rename_tables(pairs)? {
            return Ok(Some(problem));
        }
        if let Some(problem) = self.alter_tables(pairs)? {
            return Ok(Some(problem));
        }
        self.create_tables(pairs)?;
        let missing = self.missing(pairs);
        let (early, late): (Vec<&Object>, Vec<&Object>) =
            missing.into_iter().partition(|object| self.is_parent_key(object));
        for object in early {
            self.trial.create(object)?;
            self.ddl.shape.push(text(object)?);
        }
        self.drop_tables(pairs)?;
        for object in late {
            self.trial.create(object)?;
            self.ddl.finish.push(text(object)?);
        }
        self.difference(pairs)
    }

    fn drop_views_and_triggers(&mut self) -> Result<(), PlanError> {
        // Triggers first: dropping a view drops its own.
        for kind in [Kind::Trigger, Kind::View] {
            for object in
                self.dropped.iter().filter(|key| key.0 == kind).filter_map(|key| self.before.schema.objects.get(key))
            {
                let sql = format!("DROP {} {}", kind.keyword(), quoted(&object.name));
                self.trial.run(&sql)?;
                self.ddl.first.push(sql);
            }
        }
        Ok(())
    }

    /// After the deletes, unlike triggers and views: a unique index may be what a foreign key refers to, and without it D1 refuses to
    /// delete the child's rows ("foreign key mismatch").
    fn drop_indexes(&mut self, pairs: &[Pair<'s>]) -> Result<(), PlanError> {
        for key in self.dropped.iter().filter(|(kind, _)| *kind == Kind::Index) {
            let Some(object) = self.before.schema.objects.get(key) else { continue };
            let goes_with_its_table = !is_kept(pairs, &object.table);
            let name_is_free = !self.after.schema.objects.keys().any(|(_, name)| *name == key.1);
            if !(goes_with_its_table && name_is_free) {
                // The index is gone already if its table was emptied by being made anew.
                let sql = format!("DROP INDEX IF EXISTS {}", quoted(&object.name));
                self.trial.run(&sql)?;
                self.ddl.shape.push(sql);
            }
        }
        Ok(())
    }

    /// DROP and CREATE side by side: between two drops, a child of both would miss a parent (R14).
    fn rebuild_tables(&mut self, pairs: &[Pair<'s>]) -> Result<(), PlanError> {
        for (old, new) in
            pairs.iter().filter(|pair| pair.fate == Fate::Rebuilt).filter_map(|pair| pair.old.zip(pair.new))
        {
            let drop = format!("DROP TABLE {}", old.quoted());
            self.trial.run(&drop)?;
            self.ddl.shape.push(drop);
            self.create_table(&new.name)?;
        }
        Ok(())
    }

    fn create_tables(&mut self, pairs: &[Pair<'s>]) -> Result<(), PlanError> {
        let mut created = pairs.iter().filter(|pair| pair.fate == Fate::Created).filter_map(|pair| pair.new);
        created.try_for_each(|table| self.create_table(&table.name))
    }

    fn create_table(&mut self, name: &str) -> Result<(), PlanError> {
        let Some(object) = self.after.schema.object(Kind::Table, name) else { return Ok(()) };
        self.trial.create(object)?;
        self.ddl.shape.push(text(object)?);
        Ok(())
    }

    fn rename_tables(&mut self, pairs: &mut [Pair<'s>]) -> Result<Option<Problem>, PlanError> {
        for index in rename_order(self.before.schema, pairs) {
            let Some((old, new)) = pairs[index].kept() else { continue };
            pairs[index].altered = true;
            let sql = format!("ALTER TABLE {} RENAME TO {}", old.quoted(), new.quoted());
            if self.trial.run(&sql).is_err() {
                return Ok(Some(Problem::Table(index)));
            }
            self.ddl.shape.push(sql);
        }
        Ok(None)
    }

    fn alter_tables(&mut self, pairs: &mut [Pair<'s>]) -> Result<Option<Problem>, PlanError> {
        for (index, pair) in pairs.iter_mut().enumerate() {
            let Some((old, new)) = pair.kept() else { continue };
            let Some(object) = self.after.schema.object(Kind::Table, &new.name) else { continue };
            let (now, wanted) = (self.trial.table_text(&new.name)?, text(object)?);
            if now == wanted {
                continue;
            }
            let candidates = candidates(&new.name, old, new, &wanted)?;
            if candidates.is_empty() {
                // Perhaps another table's RENAME COLUMN will rewrite its foreign keys; if not, `difference` finds it.
                continue;
            }
            let Some(chosen) = self.choose(candidates, &new.name, &wanted)? else {
                return Ok(Some(Problem::Table(index)));
            };
            self.trial.try_all(&chosen.statements)?;
            pair.altered = true;
            pair.compare_all = !chosen.keeps_places(old, new);
            pair.columns = new.written().map(|column| (column, chosen.columns[column])).collect();
            self.ddl.shape.extend(chosen.statements);
        }
        Ok(None)
    }

    /// The first candidate that gives the wanted text, else the first that runs: another table's ALTER may still complete it.
    fn choose(&self, candidates: Vec<Candidate>, table: &str, sql: &str) -> Result<Option<Candidate>, PlanError> {
        let mut runs = None;
        for candidate in candidates {
            match self.trial.would_be(&candidate.statements, table) {
                Ok(text) if text == sql => return Ok(Some(candidate)),
                Ok(_) => runs = runs.or(Some(candidate)),
                Err(_) => {}
            }
        }
        Ok(runs)
    }

    /// Tables that go, children before their parents.
    fn drop_tables(&mut self, pairs: &[Pair<'s>]) -> Result<(), PlanError> {
        let tables = pairs.iter().filter(|pair| pair.fate == Fate::Dropped).filter_map(|pair| pair.old).collect();
        for table in self.before.schema.children_first(tables) {
            let sql = format!("DROP TABLE {}", table.quoted());
            self.trial.run(&sql)?;
            self.ddl.last.push(sql);
        }
        Ok(())
    }

    /// Objects of AFTER that have to be created, in the order of their kinds.
    fn missing(&self, pairs: &[Pair<'s>]) -> Vec<&'s Object> {
        let stays = |key: &(Kind, String), object: &Object| {
            let on_view = self.before.schema.object(Kind::View, &object.table).is_some();
            let holder_stays = if on_view {
                !self.dropped.contains(&(Kind::View, folded(&object.table)))
            } else {
                object.kind == Kind::View || is_kept(pairs, &object.table)
            };
            self.before.schema.objects.contains_key(key) && !self.dropped.contains(key) && holder_stays
        };
        let objects = self.after.schema.objects.iter().filter(|((kind, _), _)| *kind != Kind::Table);
        objects.filter(|(key, object)| !stays(key, object)).map(|(_, object)| object).collect()
    }

    /// Whether a foreign key refers to the columns of this unique index: then rows cannot be written before it exists.
    fn is_parent_key(&self, index: &Object) -> bool {
        let Some(table) = self.after.schema.table(&index.table).filter(|_| index.kind == Kind::Index) else {
            return false;
        };
        let columns = table.unique.iter().find(|unique| unique.name == index.name).and_then(|u| u.columns.as_ref());
        let Some(columns) = columns.map(|columns| columns.iter().collect::<BTreeSet<_>>()) else { return false };
        self.after
            .schema
            .children(&table.name)
            .filter_map(|(_, key)| self.after.schema.parent_columns(key))
            .any(|(_, to)| to.iter().collect::<BTreeSet<_>>() == columns)
    }

    /// The first difference between what the statements made and what they should have made.
    fn difference(&self, pairs: &[Pair<'s>]) -> Result<Option<Problem>, PlanError> {
        let (made, wanted) = (self.trial.texts()?, wanted(self.after.schema)?);
        let keys: BTreeSet<_> = made.keys().chain(wanted.keys()).collect();
        for key in keys {
            if made.get(key) == wanted.get(key) {
                continue;
            }
            let table = pairs.iter().position(|pair| folded(pair.name()) == key.1);
            return Ok(Some(match table.filter(|_| key.0 == Kind::Table) {
                Some(index) => Problem::Table(index),
                None => Problem::Object(key.0, key.1.clone()),
            }));
        }
        Ok(None)
    }
}

/// Whether the table of that name on D1 stays as it is or is altered.
fn is_kept(pairs: &[Pair<'_>], name: &str) -> bool {
    let is = |table: Option<&Table>| table.is_some_and(|table| table.name.eq_ignore_ascii_case(name));
    pairs.iter().any(|pair| pair.fate == Fate::Kept && (is(pair.old) || is(pair.new)))
}
