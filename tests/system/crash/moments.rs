//! A migration is killed at any moment, not only at a step.

use std::env;
use std::time::Duration;

use strongroom_metastore::testing::Kind;
use strongroom_secrets::Random;
use strongroom_secrets::random::SystemRandom;
use tokio::time::{Instant, sleep};

use super::installation::Ground;
use super::migration::assert_converges;

/// Says from which seed the moments come: for trying once more what a failed test printed.
pub(super) const SEED: &str = "STRONGROOM_TEST_SEED";
const SERVICES: u32 = 60;
const ROUNDS: u32 = 5;
const MIGRATE: &[&str] = &["migrate-secrets"];

/// A number that looks random, made from a seed and a round (the finalizer of SplitMix64), as a part of the whole.
pub(super) fn part(seed: u64, round: u32) -> f64 {
    let mut bits = seed.wrapping_add(u64::from(round).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    f64::from(u32::try_from(bits >> 32).unwrap()) / f64::from(u32::MAX)
}

/// The seed, and a note of it that is printed if the test fails.
#[allow(clippy::print_stderr, reason = "a failed test says how it can be repeated")]
pub(super) fn seed() -> u64 {
    let random: &dyn Random = &SystemRandom;
    let seed = match env::var(SEED) {
        Ok(text) => text.parse().expect("a number as the seed"),
        Err(_) => u64::from_be_bytes(random.bytes()),
    };
    eprintln!("to try these moments once more: {SEED}={seed}");
    seed
}

async fn killed_at_any_moment(kind: Kind) {
    let seed = seed();
    let mut ground = Ground::new(kind).await;
    let whole = {
        let undisturbed = ground.installation("undisturbed").await;
        let values = undisturbed.fill(SERVICES).await;
        let start = Instant::now();
        undisturbed.run(MIGRATE).await;
        let whole = start.elapsed();
        undisturbed.assert_values(&values, "undisturbed").await;
        whole
    };
    for round in 1..=ROUNDS {
        let installation = ground.installation(&format!("round{round}")).await;
        let values = installation.fill(SERVICES).await;
        let delay: Duration = whole.mul_f64(part(seed, round));
        let mut running = installation.program(MIGRATE).start(installation.folder(), "killed");
        sleep(delay).await;
        running.kill();
        let when = format!("{SEED}={seed}, killed after {delay:?} of {whole:?} on {kind:?}");
        assert_converges(&installation, &values, &when).await;
        installation.assert_done(MIGRATE, &when).await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    a_migration_that_is_killed_at_any_moment_goes_on_when_it_is_run_again: killed_at_any_moment(),
}
