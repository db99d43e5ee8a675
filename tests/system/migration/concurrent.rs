//! Two servers take writes while a migration runs: nothing that was acknowledged is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use serde_json::json;
use strongroom_metastore::testing::Kind;
use strongroom_tests::api::{self, SERVICES, postgres};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::write_configuration;
use strongroom_tests::{MetadataServer, scratch};

use super::Scene;
use crate::databases::token_keys;

const COUNT: u32 = 2_000;
/// Each server's writer changes each which of the services.
const EACH: u32 = 23;

/// What a writer was told to be stored: the last password of each service, `None` if that is deleted.
type Written = BTreeMap<String, Option<String>>;

/// Changes services one after the other, and makes and deletes some, until it is told to stop.
async fn write(server: &MetadataServer, writer: u32, stop: &AtomicBool) -> Written {
    let admin = server.admin().await;
    let (mut written, mut round) = (Written::new(), 0_u32);
    while !stop.load(Ordering::SeqCst) || round == 0 {
        round += 1;
        for number in (1..=COUNT).filter(|number| number % EACH == writer) {
            if stop.load(Ordering::SeqCst) && round > 1 {
                break;
            }
            let (name, password) = (services::name(number), format!("dummy {round} of writer {writer}"));
            let mut service = postgres(&name, &password);
            service["displayName"] = json!(format!("{name} in round {round}"));
            put(server, &admin, &service, &name, password, &mut written).await;
            let (name, password) =
                (format!("new{writer}x{number}"), format!("new {round} of writer {writer}"));
            put(server, &admin, &postgres(&name, &password), &name, password, &mut written).await;
            if number % 2 == 0 {
                let path = format!("{SERVICES}/name/{name}");
                let found = server.send(Method::GET, &path, &admin, None).await.expect(200);
                let path = format!("{SERVICES}/{}?hardDelete=true", found["id"].as_str().unwrap());
                let deleted = server.send(Method::DELETE, &path, &admin, None).await;
                if deleted.status == 200 {
                    written.insert(name, None);
                }
            }
        }
    }
    written
}

/// A write that is refused, since a migration has the secret in hand, was not taken; any other answer than success is a fault.
async fn put(
    server: &MetadataServer,
    admin: &str,
    service: &serde_json::Value,
    name: &str,
    password: String,
    written: &mut Written,
) {
    let answer = server.send_service(Method::PUT, admin, service).await;
    match answer.status {
        200 | 201 => {
            written.insert(name.to_owned(), Some(password));
        }
        409 => {}
        other => panic!("{other} for {name}: {}", answer.text),
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    two_servers_and_a_migration_at_once_lose_nothing: lose_nothing(),
}

async fn lose_nothing(kind: Kind) {
    let mut scene = Scene::on(kind, COUNT, &[]).await;
    scene.configuration["jwtTokenConfiguration"] = token_keys(scene.path());
    scene.configure(|_| ());
    let second = scratch();
    write_configuration(second.path(), &scene.configuration);
    let servers =
        [MetadataServer::start(scene.path(), &[]).await, MetadataServer::start(second.path(), &[]).await];
    let servers = Arc::new(servers);
    let stop = Arc::new(AtomicBool::default());
    let writers = [0, 1].map(|index: usize| {
        let (servers, stop) = (Arc::clone(&servers), Arc::clone(&stop));
        let writer = u32::try_from(index).unwrap() + 1;
        tokio::spawn(async move { write(&servers[index], writer, &stop).await })
    });

    let report = scene.migrate(&["--json"]).await;
    stop.store(true, Ordering::SeqCst);
    let mut written = Written::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    let report = report.ended_with(0).json();
    assert_eq!(report["entities"]["failed"], 0, "{report}");
    assert!(written.len() > 100, "the writers were at work: {}", written.len());

    // A service that was changed is what was acknowledged last, the others are what they were.
    let again = scene.report(&[]).await;
    assert_eq!(again["entities"]["changed"], 0, "{again}");
    for number in 1..=COUNT {
        written.entry(services::name(number)).or_insert_with(|| Some(services::password(number)));
    }
    let store = scene.store(strongroom_metastore::Access::ReadOnly).await;
    let kind = strongroom_entities::EntityKind::DatabaseService;
    let mut left: std::collections::BTreeSet<String> = scene.vault.names().await.into_iter().collect();
    for (name, expected) in written {
        let hash = strongroom_entities::name_hash(&name);
        let row = store.get_by_hash(kind, &hash).await.unwrap();
        match (row, expected) {
            (Some(row), Some(expected)) => {
                let stored = api::password(&row.json).as_str().unwrap().to_owned();
                let secret = stored.strip_prefix("secret:").unwrap_or_else(|| panic!("{name}: {stored}"));
                assert_eq!(scene.vault.secret(secret).await, Some(expected), "{name}");
                left.remove(secret);
            }
            (None, None) => {}
            (row, expected) => panic!("{name}: {:?} instead of {expected:?}", row.map(|row| row.id)),
        }
    }
    store.close().await;
    left.retain(|name| !name.contains("-bot-"));
    assert!(left.is_empty(), "no secret is orphaned: {left:?}");
}
