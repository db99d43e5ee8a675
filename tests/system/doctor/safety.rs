//! What is unsafe unless somebody changes it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;
use strongroom_tests::MetadataServer;
use strongroom_tests::metadata::CONFIG;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::Scene;

/// The key of every installation that set none.
const PUBLIC_FERNET_KEY: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";

#[tokio::test]
async fn keys_that_everybody_knows_and_none_at_all_are_told() {
    let mut scene = Scene::set_up().await;
    scene.configuration["fernetConfiguration"]["fernetKey"] = json!(PUBLIC_FERNET_KEY);
    scene.write();
    let report = scene.report(1, &[]).await;
    report.is("safety.fernet-key", "failed", "key 1 of fernetConfiguration.fernetKey");
    report.is("safety.fernet-key", "failed", "line 1");
    assert!(!report.0.to_string().contains(PUBLIC_FERNET_KEY));

    scene.configuration["fernetConfiguration"]["fernetKey"] = json!("no_encryption_at_rest");
    scene.write();
    scene.add(&[("clear", "dummy-clear")]).await;
    let report = scene.report(0, &[]).await;
    report.is("safety.fernet-key", "warning", "1 values stand in clear text");
}

#[tokio::test]
async fn an_administrator_whose_password_everybody_tries_first_is_told() {
    let scene = Scene::set_up().await;
    let server = MetadataServer::start(scene.folder.path(), &[("STRONGROOM_ADMIN_PASSWORD", "admin")]).await;
    drop(server);
    let report = scene.report(1, &[]).await;
    report.is("safety.admin-password", "failed", "admin can sign in with the password admin");
}

#[tokio::test]
async fn names_that_are_their_own_passwords_in_the_configuration_are_told() {
    let mut scene = Scene::set_up().await;
    scene.configuration["authorizerConfiguration"] = json!({"adminPrincipals": ["admin:admin"]});
    scene.configuration["authenticationConfiguration"] = json!({"provider": "basic"});
    scene.write();
    let report = scene.report(1, &[]).await;
    report.is("safety.admin-password", "failed", "his own name as the password");

    scene.configuration["authenticationConfiguration"] = json!({"provider": "no-auth"});
    scene.write();
    let report = scene.report(1, &[]).await;
    report.is("safety.sign-in", "failed", "everybody may call the API");
}

#[tokio::test]
async fn files_with_secrets_that_everybody_can_read_are_told_with_their_lines() {
    let scene = Scene::set_up().await;
    let open = |file: &Path| std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    open(&scene.folder.path().join(CONFIG));
    let report = scene.report(0, &[]).await;
    report.is("safety.files", "warning", "secretsManagerConfiguration.parameters.clientSecret in line 1");
    assert_eq!(report.check("safety.files")["command"], "chmod o= openmetadata.yaml");
}

#[tokio::test]
async fn a_plugin_in_airflow_that_answers_anybody_is_told() {
    let mut scene = Scene::set_up().await;
    for (status, state, says) in [
        ("200 OK", "warning", "without credentials"),
        ("401 Unauthorized", "passed", "refuses"),
        ("404 Not Found", "not-tried", "no plugin"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let answering = tokio::spawn(async move {
            loop {
                let (mut caller, _) = listener.accept().await.unwrap();
                let mut asked = [0; 1024];
                let read = caller.read(&mut asked).await.unwrap();
                assert!(!String::from_utf8_lossy(&asked[..read]).to_lowercase().contains("authorization"));
                let answer =
                    format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
                caller.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        scene.configuration["pipelineServiceClientConfiguration"]["apiEndpoint"] = json!(endpoint);
        scene.write();
        scene.report(0, &[]).await.is("safety.airflow", state, says);
        answering.abort();
    }
}
