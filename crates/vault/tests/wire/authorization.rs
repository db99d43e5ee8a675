//! The authorization matrix: every route of the data plane × every caller × their own vault and another × every way in which
//! a token can be wrong. The routes come from the code, so that one without a row here fails.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use strongroom_vault::{
    Operation, PrincipalSettings, RoleAssignment, RoleSettings, RouteInfo, VaultConfig, routes,
};

use crate::harness::{OFFICER, OFFICER_SECRET, Session, TENANT, TestVault, config};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Officer,
    User,
    Reader,
    Administrator,
    /// A role of one's own: set and backup.
    Custom,
    /// Nothing at all.
    None,
}

use Role::{Administrator, Custom, Officer, Reader, User};

const ROLES: [Role; 6] = [Officer, User, Reader, Administrator, Custom, Role::None];

/// What there is of a secret before a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Deleted,
    /// Purged, with a backup in the caller's hands.
    BackedUp,
}

/// What the matrix says of an operation.
struct Cell {
    action: &'static str,
    given: State,
    granted: &'static [Role],
    /// The answer to who is allowed it.
    status: u16,
}

/// The matrix. An operation that is not in it does not compile.
fn cell(operation: Operation) -> Cell {
    let cell = |action, given, granted, status| Cell { action, given, granted, status };
    let everybody: &[Role] = &[Officer, User, Reader, Administrator];
    match operation {
        Operation::SetSecret => cell("setSecret/action", State::Live, &[Officer, Administrator, Custom], 200),
        Operation::GetSecret => cell("getSecret/action", State::Live, &[Officer, User, Administrator], 200),
        Operation::UpdateSecret => cell("update/action", State::Live, &[Officer, Administrator], 200),
        Operation::DeleteSecret => cell("delete", State::Live, &[Officer, Administrator], 200),
        Operation::ListSecrets => cell("readMetadata/action", State::Live, everybody, 200),
        Operation::ListVersions => cell("readMetadata/action", State::Live, everybody, 200),
        Operation::ListDeleted => cell("readMetadata/action", State::Deleted, everybody, 200),
        Operation::GetDeleted => cell("readMetadata/action", State::Deleted, everybody, 200),
        Operation::PurgeDeleted => cell("purge/action", State::Deleted, &[Officer, Administrator], 204),
        Operation::RecoverDeleted => cell("recover/action", State::Deleted, &[Officer, Administrator], 200),
        Operation::BackupSecret => cell("backup/action", State::Live, &[Officer, Administrator, Custom], 200),
        Operation::RestoreSecret => cell("restore/action", State::BackedUp, &[Officer, Administrator], 200),
    }
}

/// The routes that the rows below were written for.
const KNOWN: &[(&str, &str)] = &[
    ("GET", "/secrets"),
    ("POST", "/secrets/restore"),
    ("PUT", "/secrets/{name}"),
    ("GET", "/secrets/{name}"),
    ("PATCH", "/secrets/{name}"),
    ("DELETE", "/secrets/{name}"),
    ("GET", "/secrets/{name}/versions"),
    ("POST", "/secrets/{name}/backup"),
    ("GET", "/secrets/{name}/{version}"),
    ("PATCH", "/secrets/{name}/{version}"),
    ("GET", "/deletedsecrets"),
    ("GET", "/deletedsecrets/{name}"),
    ("DELETE", "/deletedsecrets/{name}"),
    ("POST", "/deletedsecrets/{name}/recover"),
];

#[test]
fn every_route_is_in_the_matrix() {
    let routes = routes();
    let found: Vec<_> = routes.iter().map(|route| (route.method, route.path.as_str())).collect();
    assert_eq!(found, KNOWN);
}

const VAULTS: [&str; 2] = ["v1", "v2"];

fn client_id(role: Role) -> String {
    format!("aaaaaaaa-0000-0000-0000-00000000000{}", role as u8)
}

fn matrix_config() -> VaultConfig {
    let mut config = config();
    config.roles.push(RoleSettings {
        name: "Setter".into(),
        actions: ["setSecret", "backup"]
            .map(|it| format!("Microsoft.KeyVault/vaults/secrets/{it}/action"))
            .into(),
    });
    for role in ROLES {
        let name = match role {
            Officer => "Key Vault Secrets Officer",
            User => "Key Vault Secrets User",
            Reader => "Key Vault Reader",
            Administrator => "Key Vault Administrator",
            Custom => "Setter",
            Role::None => "",
        };
        config.principals.push(PrincipalSettings {
            name: format!("{role:?}"),
            client_id: client_id(role),
            client_secret: Some("hunter2".into()),
            roles: if name.is_empty() { vec![] } else { vec![RoleAssignment::new("v1", name)] },
            ..PrincipalSettings::default()
        });
    }
    // Who prepares secrets and looks at them, in both vaults.
    let owner = config.principals.iter_mut().find(|known| known.client_id == OFFICER).unwrap();
    owner.roles = VAULTS.map(|vault| RoleAssignment::new(vault, "Key Vault Administrator")).into();
    config
}

/// A vault, and secrets that a call can be tried on.
struct Scene<'a> {
    owner: Session<'a>,
    count: u32,
}

/// A secret in the state that a call expects.
struct Prepared {
    name: String,
    version: String,
    blob: String,
}

impl<'a> Scene<'a> {
    fn new(owner: Session<'a>) -> Self {
        Self { owner, count: 0 }
    }

    async fn prepare(&mut self, state: State) -> Prepared {
        self.count += 1;
        let name = format!("s{}", self.count);
        let version = self.owner.set(&name, "hunter2").await;
        let mut blob = String::new();
        if state == State::BackedUp {
            let backup = self.owner.post(&format!("/secrets/{name}/backup")).await.is(200);
            blob = backup["value"].as_str().unwrap().to_owned();
        }
        if state != State::Live {
            self.owner.delete(&format!("/secrets/{name}")).await.is(200);
        }
        if state == State::BackedUp {
            assert_eq!(self.owner.delete(&format!("/deletedsecrets/{name}")).await.status, 204);
        }
        Prepared { name, version, blob }
    }

    /// All that there is to be known of a secret.
    async fn look(&self, name: &str) -> (Value, Value, Value) {
        (
            self.owner.get(&format!("/secrets/{name}")).await.body,
            self.owner.get(&format!("/secrets/{name}/versions")).await.body,
            self.owner.get(&format!("/deletedsecrets/{name}")).await.body,
        )
    }
}

/// Sends the route's request about a secret.
async fn call(session: &Session<'_>, route: &RouteInfo, secret: &Prepared) -> crate::harness::Answer {
    let path = route.path.replace("{name}", &secret.name).replace("{version}", &secret.version);
    let body = match route.operation {
        Operation::RestoreSecret => json!({ "value": secret.blob }),
        _ => json!({"value": "new", "contentType": "new"}),
    };
    session.send(route.method.parse::<Method>().unwrap(), &path, Some(body)).await
}

#[tokio::test]
async fn each_role_may_do_what_it_grants_in_its_own_vault_and_nothing_in_another() {
    let vault = TestVault::start_as(matrix_config(), |_| {}).await;
    for at in VAULTS {
        let mut scene = Scene::new(vault.officer().await.at(at));
        for role in ROLES {
            let mut session = vault.officer().await.at(at);
            session.token = vault.token(&client_id(role), "hunter2").await;
            for route in routes() {
                let cell = cell(route.operation);
                let allowed = at == "v1" && cell.granted.contains(&role);
                let secret = scene.prepare(cell.given).await;
                let before = scene.look(&secret.name).await;
                let answer = call(&session, &route, &secret).await;
                let what = format!("{role:?} {} {} at {at}", route.method, route.path);
                if allowed {
                    assert_eq!(answer.status, cell.status, "{what}: {}", answer.body);
                    continue;
                }
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{what}: {}", answer.body);
                assert!(!answer.body.to_string().contains("hunter2"), "{what}");
                let message = answer.fails(403, "Forbidden", Some("ForbiddenByRbac"));
                let action = format!("Action: 'Microsoft.KeyVault/vaults/secrets/{}'", cell.action);
                assert!(message.contains(&action), "{what}: {message}");
                assert!(message.contains(&format!("appid={}", client_id(role))), "{what}: {message}");
                assert!(message.contains(&format!("Vault: {at}.")), "{what}: {message}");
                assert_eq!(scene.look(&secret.name).await, before, "{what} changed something");
            }
        }
    }
}

/// Tokens that were good once or look as if they were, by what is wrong with them.
fn wrong_tokens(good: &str, others: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let parts: Vec<_> = good.split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    let decode =
        |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let mut none = decode(header);
    none["alg"] = "none".into();
    let mut promoted = decode(claims);
    promoted["appid"] = client_id(Administrator).into();
    promoted["nonce"] = "so that it differs from the administrator's own".into();
    let mut altered = signature.to_owned();
    altered.replace_range(..1, if altered.starts_with('A') { "B" } else { "A" });
    let mut wrong = vec![
        ("alg none, no signature", format!("{}.{claims}.", encode(&none))),
        ("alg none, the old signature", format!("{}.{claims}.{signature}", encode(&none))),
        ("altered signature", format!("{header}.{claims}.{altered}")),
        ("altered claims", format!("{header}.{}.{signature}", encode(&promoted))),
        ("no signature", format!("{header}.{claims}.")),
        ("two parts", format!("{header}.{claims}")),
        ("thousands of dots", ".".repeat(7000)),
    ];
    wrong.extend(others.iter().map(|(what, token)| (*what, (*token).to_owned())));
    wrong
}

#[tokio::test]
async fn no_wrong_token_opens_any_route_whoever_it_was_for() {
    // A tenant that issues tokens before the restart and is not served after it: another issuer, with a good signature.
    let vault = TestVault::start_as(matrix_config(), |_| {}).await;
    let mut foreign = Vec::new();
    for role in ROLES {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &client_id(role)),
            ("client_secret", "hunter2"),
            ("scope", "https://vault.azure.net/.default"),
        ];
        let answer = vault.post_form(&format!("/{TENANT}/oauth2/v2.0/token"), &form).await.is(200);
        foreign.push(answer["access_token"].as_str().unwrap().to_owned());
    }
    let mut config = matrix_config();
    config.tenants.retain(|tenant| tenant != TENANT);
    let vault = vault.restart_with(config).await;
    let elsewhere = TestVault::start_as(matrix_config(), |_| {}).await;

    let mut expired = Vec::new();
    for role in ROLES {
        expired.push(vault.token(&client_id(role), "hunter2").await);
    }
    vault.clock.advance_millis(2 * 3_600_000);

    let mut scene = Scene::new(vault.officer().await);
    let mut session = vault.officer().await;
    for (index, role) in ROLES.into_iter().enumerate() {
        let id = client_id(role);
        let good = vault.token(&id, "hunter2").await;
        let others = [
            ("expired", expired[index].as_str()),
            ("another issuer", &foreign[index]),
            (
                "another audience",
                &vault.token_for(&id, "hunter2", "https://management.azure.com/.default").await,
            ),
            ("another service", &elsewhere.token(&id, "hunter2").await),
        ];
        for (what, token) in wrong_tokens(&good, &others) {
            session.token = token;
            for route in routes() {
                let who = format!("{role:?} with a token of: {what}");
                let message = refused(&mut scene, &session, &route, &who).await;
                let code = match what {
                    "another issuer" => "AKV10032",
                    "another audience" => "AKV10022",
                    _ => "",
                };
                assert!(message.starts_with(code), "{who}: {message}");
            }
        }
    }
}

#[tokio::test]
async fn without_a_token_every_route_answers_with_the_challenge() {
    let vault = TestVault::start_as(matrix_config(), |_| {}).await;
    let mut scene = Scene::new(vault.officer().await);
    let mut session = vault.officer().await;
    session.token = String::new();
    for route in routes() {
        refused(&mut scene, &session, &route, "nobody").await;
    }
}

/// Asserts that a route answers 401 with the challenge, and that nothing has happened.
async fn refused(scene: &mut Scene<'_>, session: &Session<'_>, route: &RouteInfo, who: &str) -> String {
    let secret = scene.prepare(cell(route.operation).given).await;
    let before = scene.look(&secret.name).await;
    let answer = call(session, route, &secret).await;
    let what = format!("{who}: {} {}", route.method, route.path);
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}: {}", answer.body);
    assert!(answer.headers.contains_key("www-authenticate"), "{what}");
    let message = answer.fails(401, "Unauthorized", None);
    assert_eq!(scene.look(&secret.name).await, before, "{what} changed something");
    message
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_with_the_next_call() {
    let vault = TestVault::start_as(matrix_config(), |_| {}).await;
    let mut token = vault.token(&client_id(Officer), "hunter2").await;
    let mut config = matrix_config();
    config.principals.retain(|principal| principal.client_id != client_id(Officer));
    let vault = vault.restart_with(config).await;
    let mut session = vault.officer().await;
    std::mem::swap(&mut session.token, &mut token);
    session.get("/secrets").await.fails(403, "Forbidden", Some("ForbiddenByRbac"));
    session.token = vault.token(OFFICER, OFFICER_SECRET).await;
    session.get("/secrets").await.is(200);
}
