//! What the documents promise about the code, held against it: the order of the rooms, the rules' numbers, the files and the
//! tests that are named, the ranks of locks. And what no compiler sees: the libc names that the library exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The top of the checkout.
fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the checkout.
fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder of the checkout with one of these extensions, by their paths from the top, and their texts.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(top().join(&folder)).expect("a folder of the checkout").flatten() {
            let path = folder.join(entry.file_name());
            let extension = path.extension().unwrap_or_default().to_string_lossy();
            if entry.path().is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
                folders.push(path);
            } else if extensions.contains(&&*extension) {
                let path = path.to_string_lossy().into_owned();
                found.push((path.clone(), read(&path)));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has files");
    found
}

/// The rooms as `src/lib.rs` lists them, each with its line in the list. A room may use those on later lines.
fn rooms() -> BTreeMap<String, usize> {
    let text = read("src/lib.rs");
    let (_, list) = text.split_once("//! ```text rooms\n").expect("src/lib.rs lists the rooms");
    let (list, _) = list.split_once("//! ```\n").expect("the list ends");
    let lines = list.lines().map(|line| line.trim_start_matches("//!").split_whitespace()).enumerate();
    lines.flat_map(|(level, names)| names.map(move |name| (name.to_owned(), level))).collect()
}

/// The room that a file belongs to.
fn room_of(path: &str) -> &str {
    let path = path.trim_start_matches("src/");
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// Files that hold only tests may use what they like.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The first names after `crate::`: one, or those of a list in braces.
fn heads(path: &str) -> Vec<&str> {
    let Some(list) = path.strip_prefix('{') else { return vec![word(path)] };
    let step = |at: char| i32::from(at == '{') - i32::from(at == '}');
    let mut depth = 1;
    let end = list.find(|at| {
        depth += step(at);
        depth == 0
    });
    let mut depth = 0;
    let items = list[..end.unwrap_or(list.len())].split(|at| {
        depth += step(at);
        at == ',' && depth == 0
    });
    items.map(word).filter(|name| !name.is_empty()).collect()
}

/// The name that a text begins with.
fn word(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|at: char| !at.is_alphanumeric() && at != '_').unwrap_or(text.len())]
}

/// The rooms that a file names by `crate::room` or `crate::{room, …}`, each with its line. Comments do not count, nor do the tests at
/// a file's end.
fn used_rooms(text: &str) -> Vec<(usize, String)> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<&str> =
        code.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect();
    let code = lines.join("\n");
    let mut used = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        used.extend(heads(&code[at + path.len()..]).into_iter().map(|room| (line, room.to_owned())));
    }
    used
}

#[test]
fn a_room_uses_only_rooms_below_it() {
    let rooms = rooms();
    let mut wrong = Vec::new();
    let mut present = BTreeSet::from(["lib".to_owned()]);
    for (path, text) in files("src", &["rs"]) {
        let own = room_of(&path);
        present.insert(own.to_owned());
        let uses = if own == "lib" || is_test(&path) { Vec::new() } else { used_rooms(&text) };
        for (line, room) in uses.into_iter().filter(|(_, room)| room != own) {
            match (rooms.get(own), rooms.get(&room)) {
                (Some(here), Some(there)) if here < there => {}
                (Some(_), Some(_)) => {
                    wrong.push(format!("{path}:{line}: `{own}` uses `{room}`, which does not stand below it"))
                }
                _ => wrong.push(format!("{path}:{line}: `{own}` uses `{room}`; one of them is not in the list")),
            }
        }
    }
    wrong.sort();
    assert!(wrong.is_empty(), "the order of rooms in src/lib.rs is broken:\n{}", wrong.join("\n"));
    let listed: BTreeSet<String> = rooms.into_keys().chain(["lib".to_owned()]).collect();
    assert_eq!(listed, present, "src/lib.rs lists the rooms that there are");
}

/// The rules that a text names: `R` and a number. `R2` alone is Cloudflare's storage; the rule is written "rule R2".
fn rules(text: &str) -> Vec<u32> {
    let is_name = |at: char| at.is_alphanumeric() || at == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices('R').filter(|(at, _)| !text[..*at].ends_with(is_name)) {
        let Ok(number) = word(&text[at + 1..]).parse() else { continue };
        if number != 2 || text[..at].ends_with("rule ") {
            found.push(number);
        }
    }
    found
}

#[test]
fn every_rule_that_is_named_is_written_down() {
    let headings = read("docs/DECODING.md");
    let headings: BTreeSet<u32> =
        headings.lines().filter_map(|line| word(line.strip_prefix("### R")?).parse().ok()).collect();
    let (mut count, mut wrong) = (0, Vec::new());
    for folder in ["src", "sql", "tests", "benches", "fuzz", "gateway"] {
        for (path, text) in files(folder, &["rs", "sql", "py", "c", "ts", "mjs"]) {
            let rules = rules(&text);
            count += rules.len();
            wrong.extend(
                rules.iter().filter(|rule| !headings.contains(rule)).map(|rule| format!("{path} names R{rule}")),
            );
        }
    }
    assert!(wrong.is_empty(), "docs/DECODING.md has no such heading:\n{}", wrong.join("\n"));
    assert!(count > 20, "the code names its rules; only {count} were found");
}

/// The code spans of a Markdown text: what stands between single backticks on one line.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with("    ")).flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let mut documents = files("docs", &["md"]);
    documents.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| (name.to_owned(), read(name))));
    let ours = ["src", "tests", "scripts", "docs", "sql", "benches", "fuzz", "gateway", "deploy", "python"];
    let made_by_users = read(".gitignore");
    let is_there = |path: &str| {
        top().join(path).exists() || made_by_users.lines().any(|line| line.strip_prefix('/') == Some(path))
    };
    let (mut count, mut wrong) = (0, Vec::new());
    for (document, text) in documents {
        let paths = spans(&text).map(|span| span.split([' ', ':']).next().unwrap_or_default());
        for path in paths.filter(|path| path.split_once('/').is_some_and(|(folder, _)| ours.contains(&folder))) {
            count += 1;
            if !is_there(path) {
                wrong.push(format!("{document} names {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "these are not there:\n{}", wrong.join("\n"));
    assert!(count > 50, "the documents name files; only {count} were found");
}

/// Names of several words in `docs` and SECURITY.md are those of tests that show what is said. (README's are settings.)
#[test]
fn every_test_that_a_document_names_is_there() {
    let mut documents = files("docs", &["md"]);
    documents.push(("SECURITY.md".to_owned(), read("SECURITY.md")));
    let mut code = files("src", &["rs"]);
    code.extend(files("tests", &["rs", "py"]));
    let begin = ["fn ", "def "];
    let defined: BTreeSet<&str> =
        code.iter().flat_map(|(_, text)| begin.iter().flat_map(|begin| text.split(begin).skip(1)).map(word)).collect();
    let is_test = |span: &&str| word(span) == *span && span.matches('_').count() >= 3;
    let (mut count, mut wrong) = (0, Vec::new());
    for (document, text) in &documents {
        for test in spans(text).filter(is_test) {
            count += 1;
            if !defined.contains(test) {
                wrong.push(format!("{document} names {test}"));
            }
        }
    }
    assert!(wrong.is_empty(), "no test is called so:\n{}", wrong.join("\n"));
    assert!(count > 50, "the documents name tests; only {count} were found");
}

/// The locks whose comment tells a rank: the rank, and the name of the field or static below the comment.
fn ranked_locks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("///")) {
        let Some((_, rank)) = line.split_once("Rank ") else { continue };
        let below = lines[at..].iter().find(|line| !line.starts_with("//") && !line.starts_with("#["));
        let name = below.and_then(|line| line.split(':').next()?.split(' ').next_back());
        found.push((word(rank).to_owned(), name.unwrap_or_default().to_owned()));
    }
    found
}

#[test]
fn every_lock_with_a_rank_is_in_the_table() {
    let document = read("docs/ARCHITECTURE.md");
    let rows: BTreeSet<(String, String)> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | `"))
        .filter(|(rank, _)| rank.parse::<u32>().is_ok())
        .map(|(rank, lock)| (rank.to_owned(), lock.split('`').next().unwrap_or_default()))
        .map(|(rank, lock)| (rank, lock.rsplit("::").next().unwrap_or_default().to_owned()))
        .collect();
    let locks: BTreeSet<(String, String)> =
        files("src", &["rs"]).iter().flat_map(|(_, text)| ranked_locks(text)).collect();
    assert_eq!(rows, locks, "docs/ARCHITECTURE.md (left) lists the locks that src has (right)");
}

/// What D1, a root folder or an application has written is read by connections that can do nothing else (`src/vfs/inner`). `dev` plays
/// D1, which has an authorizer of its own.
#[test]
fn connections_of_the_sqlite_inside_are_opened_in_one_place() {
    let opens = ["Connection::open", "from_handle", "sqlite3_open"];
    let (mut found, mut wrong) = (0, Vec::new());
    for (path, text) in files("src", &["rs", "c"]) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let is_exempt = is_test(&path) || path.starts_with("src/dev/");
        for (line, text) in code.lines().enumerate().filter(|(_, line)| opens.iter().any(|open| line.contains(open))) {
            if path == "src/vfs/inner/mod.rs" {
                found += 1;
            } else if !is_exempt {
                wrong.push(format!("{path}:{}: {}", line + 1, text.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "these belong into src/vfs/inner:\n{}", wrong.join("\n"));
    assert_eq!(found, 3, "src/vfs/inner opens files, scratch files and empty databases");
}

/// A text from outside runs as a `CheckedText`; what runs as a batch is spelled out here, letter by letter.
#[test]
fn no_text_from_outside_runs_as_a_batch() {
    let mut wrong = Vec::new();
    for (path, text) in files("src", &["rs"]) {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let is_exempt = is_test(&path) || path.starts_with("src/dev/") || path == "src/vfs/inner/mod.rs";
        for (at, call) in code.match_indices("execute_batch(").filter(|_| !is_exempt) {
            let argument = code[at + call.len()..].trim_start();
            if !argument.starts_with('"') {
                wrong.push(format!("{path}: execute_batch({}", argument.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(wrong.is_empty(), "run these with schema::checked, or as one statement:\n{}", wrong.join("\n"));
}

/// The linker takes a name that nobody defines, and each program that calls the function then ends with a lookup error.
#[test]
fn every_exported_libc_name_leads_to_a_function() {
    let listed = read("src/hook/exports.txt");
    let listed: BTreeSet<&str> = listed.lines().filter_map(|line| line.split_once(' ')).map(|(_, own)| own).collect();
    let sources = files("src/hook/raw", &["rs", "c"]);
    let names = |text: &str, before: &str| -> Vec<String> {
        let after = text.split(before).skip(1).filter_map(|rest| rest.strip_prefix("lf_")?.split_once('('));
        after.map(|(name, _)| format!("lf_{name}")).filter(|name| !name.starts_with("lf_test_")).collect()
    };
    let defined: BTreeSet<String> =
        sources.iter().flat_map(|(_, text)| [names(text, "fn "), names(text, "int ")].concat()).collect();
    let defined: BTreeSet<&str> = defined.iter().map(String::as_str).collect();
    assert_eq!(listed, defined, "src/hook/exports.txt (left) lists the functions of src/hook/raw (right)");
}

/// Names and messages from outside must not move a terminal's cursor: `src/cli/print.rs` sees to that, and `src/log.rs` for the log.
#[test]
fn what_people_read_goes_through_one_place() {
    let printers =
        ["println!(", "eprintln!(", "print!(", "eprint!(", "stdout().lock", "stderr().lock", "writeln!(std", "dbg!("];
    let mut wrong = Vec::new();
    for (path, text) in files("src", &["rs"]) {
        if path == "src/cli/print.rs" || is_test(&path) {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            if printers.iter().any(|printer| line.contains(printer)) {
                wrong.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "these print past `cli::print`:\n{}", wrong.join("\n"));
}
