//! Commits: what they cost beyond the round trip that each of them is.

use std::time::Duration;

use rusqlite::Connection;

use crate::measure::{median, seconds, show};
use crate::world::World;

/// One commit beside its bare exchange and the same transaction on a plain file, in seconds.
struct Commit {
    ours: f64,
    bare: f64,
    plain: f64,
    request_bytes: usize,
}

impl World {
    /// Runs one transaction on both sides, and its request on the twin.
    fn commit(&mut self, transaction: impl Fn(&Connection)) -> Commit {
        let ours = seconds(|| transaction(&self.ours));
        let requests = self.repeat_on_twin();
        let plain = seconds(|| transaction(&self.plain));
        Commit {
            ours,
            bare: requests.iter().map(|(seconds, _)| seconds).sum(),
            plain,
            request_bytes: requests.iter().map(|(_, bytes)| bytes).sum(),
        }
    }
}

fn execute(connection: &Connection, sql: &str, parameter: i64) {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([parameter])).expect("it is taken");
}

/// Medians over `count` commits as table cells: plain, ours, bare, overhead.
fn cells(commits: &[Commit]) -> String {
    let of = |value: fn(&Commit) -> f64| median(commits.iter().map(value).collect());
    let overhead = of(|commit| commit.ours - commit.bare);
    format!(
        "{} | {} | {} | **{}** | {:.0}",
        show(of(|commit| commit.plain)),
        show(of(|commit| commit.ours)),
        show(of(|commit| commit.bare)),
        show(overhead),
        of(|commit| commit.request_bytes as f64)
    )
}

const HEAD: &str = "plain SQLite | liteflare | bare exchange | overhead | request bytes |\n";

/// One row inserted, updated, deleted.
pub fn small() {
    let mut world = World::new(10);
    println!("\nSmall commits, 10 MB");
    println!("| transaction | round trip | {HEAD}| --- | --- | --- | --- | --- | --- | --- |");
    let insert = "INSERT INTO images(image_name, image_category, width, height, metadata, created_at) \
                  VALUES (printf('new-%08d.png', ?1), 'general', 512, 512, '{\"seed\":1}', datetime(?1, 'unixepoch'))";
    let kinds = [
        ("insert one row", insert),
        (
            "update one row (with a trigger)",
            "UPDATE images SET starred = 1-starred WHERE image_name = printf('image-%08d.png', ?1)",
        ),
        ("update one row by rowid", "UPDATE pages SET version = version+1 WHERE id = ?1"),
        ("delete one row", "DELETE FROM images WHERE image_name = printf('new-%08d.png', ?1)"),
    ];
    let mut next = 0;
    for (round_trip, count) in [(0, 300), (50, 40)] {
        world.relay.delay(Duration::from_millis(round_trip));
        let first = next;
        let mut commits: [Vec<Commit>; 4] = Default::default();
        while next < first + count {
            for ((_, sql), commits) in kinds.iter().zip(&mut commits) {
                commits.push(world.commit(|side| execute(side, sql, next)));
            }
            next += 1;
        }
        for ((name, _), commits) in kinds.iter().zip(&commits) {
            println!("| {name} | {round_trip} ms | {} |", cells(&commits[commits.len() / 10..]));
        }
    }
}

/// The same small commit in databases of different sizes.
pub fn by_size(megabytes: &[u64]) {
    println!("\nOne row updated, by the size of the database");
    println!("| MB | {HEAD}| --- | --- | --- | --- | --- | --- |");
    for size in megabytes {
        let mut world = World::new(*size);
        let sql = "UPDATE images SET starred = 1-starred WHERE image_name = printf('image-%08d.png', ?1)";
        let rows = crate::data::images(*size) as i64;
        let place = |turn: i64| turn * 7919 % rows;
        let commits: Vec<Commit> = (0..300).map(|turn| world.commit(|side| execute(side, sql, place(turn)))).collect();
        println!("| {} | {} |", world.image().size() / 1_000_000, cells(&commits[30..]));
    }
}

/// Commits that change many pages.
pub fn by_pages() {
    let mut world = World::new(10);
    println!("\nRows updated, each on a page of its own, 10 MB");
    println!("| pages | {HEAD}| --- | --- | --- | --- | --- | --- |");
    for (pages, count) in [(1, 200), (10, 100), (100, 40), (1000, 15)] {
        let sql = "UPDATE pages SET version = version+1 WHERE id < ?1";
        let commits: Vec<Commit> = (0..count).map(|_| world.commit(|side| execute(side, sql, pages))).collect();
        println!("| {pages} | {} |", cells(&commits[commits.len() / 10..]));
    }
}
