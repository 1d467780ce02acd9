//! What a random test begins from, so that a run can be repeated and made longer. Who uses a seed prints it.

/// The setting `SEED`, else the same for every run.
pub fn seed() -> u64 {
    number("SEED", 20_261_124)
}

/// The setting `ROUNDS`: how many seeds, one after the other, a test goes through.
pub fn rounds(default: u64) -> u64 {
    number("ROUNDS", default)
}

fn number(setting: &str, default: u64) -> u64 {
    std::env::var(setting).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
