//! Every way to sign in to Azure, against the embedded vault, and every way in which that fails.

mod certificate;
mod default_chain;
mod hosts;
mod metadata_service;
mod refused;
mod renewal;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use strongroom_secrets::azure::{AzureConfig, ClientSecret, Credential};
use strongroom_secrets::transport::{SystemRoots, Trust};
use strongroom_tests::VaultServer;
use strongroom_tests::vault::{OFFICER, TENANT};

/// A configuration for the vault, which trusts the vault's own authority and no other.
fn config(vault: &VaultServer, credential: Credential) -> AzureConfig {
    let mut config = AzureConfig::new(vault.url().parse().unwrap(), credential);
    config.authority = vault.authority().parse().unwrap();
    let system = SystemRoots::Named { file: None, folders: Vec::new() };
    config.trust = Trust { system, ca_file: Some(vault.ca()) };
    config
}

/// The officer, who proves it with a client secret.
fn client_secret() -> Credential {
    Credential::ClientSecret(ClientSecret {
        tenant: TENANT.to_owned(),
        client_id: OFFICER.client_id.to_owned(),
        client_secret: OFFICER.client_secret.into(),
    })
}

/// Puts a program that stands in for a tool into a folder.
fn tool(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}
