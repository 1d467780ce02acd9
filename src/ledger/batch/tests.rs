use rusqlite::Connection;

use super::*;
use crate::d1::Sql;
use crate::decode::diff::RowDiff;
use crate::image::Seq;
use crate::plan::{After, Before, Options, Side, TableChanges, plan};
use crate::schema::Schema;
use crate::value::Key;

fn fence(seq: Seq) -> Fence {
    let base = Position { seq, txn: Txn::new("B") };
    Fence { base, txn: Txn::new("0"), changes: "C".to_owned() }
}

#[test]
fn a_large_transaction_is_staged_and_its_statements_keep_their_meaning() {
    let params = ["a".repeat(3_000_000), "b".repeat(3_000_000)];
    let both = Sql::join([Sql::param(1), Sql::param(2)], "||");
    let body = vec![
        Statement::new("CREATE TABLE \"a?1\"(x DEFAULT '?2')"),
        Statement::with(Sql::from("INSERT INTO \"a?1\" SELECT ").then(both).then(", '$[?1]' FROM x"), params),
    ];
    let batch = Batch::new(fence(Seq(4)), Body { statements: body, row_count: Some(1), ..Body::default() });
    let stage = batch.stage.unwrap();
    assert_eq!(stage.requests.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2], "the date, and a part");
    assert_eq!(stage.check().params[1], "2 6000000");
    assert_eq!(batch.apply[2], stage.check());
    assert_eq!(batch.apply[3].sql.text(), "CREATE TABLE \"a?1\"(x DEFAULT '?2')");
    let id = stage.check().params[0].clone();
    let part = |n| format!("(SELECT payload FROM _lf_stage WHERE txn='{id}' AND part={n})");
    let wanted = format!("INSERT INTO \"a?1\" SELECT {}||{}, '$[?1]' FROM x", part(0), part(1));
    assert_eq!(batch.apply[4].sql.text(), wanted);
    assert!(batch.apply[3..5].iter().all(|statement| statement.params.is_empty()));
}

/// One transaction with a row of 1.96 MB, which travels in pieces, and the counter of its table.
fn body() -> Body {
    let [before, after] = [(); 2].map(|()| Connection::open_in_memory().unwrap());
    let sql = "CREATE TABLE \"a?1\"(id INTEGER PRIMARY KEY AUTOINCREMENT, \"b?2\", c)";
    before.execute_batch(sql).unwrap();
    before.execute_batch("INSERT INTO \"a?1\" VALUES (1,'?1',1.5),(2,'x',x'')").unwrap();
    after.execute_batch(sql).unwrap();
    let text = "t".repeat(1_960_000);
    after.execute("INSERT INTO \"a?1\" VALUES (2,'y',2),(3,?1,NULL),(4,?1,x'00')", [text]).unwrap();
    after.execute_batch("UPDATE sqlite_sequence SET seq=9").unwrap();
    let [old, new] = [&before, &after].map(|connection| Schema::read(connection).unwrap());
    let changes = TableChanges {
        before: Some("a?1".to_owned()),
        after: Some("a?1".to_owned()),
        rows: RowDiff {
            deleted: vec![Key::Rowid(1)],
            inserted: vec![Key::Rowid(3), Key::Rowid(4)],
            updated: vec![Key::Rowid(2)],
        },
    };
    let before = Before(Side { connection: &before, schema: &old });
    let after = After(Side { connection: &after, schema: &new });
    let plan = plan(before, after, &[changes], &Options::default()).unwrap();
    assert_eq!(plan.row_count, Some(4));
    Body { statements: plan.statements, row_count: plan.row_count, rest: plan.counters }
}

fn told(title: &str, id: &str, statements: &[Statement]) -> String {
    let param = |text: &String| match text.len() {
        0..300 => text.clone(),
        len => format!("{}… {len} bytes", &text[..20]),
    };
    let mut told = format!("{title}\n");
    for statement in statements {
        let params: Vec<String> = statement.params.iter().map(param).collect();
        told += &format!("{}  <{}>\n", statement.sql, params.join("> <"));
    }
    told.replace(id, "T").replace(&log::source(), "S")
}

/// In `wire.txt`: what D1 is sent changes only on purpose.
#[test]
fn the_text_of_a_batch_is_what_it_was() {
    let small = Batch::new(fence(Seq(255)), body());
    let mut text = told("-- small", "no id", &small.apply);
    let (mut large, again) = (body(), body());
    large.statements.extend(again.statements);
    large.row_count = Some(8);
    large.rest.push(state::set_field("user_version", 7));
    let large = Batch::new(fence(Seq(255)), large);
    let stage = large.stage.unwrap();
    let id = &stage.check().params[0];
    for request in &stage.requests {
        text += &told("-- stage", id, request);
    }
    text += &told("-- large", id, &large.apply);
    assert!(small.stage.is_none());
    assert!(text == include_str!("wire.txt"), "the batches are now:\n{text}");
}
