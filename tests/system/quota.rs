//! A vault's quota, shared by processes that know nothing of each other.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::Value;
use strongroom_secrets::Clock;
use strongroom_secrets::clock::SystemClock;
use strongroom_tests::fixtures::services;
use strongroom_tests::vault::OFFICER;
use strongroom_tests::{Program, VaultServer, metadata, scratch};

/// How many processes create how many secrets each.
const PROCESSES: u32 = 4;
const EACH: u32 = 300;

/// Azure's quota of creations, and what it is for, in seconds.
const QUOTA: u32 = 300;
const WINDOW: i64 = 10;

#[tokio::test(flavor = "multi_thread")]
async fn four_migrations_share_azures_quota_without_a_failure_and_in_about_the_least_time() {
    let folder = scratch();
    let vault = VaultServer::start_as(folder.path(), &["--quota", "azure"]).await;
    let mut migrations = Vec::new();
    for number in 1..=PROCESSES {
        let folder = folder.path().join(format!("team{number}"));
        std::fs::create_dir(&folder).unwrap();
        let (key, _) = services::data_with_services(&folder, EACH).await;
        let mut configuration = metadata::configuration(&vault, key.expose());
        configuration["clusterName"] = Value::from(format!("team{number}"));
        metadata::write_configuration(&folder, &configuration);
        let arguments = ["migrate-secrets", "-c", metadata::CONFIG, "--data-dir", "data", "--json"];
        migrations.push(Program::new(&folder).args(arguments).run());
    }

    let finished = join_all(migrations).await;
    let end = SystemClock.now_millis();

    for migration in finished {
        let report = migration.ended_with(0).json();
        assert_eq!(report["secrets"]["written"], EACH, "{report}");
        assert_eq!(report["secrets"]["verified"], EACH, "{report}");
    }
    let created = creations(&vault).await;
    assert_eq!(created.len(), (PROCESSES * EACH) as usize);
    let first_window = created.iter().min().unwrap().div_euclid(WINDOW) * WINDOW;
    let took = Duration::from_millis(u64::try_from(end - first_window * 1000).unwrap());
    let least = f64::from((PROCESSES * EACH).div_ceil(QUOTA) - 1) * WINDOW as f64;
    let bound = Duration::from_secs_f64(1.1 * least + WINDOW as f64);
    assert!(took <= bound, "{took:?} from the first window's start, {bound:?} at most");
    // The quota was there, and a window took no more.
    for window in 0..=took.as_secs() as i64 / WINDOW {
        let start = first_window + window * WINDOW;
        let within = created.iter().filter(|at| (start..start + WINDOW).contains(*at)).count();
        assert!(within <= QUOTA as usize, "{within} in one window");
    }
}

/// When each secret was made, in Unix seconds.
async fn creations(vault: &VaultServer) -> Vec<i64> {
    let (client, token) = (vault.client(), vault.token(&OFFICER).await);
    let mut created = Vec::new();
    let mut request = vault.request(&OFFICER, Method::GET, "/secrets").await;
    loop {
        let page: Value = request.send().await.unwrap().json().await.unwrap();
        let items = page["value"].as_array().unwrap().iter();
        created.extend(items.map(|item| item["attributes"]["created"].as_i64().unwrap()));
        let Some(next) = page["nextLink"].as_str() else { return created };
        request = client.get(next).bearer_auth(&token);
    }
}
