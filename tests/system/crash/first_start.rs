//! The first start of a server is killed: at each step of what it makes there, and at any moment, while it makes its tables too, which
//! no transaction of MySQL undoes.

use std::collections::BTreeSet;

use reqwest::Method;
use strongroom_entities::EntityKind;
use strongroom_manager::crash::Step;
use strongroom_metastore::Include;
use strongroom_metastore::testing::Kind;
use strongroom_tests::api::{SERVICES, postgres};
use tokio::time::Instant;

use super::installation::{Ground, Installation};
use super::moments::{SEED, part, seed};
use super::steps::{PLACING, STORING};

const ROUNDS: u32 = 2;

/// The steps of a first start: the bot's token goes to the vault. It is killed at each of them.
pub(super) fn passed() -> Vec<Step> {
    [PLACING, STORING].concat()
}

/// Starts the server, and insists that it is as if it had never been killed.
async fn assert_starts(installation: &Installation<'_>, when: &str) {
    let server = installation.serve().await;
    let admin = server.admin().await;
    let bot = server.bot(&admin).await;
    let created = server.send_service(Method::POST, &admin, &postgres("shop", "a dummy password")).await;
    created.expect(201);
    server.send(Method::GET, &format!("{SERVICES}/name/shop"), &bot, None).await.expect(200);
    drop(server);
    let ledger = installation.ledger();
    let store = ledger.open().await;
    for (kind, expected) in [(EntityKind::User, 2), (EntityKind::Bot, 1)] {
        assert_eq!(store.count(kind, Include::All).await.unwrap(), expected, "{when}: {kind}");
    }
    ledger.close(store).await;
    installation.assert_settled(&BTreeSet::new()).await;
}

async fn killed_at_each_step(kind: Kind) {
    let mut ground = Ground::new(kind).await;
    for step in passed() {
        let installation = ground.installation(step.name()).await;
        installation.die_while_starting(step).await;
        assert_starts(&installation, &format!("killed at {} on {kind:?}", step.name())).await;
    }
}

async fn killed_at_any_moment(kind: Kind) {
    let seed = seed();
    let whole = {
        let mut ground = Ground::new(kind).await;
        let installation = ground.installation("undisturbed").await;
        let start = Instant::now();
        drop(installation.serve().await);
        start.elapsed()
    };
    for round in 1..=ROUNDS {
        // What was made before is not there.
        let mut ground = Ground::new(kind).await;
        let installation = ground.installation("killed").await;
        let after = whole.mul_f64(part(seed, round));
        installation.kill_while_starting(after).await;
        let when = format!("{SEED}={seed}, killed after {after:?} of {whole:?} on {kind:?}");
        assert_starts(&installation, &when).await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    killed_at_any_step_it_is_made_whole_by_the_next: killed_at_each_step(),
    killed_at_any_moment_it_is_made_whole_by_the_next: killed_at_any_moment(),
}

#[tokio::test]
async fn killed_at_any_moment_on_mariadb_it_is_made_whole_by_the_next() {
    killed_at_any_moment(Kind::MariaDb).await;
}
