//! A server is killed at each step of a request.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use strongroom_entities::EntityKind;
use strongroom_manager::crash::Step;
use strongroom_metastore::testing::Kind;
use strongroom_tests::MetadataServer;
use strongroom_tests::api::{SERVICES, postgres};

use super::installation::{Ground, Installation};
use super::ledger::{Values, label};
use super::steps::{PLACING, STORING, others};

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
    /// The same, where a secret that nobody owns has the name and another value: it is refused.
    CreateInVain,
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
        Self::CreateInVain,
        Self::Put,
        Self::Patch,
        Self::Clear,
        Self::Delete,
    ];

    /// The steps that it passes. The server is killed at each of them.
    pub(super) fn passed(self) -> Vec<Step> {
        use Step::*;
        match self {
            Self::Create | Self::Put | Self::Patch => [PLACING, STORING].concat(),
            Self::CreateOverDeleted => [PLACING, STORING, &[SecretRecovered]].concat(),
            Self::CreateByAdopting => [STORING, &[IntentsOpened, BeforeRecorded, SecretAdopted]].concat(),
            Self::CreateInVain => vec![IntentsOpened, IntentReleased, BeforeRecorded],
            Self::Clear | Self::Delete => [STORING, &[SecretDeleted, VaultPutRight, IntentSettled]].concat(),
        }
    }

    fn creates(self) -> bool {
        matches!(self, Self::Create | Self::CreateOverDeleted | Self::CreateByAdopting)
    }

    /// The password after.
    fn after(self) -> Option<&'static str> {
        match self {
            Self::Delete | Self::CreateInVain => None,
            Self::Clear => Some(""),
            _ => Some(NEW),
        }
    }

    /// The status of its success.
    fn done(self) -> u16 {
        match self {
            _ if self.creates() => 201,
            Self::CreateInVain => 409,
            _ => 200,
        }
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

/// Whether a request has taken effect that has passed a step.
fn has_taken_effect(step: Step) -> bool {
    matches!(step, Step::Committed | Step::SecretDeleted | Step::VaultPutRight | Step::IntentSettled)
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
        ground: &'a mut Ground,
        request: Request,
        services: impl IntoIterator<Item = String>,
    ) -> Self {
        let installation = ground.installation("ours").await;
        let mut server = installation.serve().await;
        let admin = server.admin().await;
        let (ids, expected, there_before) = Default::default();
        let mut this = Self { installation, request, admin, ids, expected, there_before };
        for service in services {
            this.prepare_service(&server, &service).await;
        }
        server.running().kill();
        this.expected = this.installation.ledger().values().await;
        this
    }

    async fn prepare_service(&mut self, server: &MetadataServer, service: &str) {
        match self.request {
            Request::Create => {}
            Request::CreateByAdopting | Request::CreateInVain => {
                let name = self.installation.secret_name(EntityKind::DatabaseService, service, FIELD);
                let is_the_same = self.request == Request::CreateByAdopting;
                let value = if is_the_same { NEW } else { "what somebody uses elsewhere" };
                self.installation.vault().set(&name, value).await;
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
            Request::Create
            | Request::CreateOverDeleted
            | Request::CreateByAdopting
            | Request::CreateInVain => with_body(Method::POST, postgres(service, NEW)),
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
        let when = format!("{:?}, {when}, on {:?}", self.request, self.installation.kind());
        self.installation.assert_values(&self.expected, &when).await;
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

async fn killed_at_each_step(kind: Kind, request: Request) {
    const UNHARMED: &str = "unharmed";
    let mut ground = Ground::new(kind).await;
    let passed = request.passed();
    let services = passed.iter().map(|step| service(*step)).chain([UNHARMED.to_owned()]);
    let mut scene = Scene::prepare(&mut ground, request, services).await;

    let server = scene.installation.serve_until(&others(&passed)).await;
    assert_eq!(scene.send(&server, UNHARMED).await, Ok(request.done()), "{request:?} passes another step");
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
        let repeated = scene.send(&server, &service).await;
        assert_eq!(repeated, Ok(status), "{request:?} repeated after {}", step.name());
        scene.expect_effect(&service);
        scene.assert_settled(&format!("repeated after a crash at {}", step.name())).await;
    }
}

on_each! {
    [on_sqlite, on_postgresql, on_mysql]
    a_service_is_created_or_not: killed_at_each_step(Request::Create),
    a_service_is_created_or_not_over_a_soft_deleted_secret: killed_at_each_step(Request::CreateOverDeleted),
    a_service_is_created_or_not_with_a_secret_that_was_there: killed_at_each_step(Request::CreateByAdopting),
    a_service_is_refused_whose_name_another_has: killed_at_each_step(Request::CreateInVain),
    a_put_changes_the_password_or_not: killed_at_each_step(Request::Put),
    a_patch_changes_the_password_or_not: killed_at_each_step(Request::Patch),
    a_password_is_cleared_or_not: killed_at_each_step(Request::Clear),
    a_service_is_deleted_or_not: killed_at_each_step(Request::Delete),
}

#[tokio::test]
async fn a_put_changes_the_password_or_not_on_mariadb() {
    killed_at_each_step(Kind::MariaDb, Request::Put).await;
}

#[tokio::test]
async fn a_service_is_deleted_or_not_on_mariadb() {
    killed_at_each_step(Kind::MariaDb, Request::Delete).await;
}
