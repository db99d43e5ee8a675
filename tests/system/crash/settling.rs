//! A server is killed at each step of putting right what an earlier crash left.

use strongroom_manager::crash::Step;
use strongroom_metastore::testing::Kind;

use super::installation::Ground;
use super::requests::{Request, Scene, service};
use super::steps::others;

/// What the first crash left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The first version of a secret, to which no row refers.
    FirstVersion,
    /// A secret that was recovered, to which no row refers.
    Recovered,
    /// A secret of somebody else with our tags on it, to which no row refers.
    Adopted,
    /// A newer version than the one that the row means.
    NewerVersion,
    /// A secret to which no row refers any more.
    Unreferenced,
}

impl Left {
    pub(super) const ALL: &[Self] =
        &[Self::FirstVersion, Self::Recovered, Self::Adopted, Self::NewerVersion, Self::Unreferenced];

    /// How it came about.
    fn crash(self) -> (Request, Step) {
        match self {
            Self::FirstVersion => (Request::Create, Step::VersionWritten),
            Self::Recovered => (Request::CreateOverDeleted, Step::SecretRecovered),
            Self::Adopted => (Request::CreateByAdopting, Step::SecretAdopted),
            Self::NewerVersion => (Request::Put, Step::VersionWritten),
            Self::Unreferenced => (Request::Delete, Step::Committed),
        }
    }

    /// The steps that settling it passes. The server is killed at each of them.
    pub(super) fn passed(self) -> Vec<Step> {
        let own = match self {
            Self::FirstVersion | Self::Recovered | Self::Unreferenced => &[Step::SecretDeleted][..],
            Self::NewerVersion => &[Step::OlderVersionSet],
            Self::Adopted => &[],
        };
        [own, &[Step::IntentClaimed, Step::VaultPutRight, Step::IntentSettled]].concat()
    }
}

async fn killed_while_settling(kind: Kind, left: Left) {
    const UNHARMED: &str = "unharmed";
    let mut ground = Ground::new(kind).await;
    let (request, first) = left.crash();
    let has_taken_effect = left == Left::Unreferenced;
    let passed = left.passed();
    let services = passed.iter().map(|step| service(*step)).chain([UNHARMED.to_owned()]);
    let mut scene = Scene::prepare(&mut ground, request, services).await;

    scene.die_at(first, UNHARMED).await;
    if has_taken_effect {
        scene.expect_effect(UNHARMED);
    }
    drop(scene.installation.serve_until(&others(&passed)).await);
    scene.assert_settled("settled without passing another step").await;

    for step in passed {
        let service = service(step);
        scene.die_at(first, &service).await;
        if has_taken_effect {
            scene.expect_effect(&service);
        }
        scene.installation.die_while_starting(step).await;
        drop(scene.installation.serve().await);
        scene.assert_settled(&format!("killed at {}", step.name())).await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    a_first_version_is_deleted_in_the_end: killed_while_settling(Left::FirstVersion),
    a_recovered_secret_is_deleted_in_the_end: killed_while_settling(Left::Recovered),
    an_adopted_secret_is_nobodys_in_the_end: killed_while_settling(Left::Adopted),
    an_older_version_is_set_again_in_the_end: killed_while_settling(Left::NewerVersion),
    a_secret_without_a_reference_is_deleted_in_the_end: killed_while_settling(Left::Unreferenced),
}
