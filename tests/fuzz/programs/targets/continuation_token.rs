#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| strongroom_vault::fuzzing::continuation_token(input));
