//! What liteflare costs, measured against plain SQLite (the same build of it) on a local file, in one run.
//!
//! ```text
//! cargo bench                      # all tables, databases of 10 and 100 MB
//! cargo bench -- commits --large   # one section (reads, commits, pages, sizes, memory), also with a database of 1,000 MB
//! ```
//! Both sides of a comparison take turns; a ratio is the median of the ratios of neighbouring turns, so that a machine that is
//! busy for a while spoils neither side alone. The cloud is `liteflare::dev` in this process behind a relay with a settable
//! round trip. Each request that a commit makes is sent once more, byte for byte, to a twin of the database over a bare socket:
//! the commit's time minus that exchange's is the overhead.

// First of all crates, as in src/lib.rs and for its reason: the SQLite of `sqlite_loadable` is linked last.
extern crate liteflare;

mod commits;
mod data;
mod measure;
mod memory;
mod reads;
// The tests' relay: cargo knows no other way for a benchmark and a test to share what is in neither the library nor a package.
#[path = "../../tests/integration/support/relay/mod.rs"]
#[allow(dead_code, reason = "faults are for the tests, which let nothing lie dead in it")]
mod relay;
mod world;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == memory::CHILD) {
        return memory::child(&arguments[at + 1..]);
    }
    let large = arguments.iter().any(|argument| argument == "--large");
    let sections: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |name: &str| sections.is_empty() || sections.iter().any(|section| *section == name);
    let sizes: &[u64] = if large { &[10, 100, 1000] } else { &[10, 100] };
    if wanted("reads") {
        reads::run();
    }
    if wanted("commits") {
        commits::small();
    }
    if wanted("pages") {
        commits::by_pages();
    }
    if wanted("sizes") {
        commits::by_size(sizes);
    }
    if wanted("memory") {
        memory::run(sizes);
    }
}
