//! Hydration and memory, in a process of its own each: what the system says it takes.

use std::process::Command;
use std::time::Instant;

use liteflare::serve::{replicas, router};
use liteflare::sqlite::Sqlite;

use crate::world::{World, open, settings_of};

/// The argument that makes this program such a process.
pub const CHILD: &str = "--hydrate";

/// Prints the table.
pub fn run(megabytes: &[u64]) {
    println!(
        "\nA start from nothing, and what the process takes (resident bytes over the database's size, without the {CHILD} process itself)"
    );
    println!(
        "| MB | rows | time | rows/s | MB/s | replica | peak | after a scan and 200 commits |\n| --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    for size in megabytes {
        let world = World::new(*size);
        let program = std::env::current_exe().expect("we run");
        let output = Command::new(program).arg(CHILD).args(world.address()).output().expect("it runs again");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
}

/// Hydrates once and prints a line of the table.
pub fn child(address: &[String]) {
    let [api, account, token, database] = address else { panic!("{CHILD} API ACCOUNT TOKEN DATABASE") };
    router::install(Sqlite::bundled()).expect("the VFS is registered");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().canonicalize().expect("it exists").join("app.db");
    router::attach(&path, settings_of([api, account, token, database]));
    let before = resident("VmRSS:");
    let started = Instant::now();
    let connection = open(&path);
    let took = started.elapsed().as_secs_f64();
    let (replica, peak) = (resident("VmRSS:"), resident("VmHWM:"));

    let count = |table: &str| -> f64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("it counts")
    };
    let rows: f64 = ["images", "board_images", "boards", "pages"].map(count).iter().sum();
    let sql = "SELECT sum(length(metadata)) FROM images";
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).expect("it scans");
    for id in 1..=200 {
        connection.execute("UPDATE pages SET version = version+1 WHERE id = ?1", [id]).expect("it is taken");
    }
    let later = resident("VmRSS:");
    let size = replicas::all()[0].1.newest().size() as f64;
    let over = |bytes: f64| format!("{:.2}x (+{:.0} MB)", (bytes - before) / size, (bytes - before - size) / 1e6);
    println!(
        "| {:.0} | {rows} | {took:.2} s | {:.0} | {:.1} | {} | {} | {} |",
        size / 1e6,
        rows / took,
        size / 1e6 / took,
        over(replica),
        over(peak),
        over(later)
    );
}

/// A line of `/proc/self/status`, in bytes.
fn resident(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let found = status.lines().find_map(|text| text.strip_prefix(line)).expect("the kernel tells");
    found.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0
}
