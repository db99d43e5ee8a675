//! A server is killed at each step of putting right what an earlier crash left.

use strongroom_manager::crash::Step;
use strongroom_tests::{VaultServer, scratch};

use super::requests::{Request, Scene, service};

/// What the first crash left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The first version of a secret, to which no row refers.
    FirstVersion,
    /// A secret that was recovered, to which no row refers.
    Recovered,
    /// A newer version than the one that the row means.
    NewerVersion,
    /// A secret to which no row refers any more.
    Unreferenced,
}

impl Left {
    pub(super) const ALL: &[Self] =
        &[Self::FirstVersion, Self::Recovered, Self::NewerVersion, Self::Unreferenced];

    /// How it came about.
    fn crash(self) -> (Request, Step) {
        match self {
            Self::FirstVersion => (Request::Create, Step::VersionWritten),
            Self::Recovered => (Request::CreateOverDeleted, Step::SecretRecovered),
            Self::NewerVersion => (Request::Put, Step::VersionWritten),
            Self::Unreferenced => (Request::Delete, Step::Committed),
        }
    }

    /// The steps that settling it does not pass. It has to pass all others.
    pub(super) fn spared(self) -> &'static [Step] {
        use Step::*;
        match self {
            Self::FirstVersion | Self::Recovered | Self::Unreferenced => &[
                HistoryScrubbed,
                HistoryCommitted,
                IntentsOpened,
                BeforeRecorded,
                SecretRecovered,
                SecretAdopted,
                VersionWritten,
                VersionVerified,
                DocumentStored,
                Committed,
                OlderVersionSet,
                OldSecretDeleted,
                ValuesRenewed,
                RenewalCommitted,
            ],
            Self::NewerVersion => &[
                HistoryScrubbed,
                HistoryCommitted,
                IntentsOpened,
                BeforeRecorded,
                SecretRecovered,
                SecretAdopted,
                VersionWritten,
                VersionVerified,
                DocumentStored,
                Committed,
                SecretDeleted,
                OldSecretDeleted,
                ValuesRenewed,
                RenewalCommitted,
            ],
        }
    }
}

async fn killed_while_settling(left: Left) {
    const UNHARMED: &str = "unharmed";
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let (request, first) = left.crash();
    let has_taken_effect = left == Left::Unreferenced;
    let passed: Vec<Step> = Step::ALL.iter().copied().filter(|step| !left.spared().contains(step)).collect();
    let services = passed.iter().map(|step| service(*step)).chain([UNHARMED.to_owned()]);
    let mut scene = Scene::prepare(folder.path(), &vault, request, services).await;

    scene.die_at(first, UNHARMED).await;
    if has_taken_effect {
        scene.expect_effect(UNHARMED);
    }
    drop(scene.installation.serve_until(left.spared()).await);
    scene.assert_settled("settled without passing a spared step").await;

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

#[tokio::test]
async fn a_first_version_is_deleted_in_the_end() {
    killed_while_settling(Left::FirstVersion).await;
}

#[tokio::test]
async fn a_recovered_secret_is_deleted_in_the_end() {
    killed_while_settling(Left::Recovered).await;
}

#[tokio::test]
async fn an_older_version_is_set_again_in_the_end() {
    killed_while_settling(Left::NewerVersion).await;
}

#[tokio::test]
async fn a_secret_without_a_reference_is_deleted_in_the_end() {
    killed_while_settling(Left::Unreferenced).await;
}
