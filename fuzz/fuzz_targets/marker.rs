#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| liteflare::fuzzing::marker_file(input));
