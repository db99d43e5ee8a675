#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| strongroom_ingestion::fuzzing::airflow_cfg(input));
