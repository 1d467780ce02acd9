//! The doors of the fuzz targets (`fuzz`): each takes what may come from outside, and panics when a promise about it does not hold.
//!
//! What is promised stands in the room that promises it. No part of liteflare: this is compiled for fuzzing and for tests only, which
//! try the seeds.

pub use crate::config::fuzz::settings_file;
pub use crate::r2::fuzz::s3_answers;
pub use crate::schema::fuzz::schema_text;
pub use crate::serve::fuzz::marker_file;

/// An answer of D1's: its rows, their cells, and what texts among them would mean in the log.
pub fn d1_answer(answer: &[u8]) {
    for row in crate::d1::fuzz::rows(answer) {
        crate::value::fuzz::cells(&row);
        let cells: Vec<serde_json::Value> = serde_json::from_slice(&row).unwrap_or_default();
        for text in cells.iter().filter_map(serde_json::Value::as_str) {
            crate::ledger::fuzz::changes(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Crashes that the fuzzer has found are among the seeds: each was seen to fail here first.
    #[track_caller]
    fn try_seeds(target: &str, door: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let seeds = std::fs::read_dir(&folder).expect("the target has seeds").flatten();
        let seeds: Vec<_> = seeds.map(|seed| seed.path()).collect();
        assert!(seeds.len() >= 5, "{} has seeds", folder.display());
        for seed in seeds {
            println!("{}", seed.display());
            door(&std::fs::read(&seed).expect("a seed can be read"));
        }
    }

    #[test]
    fn d1() {
        try_seeds("d1", super::d1_answer);
    }

    #[test]
    fn marker() {
        try_seeds("marker", super::marker_file);
    }

    #[test]
    fn s3() {
        try_seeds("s3", super::s3_answers);
    }

    #[test]
    fn schema() {
        try_seeds("schema", |seed| super::schema_text(&String::from_utf8_lossy(seed)));
    }

    #[test]
    fn settings() {
        try_seeds("settings", |seed| super::settings_file(&String::from_utf8_lossy(seed)));
    }
}
