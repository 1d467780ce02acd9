//! The library as a file: what it shows to the process that loads it, and what is inside.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// Cargo builds the library with the tests, among their dependencies. (Only `cargo build` puts it beside the command.)
fn library() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_BIN_EXE_liteflare")).with_file_name("deps").join("libliteflare.so");
    assert!(path.exists(), "{} is missing", path.display());
    path
}

fn symbols(options: &[&str]) -> BTreeSet<String> {
    let output = Command::new("nm").args(options).arg(library()).output().expect("nm (binutils) runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("symbols are text");
    text.lines().filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect()
}

#[test]
fn it_exports_the_entry_point_and_the_hooks_libc_names_and_nothing_else() {
    let list = include_str!("../../src/hook/exports.txt");
    let mut expected: BTreeSet<String> =
        list.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    expected.insert("sqlite3_liteflare_init".to_owned());
    assert_eq!(symbols(&["--dynamic", "--defined-only"]), expected);
}

/// In the command, and in every program that links this crate, libc's names stay libc's.
#[test]
fn the_command_does_not_take_over_libc() {
    let command = env!("CARGO_BIN_EXE_liteflare");
    let output = Command::new("nm").args(["--defined-only", command]).output().expect("nm (binutils) runs");
    let text = String::from_utf8(output.stdout).expect("symbols are text");
    let defined: BTreeSet<&str> = text.lines().filter_map(|line| line.split_whitespace().last()).collect();
    assert!(defined.contains("main"), "nm sees the command's symbols");
    for name in ["open", "open64", "stat", "close", "unlink", "fopen", "readdir", "_exit"] {
        assert!(!defined.contains(name), "{name}");
    }
}

/// A symbol of SQLite's that is looked up when the library is loaded would be found in the host's SQLite, which may be another version.
#[test]
fn it_asks_the_process_for_no_symbol_of_sqlites() {
    let wanted = symbols(&["--dynamic", "--undefined-only"]);
    let sqlite: Vec<&String> = wanted.iter().filter(|name| name.starts_with("sqlite3")).collect();
    assert!(sqlite.is_empty(), "{sqlite:?}");
    assert!(wanted.iter().any(|name| name.starts_with("pthread_")), "nm sees undefined symbols: {wanted:?}");
}

/// rusqlite brings an engine, and so does sqlite-loadable; the linker must take one of them only, and that of rusqlite.
#[test]
fn one_sqlite_is_inside_and_it_is_rusqlites() {
    let bytes = std::fs::read(library()).unwrap();
    let engine = rusqlite::Connection::open_in_memory().unwrap();
    let id: String = engine.query_row("SELECT sqlite_source_id()", [], |row| row.get(0)).unwrap();
    assert_eq!(source_ids(&bytes), BTreeSet::from([id]));
}

/// `2025-01-01 00:00:00` and a hash of 64 digits, as in `sqlite3.c`.
fn source_ids(bytes: &[u8]) -> BTreeSet<String> {
    const LEN: usize = 19 + 1 + 64;
    let shape = |text: &[u8]| {
        text.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 => *byte == b'-',
            10 | 19 => *byte == b' ',
            13 | 16 => *byte == b':',
            0..19 => byte.is_ascii_digit(),
            _ => byte.is_ascii_hexdigit(),
        })
    };
    bytes.windows(LEN).filter(|text| shape(text)).map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}
