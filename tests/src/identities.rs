//! Principals that sign in without a client secret: with a certificate, and as a Kubernetes service account.

use std::fs;
use std::path::{Path, PathBuf};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};
use strongroom_secrets::Clock as _;
use strongroom_secrets::clock::SystemClock;

use crate::vault::{Principal, VAULT};

/// An application with a certificate. It may do everything.
pub const APP: Principal =
    Principal { name: "app", client_id: "44444444-4444-4444-4444-444444444444", client_secret: "" };

/// A Kubernetes service account. It may do everything.
pub const POD: Principal =
    Principal { name: "pod", client_id: "55555555-5555-5555-5555-555555555555", client_secret: "" };

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
const SUBJECT: &str = "system:serviceaccount:data:ingestion";
const KEY_ID: &str = "cluster-key";

/// The files with which [`APP`] and [`POD`] prove who they are, and those by which the vault knows them.
#[derive(Debug)]
pub struct Identities {
    /// The application's private key and its certificate, as `AZURE_CLIENT_CERTIFICATE_PATH` names them.
    pub certificate: PathBuf,
    /// The service account's token, as `AZURE_FEDERATED_TOKEN_FILE` names it.
    pub token: PathBuf,
    known_certificate: PathBuf,
    cluster_keys: PathBuf,
    /// The cluster's private key.
    cluster_key: PathBuf,
}

impl Identities {
    /// Makes keys and files in `folder`.
    ///
    /// # Panics
    /// If a file cannot be written.
    pub fn make(folder: &Path) -> Self {
        let identities = Self {
            certificate: folder.join("app-with-key.pem"),
            token: folder.join("service-account-token"),
            known_certificate: folder.join("app.pem"),
            cluster_keys: folder.join("jwks.json"),
            cluster_key: folder.join("cluster.pem"),
        };
        let key = rsa_key();
        let certificate = CertificateParams::new(vec![]).and_then(|parameters| parameters.self_signed(&key));
        let certificate = certificate.expect("a self-signed certificate").pem();
        write(&identities.certificate, &format!("{}{certificate}", key.serialize_pem()));
        write(&identities.known_certificate, &certificate);

        write(&identities.cluster_key, &rsa_key().serialize_pem());
        let cluster = identities.cluster_key();
        let mut public = Jwk::from_encoding_key(&cluster, Algorithm::RS256).expect("a public key");
        public.common.key_id = Some(KEY_ID.to_owned());
        write(&identities.cluster_keys, &json!({ "keys": [public] }).to_string());
        identities.write_token(&identities.token, 0);
        identities
    }

    /// Writes a service account's token into `file` that was made so many seconds ago. It is good for an hour.
    ///
    /// # Panics
    /// If the file cannot be written.
    pub fn write_token(&self, file: &Path, age: i64) {
        write(file, &service_account_token(&self.cluster_key(), age));
    }

    fn cluster_key(&self) -> EncodingKey {
        let pem = fs::read(&self.cluster_key).expect("the cluster's key");
        EncodingKey::from_rsa_pem(&pem).expect("an RSA key")
    }

    /// Adds both principals to a vault's configuration.
    ///
    /// # Panics
    /// If it has no list of principals.
    pub fn add_to(&self, configuration: &mut Value) {
        let roles = json!([{"vault": VAULT, "role": "Key Vault Secrets Officer"}]);
        configuration["principals"].as_array_mut().expect("principals").extend([
            json!({
                "name": APP.name, "clientId": APP.client_id, "roles": roles,
                "certificates": [self.known_certificate],
            }),
            json!({
                "name": POD.name, "clientId": POD.client_id, "roles": roles,
                "federatedCredentials": [{"issuer": ISSUER, "subject": SUBJECT, "jwksFile": self.cluster_keys}],
            }),
        ]);
    }
}

/// A token as Kubernetes projects it into a pod, good for an hour from its making on.
fn service_account_token(key: &EncodingKey, age: i64) -> String {
    let now = SystemClock.now_seconds() - age;
    let claims = json!({
        "aud": ["api://AzureADTokenExchange"], "iss": ISSUER, "sub": SUBJECT,
        "iat": now, "nbf": now, "exp": now + 3600,
        "kubernetes.io": {"namespace": "data", "serviceaccount": {"name": "ingestion"}},
    });
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(KEY_ID.to_owned());
    jsonwebtoken::encode(&header, &claims, key).expect("a signed token")
}

fn rsa_key() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("an RSA key")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
