//! A server is killed at each step of a request.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use strongroom_entities::EntityKind;
use strongroom_manager::crash::Step;
use strongroom_tests::api::{SERVICES, postgres};
use strongroom_tests::{MetadataServer, VaultServer, scratch};

use super::installation::{Installation, Values, label};

const OLD: &str = "the old dummy password";
const NEW: &str = "the new dummy password";
const FIELD: &str = "authType.password";
/// The signal of a process that aborts (the same number on every Linux).
const SIGABRT: i32 = 6;

/// What somebody asks of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    /// A new service with a password.
    Create,
    /// The same, where a soft-deleted secret has the name.
    CreateOverDeleted,
    /// The same, where a secret that nobody owns has the name and the value.
    CreateByAdopting,
    /// Another password for a service, as a PUT.
    Put,
    /// Another password for a service, as a PATCH.
    Patch,
    /// No password any more.
    Clear,
    /// No service any more.
    Delete,
}

impl Request {
    pub(super) const ALL: &[Self] = &[
        Self::Create,
        Self::CreateOverDeleted,
        Self::CreateByAdopting,
        Self::Put,
        Self::Patch,
        Self::Clear,
        Self::Delete,
    ];

    /// The steps that it does not pass. It has to pass all others.
    pub(super) fn spared(self) -> &'static [Step] {
        use Step::*;
        match self {
            Self::Create | Self::Put | Self::Patch => &[
                HistoryScrubbed,
                HistoryCommitted,
                SecretRecovered,
                SecretAdopted,
                VersionVerified,
                SecretDeleted,
                IntentClaimed,
                OlderVersionSet,
                VaultPutRight,
                OldSecretDeleted,
                ValuesRenewed,
                RenewalCommitted,
            ],
            Self::CreateOverDeleted => &[
                HistoryScrubbed,
                HistoryCommitted,
                SecretAdopted,
                VersionVerified,
                SecretDeleted,
                IntentClaimed,
                OlderVersionSet,
                VaultPutRight,
                OldSecretDeleted,
                ValuesRenewed,
                RenewalCommitted,
            ],
            Self::CreateByAdopting => &[
                HistoryScrubbed,
                HistoryCommitted,
                SecretRecovered,
                VersionWritten,
                VersionVerified,
                SecretDeleted,
                IntentClaimed,
                OlderVersionSet,
                VaultPutRight,
                OldSecretDeleted,
                ValuesRenewed,
                RenewalCommitted,
            ],
            Self::Clear | Self::Delete => &[
                HistoryScrubbed,
                HistoryCommitted,
                IntentsOpened,
                BeforeRecorded,
                SecretRecovered,
                SecretAdopted,
                VersionWritten,
                VersionVerified,
                IntentClaimed,
                OlderVersionSet,
                OldSecretDeleted,
                ValuesRenewed,
                RenewalCommitted,
            ],
        }
    }

    fn creates(self) -> bool {
        matches!(self, Self::Create | Self::CreateOverDeleted | Self::CreateByAdopting)
    }

    /// The password after.
    fn after(self) -> Option<&'static str> {
        match self {
            Self::Delete => None,
            Self::Clear => Some(""),
            _ => Some(NEW),
        }
    }

    /// The status of its success.
    fn done(self) -> u16 {
        if self.creates() { 201 } else { 200 }
    }

    /// The status if it is sent once more after its success.
    fn done_before(self) -> u16 {
        match self {
            _ if self.creates() => 409,
            Self::Delete => 404,
            _ => 200,
        }
    }
}

/// Whether a request has taken effect when it passes a step.
fn has_taken_effect(step: Step) -> bool {
    match step {
        Step::IntentsOpened
        | Step::BeforeRecorded
        | Step::SecretRecovered
        | Step::SecretAdopted
        | Step::VersionWritten
        | Step::VersionVerified
        | Step::DocumentStored
        | Step::IntentClaimed
        | Step::OlderVersionSet => false,
        Step::Committed | Step::SecretDeleted | Step::VaultPutRight | Step::OldSecretDeleted => true,
        // No request passes them.
        Step::ValuesRenewed | Step::RenewalCommitted | Step::HistoryScrubbed | Step::HistoryCommitted => {
            false
        }
    }
}

/// An installation with a service, or room for one, for each time that a request is sent.
pub(super) struct Scene<'a> {
    pub(super) installation: Installation<'a>,
    request: Request,
    admin: String,
    ids: BTreeMap<String, String>,
    /// What has been acknowledged, or found to have taken effect.
    expected: Values,
    /// The secrets that were in the vault before we came.
    there_before: BTreeSet<String>,
}

impl<'a> Scene<'a> {
    /// A scene with the `services` as the request wants to find them.
    pub(super) async fn prepare(
        folder: &Path,
        vault: &'a VaultServer,
        request: Request,
        services: impl IntoIterator<Item = String>,
    ) -> Self {
        let installation = Installation::new(folder, vault, "ours").await;
        let mut server = installation.serve().await;
        let admin = server.admin().await;
        let (ids, expected, there_before) = Default::default();
        let mut this = Self { installation, request, admin, ids, expected, there_before };
        for service in services {
            this.prepare_service(&server, &service).await;
        }
        server.running().kill();
        this.expected = this.installation.values().await;
        this
    }

    async fn prepare_service(&mut self, server: &MetadataServer, service: &str) {
        match self.request {
            Request::Create => {}
            Request::CreateByAdopting => {
                let name = self.installation.secret_name(EntityKind::DatabaseService, service, FIELD);
                self.installation.vault().set(&name, NEW).await;
                self.there_before.insert(name);
            }
            Request::CreateOverDeleted => {
                self.create_old(server, service).await;
                let status = send(self.delete(server, service).bearer_auth(&self.admin)).await;
                assert_eq!(status, Ok(200), "preparing {service}");
            }
            Request::Put | Request::Patch | Request::Clear | Request::Delete => {
                self.create_old(server, service).await;
            }
        }
    }

    async fn create_old(&mut self, server: &MetadataServer, service: &str) {
        let answer = server.send_service(Method::POST, &self.admin, &postgres(service, OLD)).await;
        let id = answer.expect(201)["id"].as_str().unwrap().to_owned();
        self.ids.insert(service.to_owned(), id);
    }

    fn delete(&self, server: &MetadataServer, service: &str) -> RequestBuilder {
        let path = format!("{SERVICES}/{}?hardDelete=true", self.ids[service]);
        server.request(Method::DELETE, &path)
    }

    /// The request, for one of the services. The answer's status; an error if there is no answer.
    pub(super) async fn send(&self, server: &MetadataServer, service: &str) -> Result<u16, ()> {
        let with_body = |method, document| server.request(method, SERVICES).json(&document);
        let request = match self.request {
            Request::Create | Request::CreateOverDeleted | Request::CreateByAdopting => {
                with_body(Method::POST, postgres(service, NEW))
            }
            Request::Put => with_body(Method::PUT, postgres(service, NEW)),
            Request::Clear => with_body(Method::PUT, postgres(service, "")),
            Request::Patch => {
                let path = "/connection/config/authType/password";
                let patch = json!([{"op": "replace", "path": path, "value": NEW}]).to_string();
                server
                    .request(Method::PATCH, &format!("{SERVICES}/{}", self.ids[service]))
                    .header("content-type", "application/json-patch+json")
                    .body(patch)
            }
            Request::Delete => self.delete(server, service),
        };
        send(request.bearer_auth(&self.admin)).await
    }

    /// Sends the request to a server that dies at `step` of it.
    pub(super) async fn die_at(&self, step: Step, service: &str) {
        let mut server = self.installation.serve_until(&[step]).await;
        let answer = self.send(&server, service).await;
        assert_eq!(answer, Err(()), "{:?} did not die at {}", self.request, step.name());
        assert_eq!(server.running().end().await.signal(), Some(SIGABRT), "{}", server.running().stderr());
    }

    /// Notes that the request has taken effect for a service.
    pub(super) fn expect_effect(&mut self, service: &str) {
        let label = label(EntityKind::DatabaseService, service, &format!("connection.config.{FIELD}"));
        match self.request.after() {
            Some(password) => self.expected.insert(label, password.to_owned()),
            None => self.expected.remove(&label),
        };
    }

    /// Insists that everything is as it should be.
    pub(super) async fn assert_settled(&self, when: &str) {
        let values = self.installation.values().await;
        assert_eq!(values, self.expected, "{:?}, {when}", self.request);
        self.installation.assert_settled(&self.there_before).await;
    }
}

async fn send(request: RequestBuilder) -> Result<u16, ()> {
    request.send().await.map(|answer| answer.status().as_u16()).map_err(|_| ())
}

/// The service that a request is about which dies at a step. Its name is plain, so that its secret's name is.
pub(super) fn service(step: Step) -> String {
    step.name().replace('-', "")
}

async fn killed_at_each_step(request: Request) {
    const UNHARMED: &str = "unharmed";
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let passed: Vec<Step> =
        Step::ALL.iter().copied().filter(|step| !request.spared().contains(step)).collect();
    let services = passed.iter().map(|step| service(*step)).chain([UNHARMED.to_owned()]);
    let mut scene = Scene::prepare(folder.path(), &vault, request, services).await;

    let server = scene.installation.serve_until(request.spared()).await;
    assert_eq!(scene.send(&server, UNHARMED).await, Ok(request.done()), "{request:?} passes a spared step");
    drop(server);
    scene.expect_effect(UNHARMED);

    for step in passed {
        let service = service(step);
        scene.die_at(step, &service).await;
        let server = scene.installation.serve().await;
        if has_taken_effect(step) {
            scene.expect_effect(&service);
        }
        scene.assert_settled(&format!("killed at {}", step.name())).await;

        let status = if has_taken_effect(step) { request.done_before() } else { request.done() };
        assert_eq!(
            scene.send(&server, &service).await,
            Ok(status),
            "{request:?} repeated after {}",
            step.name()
        );
        scene.expect_effect(&service);
        scene.assert_settled(&format!("repeated after a crash at {}", step.name())).await;
    }
}

#[tokio::test]
async fn a_service_is_created_or_not() {
    killed_at_each_step(Request::Create).await;
}

#[tokio::test]
async fn a_service_is_created_or_not_over_a_soft_deleted_secret() {
    killed_at_each_step(Request::CreateOverDeleted).await;
}

#[tokio::test]
async fn a_service_is_created_or_not_with_a_secret_that_was_there() {
    killed_at_each_step(Request::CreateByAdopting).await;
}

#[tokio::test]
async fn a_put_changes_the_password_or_not() {
    killed_at_each_step(Request::Put).await;
}

#[tokio::test]
async fn a_patch_changes_the_password_or_not() {
    killed_at_each_step(Request::Patch).await;
}

#[tokio::test]
async fn a_password_is_cleared_or_not() {
    killed_at_each_step(Request::Clear).await;
}

#[tokio::test]
async fn a_service_is_deleted_or_not() {
    killed_at_each_step(Request::Delete).await;
}
