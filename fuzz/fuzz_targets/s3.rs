#![no_main]

libfuzzer_sys::fuzz_target!(|answer: &[u8]| liteflare::fuzzing::s3_answers(answer));
