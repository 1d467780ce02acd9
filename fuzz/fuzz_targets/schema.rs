#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| liteflare::fuzzing::schema_text(text));
