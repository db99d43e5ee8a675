//! The fuzz targets on stable Rust: the kept corpus, and what can be made of it, for some seconds each.
//!
//! `cargo xtask fuzz` runs the same functions under a fuzzer that watches coverage: `programs` holds what it starts. The functions
//! are in the crates, beside what they call, in modules `fuzzing`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "a test tells how much it has tried")]

mod corpus;
mod mutation;

use std::sync::Once;

use proptest::test_runner::{Config, TestError, TestRunner};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use strongroom_secrets::Clock;
use strongroom_secrets::clock::SystemClock;

/// How long each target runs, in seconds, unless `STRONGROOM_FUZZ_SECONDS` says otherwise.
const SECONDS: i64 = 10;

/// How many inputs are made between two looks at the clock.
const BATCH: u32 = 50;

/// The longest that one input may take, on a busy machine too.
const SLOWEST: i64 = 10_000;

/// What all targets together may have of memory at a time, in bytes. Their inputs have some kilobytes.
const MEMORY: u64 = 1 << 30;

#[test]
fn airflow_cfg() {
    fuzz("airflow_cfg");
}

#[test]
fn airflow_expansion() {
    fuzz("airflow_expansion");
}

#[test]
fn backup_blob() {
    fuzz("backup_blob");
}

#[test]
fn bearer_token() {
    fuzz("bearer_token");
}

#[test]
fn continuation_token() {
    fuzz("continuation_token");
}

#[test]
fn form_body() {
    fuzz("form_body");
}

#[test]
fn request_body() {
    fuzz("request_body");
}

#[test]
fn variables() {
    fuzz("variables");
}

#[test]
fn workflow_json() {
    fuzz("workflow_json");
}

#[test]
fn workflow_yaml() {
    fuzz("workflow_yaml");
}

#[test]
fn every_target_has_a_test_a_corpus_and_a_program_for_the_fuzzer() {
    let mut names: Vec<_> = targets().map(|(name, _)| name.to_owned()).collect();
    names.sort();
    let names_in = |folder: &str| {
        let mut names: Vec<_> = std::fs::read_dir(corpus::folder().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names_in("corpus"), names);
    assert_eq!(names_in("programs/targets"), names);
    let own = include_str!("main.rs");
    assert!(names.iter().all(|name| own.contains(&format!("#[test]\nfn {name}() {{"))));
}

/// A function that takes any bytes.
type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
fn targets() -> impl Iterator<Item = (&'static str, Target)> {
    let config = strongroom_config::fuzzing::TARGETS.into_iter();
    config.chain(strongroom_ingestion::fuzzing::TARGETS).chain(strongroom_vault::fuzzing::TARGETS)
}

/// Runs a target with every kept input, then with what is made of them until the time is up.
fn fuzz(name: &str) {
    bound_memory();
    let (_, target) = targets().find(|(known, _)| *known == name).unwrap();
    let corpus = corpus::read(name);
    for (path, input) in &corpus {
        let done = std::panic::catch_unwind(|| timed(target, input));
        assert!(done.is_ok(), "{name} fails with {}", path.display());
    }

    let seconds =
        std::env::var("STRONGROOM_FUZZ_SECONDS").map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let end = SystemClock.now_millis() + seconds * 1000;
    let inputs = mutation::inputs(corpus.into_iter().map(|(_, input)| input).collect());
    let config =
        Config { cases: BATCH, failure_persistence: None, max_shrink_time: 30_000, ..Config::default() };
    let mut count = 0;
    while SystemClock.now_millis() < end {
        let done = TestRunner::new(config.clone()).run(&inputs, |input| {
            timed(target, &input);
            Ok(())
        });
        match done {
            Ok(()) => count += BATCH,
            Err(TestError::Fail(reason, input)) => {
                let path = corpus::keep_aside(name, &input);
                panic!(
                    "{name} fails: {reason}\nThe input is in {}. Once this is mended, keep it in {}.",
                    path.display(),
                    corpus::folder().join("corpus").join(name).display()
                );
            }
            Err(TestError::Abort(reason)) => panic!("{name}: no inputs: {reason}"),
        }
    }
    println!("{name}: {count} generated inputs in {seconds} s");
    assert!(count > 0 || seconds == 0);
}

fn timed(target: Target, input: &[u8]) {
    let start = SystemClock.now_millis();
    target(input);
    let took = SystemClock.now_millis() - start;
    assert!(took < SLOWEST, "an input of {} bytes took {took} ms", input.len());
}

/// Beyond the bound an allocation fails, and the process with it.
fn bound_memory() {
    static BOUND: Once = Once::new();
    BOUND.call_once(|| {
        let Rlimit { maximum, .. } = getrlimit(Resource::Data);
        setrlimit(Resource::Data, Rlimit { current: Some(MEMORY), maximum }).unwrap();
    });
}
