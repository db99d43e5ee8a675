//! A client certificate in each form in which people have one.

use std::path::{Path, PathBuf};

use serde_json::json;
use strongroom_tests::identities::APP;
use strongroom_tests::vault::{OFFICER, VAULT};
use strongroom_tests::{Program, VaultServer, scratch};

/// Files as OpenSSL writes them.
fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/secrets/tests/certificates").join(name)
}

#[tokio::test]
async fn pem_and_pkcs12_serve_with_their_password_and_with_no_other() {
    let folder = scratch();
    let server = VaultServer::start_with(folder.path(), |config| {
        config["principals"].as_array_mut().unwrap().push(json!({
            "name": APP.name, "clientId": APP.client_id, "certificates": [kept("certificate.pem")],
            "roles": [{"vault": VAULT, "role": "Key Vault Secrets User"}],
        }));
    })
    .await;
    server.set("a", "x").await;
    let mut variables = server.environment(&OFFICER).await;
    variables.remove("AZURE_CLIENT_SECRET");
    let get = |file: &str, password: Option<&str>| {
        let program = Program::new(folder.path())
            .args(["vault", "get", "a"])
            .envs(&variables)
            .env("AZURE_CLIENT_ID", APP.client_id)
            .env("AZURE_CLIENT_CERTIFICATE_PATH", kept(file));
        match password {
            Some(password) => program.env("AZURE_CLIENT_CERTIFICATE_PASSWORD", password).run(),
            None => program.run(),
        }
    };
    for (file, password) in [
        ("modern.pfx", Some("hunter2")),
        ("legacy.pfx", Some("hunter2")),
        ("no-password.pfx", None),
        ("encrypted.pem", Some("hunter2")),
        // As Helm leaves it.
        ("modern.pfx", Some("\"hunter2\"")),
    ] {
        assert_eq!(get(file, password).await.ended_with(0).stdout, "x", "{file}");
    }
    for (file, password, says) in [
        ("modern.pfx", Some("hunter3"), "cannot be opened with this password"),
        ("legacy.pfx", None, "has a password, which is not given"),
        ("encrypted.pem", None, "has a password, which is not given"),
        ("certificate.pem", None, "holds no private key"),
        ("nowhere.pfx", None, "cannot be read"),
    ] {
        let refused = get(file, password).await.ended_with(2);
        assert!(refused.stderr.contains(says) && refused.stderr.contains(file), "{}", refused.stderr);
        assert!(!refused.stderr.contains("hunter"), "{}", refused.stderr);
    }
}
