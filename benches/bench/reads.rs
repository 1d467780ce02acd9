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

/// A read to measure: what it is called, its SQL, and its parameter for the row number given.
struct Read {
    name: &'static str,
    sql: &'static str,
    /// Rows the parameter moves over.
    parameter: fn(u64) -> rusqlite::types::Value,
}

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
        name: "whole table",
        sql: "SELECT sum(length(metadata)), max(width), ?1 FROM images",
        parameter: |row| (row as i64).into(),
    },
];

/// Prints the table.
pub fn run() {
    let world = World::new(MEGABYTES);
    println!(
        "\nReads, {} MB ({} pages), the same pages in a plain file",
        world.image().size() / 1_000_000,
        world.image().page_count()
    );
    println!("| read | page cache | plain SQLite | liteflare | ratio |\n| --- | --- | --- | --- | --- |");
    // 400 KB: nearly every page comes through the VFS. 2 MB is SQLite's default. 200 MB holds the database.
    for (cache, kilobytes) in [("400 KB", 400), ("2 MB", 2000), ("all", 200_000)] {
        let sides = [&world.plain_path, &world.path].map(|path| with_cache(path, kilobytes));
        for read in &READS {
            let [mut plain, mut ours] = [Reader::new(&sides[0], read), Reader::new(&sides[1], read)];
            let turns = take_turns(TURNS, TURN, |count| plain.read(count), |count| ours.read(count));
            println!("| {} | {cache} | {} | {} | {:.2} |", read.name, show(turns.plain), show(turns.ours), turns.ratio);
        }
    }
}

fn with_cache(path: &Path, kilobytes: u32) -> Connection {
    let connection = open(path);
    connection.execute_batch(&format!("PRAGMA cache_size = -{kilobytes}")).expect("a pragma");
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
