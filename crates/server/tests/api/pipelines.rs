//! What a deployed pipeline is told about the server.

use serde_json::json;
use strongroom_server::ServerOptions;
use strongroom_server::server_connection::{PipelineOptions, VerifySsl, server_connection};

use crate::harness::{Api, Mode};

#[tokio::test]
async fn under_a_managed_vault_a_pipeline_gets_a_reference_to_its_bots_token() {
    let api = Api::start(Mode::Managed).await;
    let told = server_connection(&api.app, "metadata", None).await.unwrap();
    assert_eq!(
        told,
        json!({
            "clusterName": "openmetadata",
            "type": "OpenMetadata",
            "hostPort": "http://localhost:8585/api",
            "authProvider": "openmetadata",
            "verifySSL": "no-ssl",
            "securityConfig": {"jwtToken": "secret:openmetadata-bot-ingestion-bot-config-jwttoken"},
            "secretsManagerProvider": "managed-azure-kv",
            "secretsManagerLoader": "noop",
        })
    );
    assert!(!told.to_string().contains(&api.bot));
}

#[tokio::test]
async fn where_users_keep_their_own_references_it_is_told_that_and_not_db() {
    let pipelines = PipelineOptions {
        secrets_manager_loader: "env".to_owned(),
        api_endpoint: "https://metadata.example.com/api".to_owned(),
        verify_ssl: VerifySsl::Validate,
        ca_certificate: Some("/etc/ca.pem".to_owned()),
        cluster_name: "prod".to_owned(),
    };
    let options = ServerOptions { pipelines, ..ServerOptions::default() };
    let api = Api::start_with(Mode::InDatabase, options).await;
    // A reference of the users' own stays one, so the ingestion has to know that a vault resolves it.
    let id = api.make("pg", "secret:my-own-secret").await;
    let answer = api.get(&format!("/v1/services/databaseServices/{id}"), &api.bot).await.expect(200);
    assert_eq!(answer["connection"]["config"]["authType"]["password"], "secret:my-own-secret");

    let told = server_connection(&api.app, "usage", None).await.unwrap();
    assert_eq!(told["secretsManagerProvider"], "azure-kv");
    assert_eq!(told["secretsManagerLoader"], "env");
    assert_eq!(told["clusterName"], "prod");
    assert_eq!(told["hostPort"], "https://metadata.example.com/api");
    assert_eq!(
        (&told["verifySSL"], &told["sslConfig"]),
        (&json!("validate"), &json!({"caCertificate": "/etc/ca.pem"}))
    );
    // The database holds the token encrypted; the ingestion, which has no Fernet key, gets it in clear.
    assert_eq!(told["securityConfig"]["jwtToken"], json!(api.bot));
}
