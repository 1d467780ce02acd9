#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| liteflare::fuzzing::settings_file(text));
