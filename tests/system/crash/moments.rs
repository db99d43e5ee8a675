//! A migration is killed at any moment, not only at a step.

use std::collections::BTreeSet;
use std::env;
use std::time::Duration;

use serde_json::json;
use strongroom_entities::EntityKind;
use strongroom_secrets::Random;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::fixtures::services;
use strongroom_tests::{VaultServer, scratch};
use tokio::time::{Instant, sleep};

use super::installation::{Installation, Values, label};

/// Says from which seed the moments come: for trying once more what a failed test printed.
const SEED: &str = "STRONGROOM_TEST_SEED";
const SERVICES: u32 = 60;
const ROUNDS: u32 = 5;

/// A number that looks random, made from a seed and a round (the finalizer of SplitMix64), as a part of the whole.
fn part(seed: u64, round: u32) -> f64 {
    let mut bits = seed.wrapping_add(u64::from(round).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    f64::from(u32::try_from(bits >> 32).unwrap()) / f64::from(u32::MAX)
}

/// The seed, and a note of it that is printed if the test fails.
#[allow(clippy::print_stderr, reason = "a failed test says how it can be repeated")]
fn seed() -> u64 {
    let random: &dyn Random = &SystemRandom;
    let seed = match env::var(SEED) {
        Ok(text) => text.parse().expect("a number as the seed"),
        Err(_) => u64::from_be_bytes(random.bytes()),
    };
    eprintln!("to try these moments once more: {SEED}={seed}");
    seed
}

async fn prepare<'a>(
    folder: &std::path::Path,
    vault: &'a VaultServer,
    name: &str,
) -> (Installation<'a>, Values) {
    let installation = Installation::new(folder, vault, name).await;
    services::metastore_with_services(&installation.database(), SERVICES, installation.keys()).await;
    let field = "connection.config.authType.password";
    let value = |number| {
        let service = services::name(number);
        (label(EntityKind::DatabaseService, &service, field), services::password(number))
    };
    (installation, (1..=SERVICES).map(value).collect())
}

#[tokio::test]
async fn a_migration_that_is_killed_at_any_moment_goes_on_when_it_is_run_again() {
    let seed = seed();
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let (undisturbed, values) = prepare(folder.path(), &vault, "undisturbed").await;
    let start = Instant::now();
    undisturbed.migrate().await;
    let whole = start.elapsed();
    assert_eq!(undisturbed.values().await, values);

    for round in 1..=ROUNDS {
        let (installation, values) = prepare(folder.path(), &vault, &format!("round{round}")).await;
        let delay: Duration = whole.mul_f64(part(seed, round));
        let mut running = installation.migration().start(installation.folder(), "killed");
        sleep(delay).await;
        running.kill();
        let when = format!("{SEED}={seed}, killed after {delay:?} of {whole:?}");
        assert_eq!(installation.values().await, values, "{when}: no value may be lost");

        installation.migrate().await;
        assert_eq!(installation.values().await, values, "{when}");
        installation.assert_settled(&BTreeSet::new()).await;
        let again = installation.migrate().await;
        assert_eq!(
            (&again["entities"]["changed"], &again["secrets"]["written"]),
            (&json!(0), &json!(0)),
            "{when}"
        );
    }
}
