//! Keeps D1's `sqlite_sequence` equal to AFTER's (R10). D1 counts by itself when AUTOINCREMENT rows are inserted there, so mostly there is
//! nothing to send: only the names whose value D1 would get wrong are written, at the end of the batch and by name.

use std::collections::{BTreeMap, BTreeSet};

use super::ablation::{Rule, holds};
use super::delta::Delta;
use super::pair::Fate;
use super::{After, Before, PlanError, Side};
use crate::d1::{Sql, Statement};
use crate::value::to_d1::{Form, write_row};
use crate::value::{Key, Value};

/// The counters by table. SQLite keeps one for each table, but an application may write there what it likes.
type Counters = BTreeMap<Value, Vec<Value>>;

/// The statements for the counters D1 would get wrong.
pub(super) fn statements(
    before: Before<'_>,
    after: After<'_>,
    deltas: &[Delta<'_>],
) -> Result<Vec<Statement>, PlanError> {
    // Without such a table in AFTER, D1 may not have sqlite_sequence at all.
    if !has_counters(*after) || !holds(Rule::Sequence) {
        return Ok(Vec::new());
    }
    let wanted = read(*after)?;
    let mut expected = read(*before)?;
    let mut unsure: BTreeSet<Value> = BTreeSet::new();
    for delta in deltas {
        let pair = &delta.pair;
        let name = |name: &str| Value::Text(name.as_bytes().to_vec());
        let names = pair.old.iter().chain(&pair.new).map(|table| name(&table.name));
        if pair.fate != Fate::Kept || pair.altered {
            unsure.extend(names);
        } else if pair.new.is_some_and(|table| table.autoincrement) && !delta.inserted.is_empty() {
            count(expected.entry(name(pair.name())).or_default(), &delta.inserted);
        }
    }
    let wrong: Vec<&Value> = expected
        .keys()
        .chain(wanted.keys())
        .chain(&unsure)
        .filter(|name| unsure.contains(name) || expected.get(name) != wanted.get(name))
        .filter(|name| expected.contains_key(name) || wanted.contains_key(name))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    Ok(rewrite(&wrong, &wanted))
}

/// All counters of `image`, whatever D1 has.
pub(super) fn all(image: Side<'_>) -> Result<Vec<Statement>, PlanError> {
    let wanted = read(image)?;
    Ok(rewrite(&wanted.keys().collect::<Vec<_>>(), &wanted))
}

/// What inserting these rows makes of a counter: SQLite keeps the greatest rowid ever inserted.
fn count(counter: &mut Vec<Value>, inserted: &BTreeSet<Key>) {
    let Some(Key::Rowid(last)) = inserted.last() else { return };
    match counter.as_mut_slice() {
        [] => counter.push(Value::Integer((*last).max(0))),
        [Value::Integer(seq)] => *seq = (*seq).max(*last),
        // Not written by SQLite: what it makes of this is not worth knowing, the counter is sent.
        _ => counter.push(Value::Null),
    }
}

fn has_counters(image: Side<'_>) -> bool {
    image.schema.tables.values().any(|table| table.autoincrement)
}

fn read(image: Side<'_>) -> Result<Counters, PlanError> {
    let mut counters = Counters::new();
    if !has_counters(image) {
        return Ok(counters);
    }
    let mut statement = image.connection.prepare_cached("SELECT name, seq FROM main.sqlite_sequence ORDER BY rowid")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        // A row without a name counts for no table.
        if row.get_ref(0)? == rusqlite::types::ValueRef::Null {
            continue;
        }
        counters.entry(Value::from(row.get_ref(0)?)).or_default().push(Value::from(row.get_ref(1)?));
    }
    Ok(counters)
}

fn rewrite(names: &[&Value], wanted: &Counters) -> Vec<Statement> {
    if names.is_empty() {
        return Vec::new();
    }
    let list = |before: &str, rows: Vec<Vec<Value>>, after: &str| {
        let columns = rows.first().map_or(0, Vec::len);
        let forms: Vec<Form> = (0..columns).map(|i| Form::of(rows.iter().filter_map(|row| row.get(i)))).collect();
        let mut payload = String::from("[");
        for (i, row) in rows.iter().enumerate() {
            if i > 0 {
                payload.push(',');
            }
            write_row(&mut payload, &forms, row);
        }
        payload.push(']');
        let expressions: Vec<String> = forms.iter().enumerate().map(|(i, form)| form.expression(i)).collect();
        let sql = Sql::from(format!("{before}SELECT {} FROM json_each(", expressions.join(","))).then(Sql::param(1));
        Statement::with(sql.then(format!(") AS _lfj{after}")), [payload])
    };
    let names_alone = names.iter().map(|&name| vec![name.clone()]).collect();
    let mut statements = vec![list("DELETE FROM sqlite_sequence WHERE name IN (", names_alone, ")")];
    let rows: Vec<Vec<Value>> = names
        .iter()
        .flat_map(|&name| wanted.get(name).into_iter().flatten().map(|seq| vec![name.clone(), seq.clone()]))
        .collect();
    if !rows.is_empty() {
        statements.push(list("INSERT INTO sqlite_sequence(name,seq) ", rows, ""));
    }
    statements
}
