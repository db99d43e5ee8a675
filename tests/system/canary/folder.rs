//! A folder of encrypted files, and the ways into it and back.

use reqwest::Method;
use serde_json::json;
use strongroom_entities::FernetKeys;
use strongroom_secrets::random::SystemRandom;
use strongroom_tests::api;
use strongroom_tests::canary::{self, Canary};
use strongroom_tests::metadata::{ADMIN_PASSWORD, CONFIG, write_configuration};
use strongroom_tests::{MetadataServer, Program, scratch};

use super::{LOUD, secret};

#[tokio::test]
async fn a_folder_of_files_and_the_ways_into_it_and_back_show_nothing() {
    let folder = scratch();
    let key = FernetKeys::generate(&SystemRandom);
    let configure = |secrets_manager: &str| {
        let file = json!({
            "fernetConfiguration": {"fernetKey": key.expose()},
            "secretsManagerConfiguration": {"secretsManager": secrets_manager},
        });
        write_configuration(folder.path(), &file);
    };
    configure("managed-file");
    let mut server = MetadataServer::start(folder.path(), &LOUD).await;
    let (admin, password) = (server.admin().await, secret("Qz4Ty"));
    let bot = server.bot(&admin).await;
    let made = server.send_service(Method::POST, &admin, &api::postgres("shop", &password)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(server.running().stop().await.success());
    let folder_key = std::fs::read_to_string(folder.path().join("data/secrets.key")).unwrap();
    let canaries = [
        Canary::new("the password", password),
        Canary::new("the bot's token", bot),
        Canary::new("the administrator's password", ADMIN_PASSWORD),
        Canary::new("the Fernet key", key.expose()),
        Canary::new("the folder's key", folder_key.trim()),
    ];
    assert_eq!(canary::look_into("an answer", made.text.as_bytes(), &canaries), []);
    for secrets_manager in ["db", "managed-file"] {
        configure(secrets_manager);
        for more in [&["--plan"][..], &["--plan", "--json"], &["--json"], &[]] {
            let program =
                Program::new(folder.path()).args(["migrate-secrets", "-c", CONFIG, "--data-dir", "data"]);
            let finished = program.args(more).envs(LOUD).run().await.ended_with(0);
            for (what, text) in [("the output", &finished.stdout), ("the log", &finished.stderr)] {
                assert_eq!(
                    canary::look_into(what, text.as_bytes(), &canaries),
                    [],
                    "{secrets_manager} {more:?}"
                );
            }
        }
        let leave_out = [CONFIG, "data/secrets.key"];
        assert_eq!(canary::look_below(folder.path(), &leave_out, &canaries), [], "{secrets_manager}");
    }
}
