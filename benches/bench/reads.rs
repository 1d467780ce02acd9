//! Reads: the same statements on the same pages, from a plain file and from the replica.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::data;
use crate::measure::{show, take_turns};
use crate::world::{World, open};

const MEGABYTES: u64 = 100;
const TURNS: usize = 21;
const TURN: Duration = Duration::from_millis(60);

/// A read to measure.
struct Read {
    name: &'static str,
    sql: &'static str,
    /// Its parameter, for the number of a row.
    parameter: fn(u64) -> rusqlite::types::Value,
}

const WHOLE: &str = "whole table";

const READS: [Read; 5] = [
    Read {
        name: "a row by its TEXT key",
        sql: "SELECT * FROM images WHERE image_name = ?1",
        parameter: |row| format!("image-{row:08}.png").into(),
    },
    Read {
        name: "a row by its rowid",
        sql: "SELECT * FROM images WHERE rowid = ?1",
        parameter: |row| ((row + 1) as i64).into(),
    },
    Read {
        name: "100 rows by an index",
        sql: "SELECT image_name, width, metadata FROM images WHERE created_at >= datetime(?1, 'unixepoch') \
              ORDER BY created_at LIMIT 100",
        parameter: |row| (row as i64).into(),
    },
    Read {
        name: "join of 3 tables, 100 rows",
        sql: "SELECT b.board_name, i.image_name, i.metadata FROM boards b JOIN board_images USING (board_id) \
              JOIN images i USING (image_name) WHERE b.board_id = ?1",
        parameter: |row| format!("board-{:06}", row / 100).into(),
    },
    Read {
        name: WHOLE,
        sql: "SELECT sum(length(metadata)), max(width), ?1 FROM images",
        parameter: |row| (row as i64).into(),
    },
];

/// Prints the table.
pub fn run() {
    let world = World::new(MEGABYTES);
    let (pages, megabytes) = (world.image().page_count(), world.image().size() / 1_000_000);
    let wal = world.plain_path.with_file_name("wal.db");
    std::fs::copy(&world.plain_path, &wal).expect("room on the disk");
    open(&wal).pragma_update(None, "journal_mode", "wal").expect("a pragma");
    println!(
        "\nReads, {megabytes} MB ({pages} pages), the same pages in plain files with a rollback journal and with a WAL"
    );
    println!("| read | page cache | plain | plain, WAL | liteflare | over plain | over WAL |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    // 400 KB: nearly every page comes through the VFS. 2 MB is SQLite's default. 200 MB holds the database.
    for (cache, kilobytes) in [("400 KB", 400), ("2 MB", 2000), ("all", 200_000)] {
        for in_transaction in [false, true] {
            let sides = [&world.plain_path, &wal, &world.path].map(|path| with_cache(path, kilobytes, in_transaction));
            for read in READS.iter().filter(|read| !(in_transaction && read.name == WHOLE)) {
                let mut readers = [0, 1, 2].map(|side| Reader::new(&sides[side], read));
                let [plain, wal, ours] = take_turns(TURNS, TURN, |side, count| readers[side].read(count));
                println!(
                    "| {}{} | {cache} | {} | {} | {} | {:.2} | {:.2} |",
                    read.name,
                    if in_transaction { ", within a transaction" } else { "" },
                    show(plain.0),
                    show(wal.0),
                    show(ours.0),
                    plain.1,
                    wal.1
                );
            }
        }
    }
}

fn with_cache(path: &Path, kilobytes: u32, in_transaction: bool) -> Connection {
    let connection = open(path);
    let begin = if in_transaction { "BEGIN; SELECT 1 FROM boards;" } else { "" };
    connection.execute_batch(&format!("PRAGMA cache_size = -{kilobytes}; {begin}")).expect("it is taken");
    connection
}

/// Does one read again and again, at places that jump about in the same way on both sides.
struct Reader<'a> {
    statement: rusqlite::Statement<'a>,
    parameter: fn(u64) -> rusqlite::types::Value,
    at: u64,
}

impl<'a> Reader<'a> {
    fn new(connection: &'a Connection, read: &Read) -> Reader<'a> {
        let statement = connection.prepare(read.sql).expect("the statement is right");
        Reader { statement, parameter: read.parameter, at: 1 }
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            self.at = self.at.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let row = (self.at >> 33) % (data::images(MEGABYTES) - 100);
            let columns = self.statement.column_count();
            let mut rows = self.statement.query(params![(self.parameter)(row)]).expect("it runs");
            while let Some(row) = rows.next().expect("a row") {
                for column in 0..columns {
                    std::hint::black_box(row.get_ref(column).expect("a value"));
                }
            }
        }
    }
}
