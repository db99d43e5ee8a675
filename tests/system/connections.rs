//! The connections of the provider for Key Vault: one serves many calls, and one that is lost costs none.

use std::sync::Arc;

use strongroom_secrets::azure::{AzureConfig, AzureProvider, ClientSecret, Credential};
use strongroom_secrets::transport::{SystemRoots, Trust};
use strongroom_secrets::{Provider as _, SecretName};
use strongroom_tests::gate::{Gate, Passage};
use strongroom_tests::vault::{OFFICER, TENANT};
use strongroom_tests::{VaultServer, scratch};
use tempfile::TempDir;

struct Scene {
    _folder: TempDir,
    _vault: VaultServer,
    /// Before the vault; tokens do not come through it.
    gate: Gate,
    provider: Arc<AzureProvider>,
    name: SecretName,
}

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        vault.set("a", "x").await;
        let gate = Gate::before(vault.port()).await;
        let credential = ClientSecret {
            tenant: TENANT.to_owned(),
            client_id: OFFICER.client_id.to_owned(),
            client_secret: OFFICER.client_secret.into(),
        };
        let url = format!("https://v1.vault.localhost:{}", gate.port());
        let mut config = AzureConfig::new(url.parse().unwrap(), Credential::ClientSecret(credential));
        config.authority = vault.authority().parse().unwrap();
        let system = SystemRoots::Named { file: None, folders: Vec::new() };
        config.trust = Trust { system, ca_file: Some(vault.ca()) };
        let provider = Arc::new(AzureProvider::new(&config).unwrap());
        Self { _folder: folder, _vault: vault, gate, provider, name: SecretName::new("a").unwrap() }
    }

    async fn read(&self) {
        assert_eq!(self.provider.get(&self.name, None).await.unwrap().value, "x".into());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_one_after_the_other_go_over_the_connection_that_is_there() {
    let scene = Scene::set_up().await;
    for _ in 0..50 {
        scene.read().await;
    }
    // Where one comes back a moment later than the next call begins, another may be made.
    let connections = scene.gate.connections();
    assert!((1..=5).contains(&connections), "{connections} for 50 calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_between_two_calls_costs_neither_of_them() {
    let scene = Scene::set_up().await;
    let mut before = 0;
    for _ in 0..5 {
        scene.read().await;
        scene.gate.set(Passage::Closed).await;
        scene.gate.set(Passage::Open).await;
        assert!(scene.gate.connections() > before, "the one before was lost");
        before = scene.gate.connections();
    }
    scene.read().await;
}
