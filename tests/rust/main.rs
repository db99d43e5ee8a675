//! A client of the vault in Rust, with Azure's own crates: each argument names one thing that it does there.
//!
//! Like the clients in other languages it knows nothing but its environment, trusts whom `SSL_CERT_FILE` names, and says
//! `passed` at its end. It is a process of its own, since the environment is one too.
//!
//! What these crates do not have is not tried: no `DefaultAzureCredential`, no pollers; their credential for certificates
//! needs OpenSSL, and the one for virtual machines asks at Azure's own address only.

#![expect(clippy::print_stdout, reason = "what it prints is its answer")]

mod backup;
mod checks;
mod errors;
mod life_of_a_secret;
mod patience;
mod secrets_user;
mod sign_in;

use checks::client_secret;

#[tokio::main]
async fn main() {
    // The crates leave it to the program which cryptography TLS uses.
    rustls::crypto::aws_lc_rs::default_provider().install_default().expect("nobody was faster");
    match std::env::args().nth(1).as_deref() {
        Some("life-of-a-secret") => life_of_a_secret::run(&client_secret()).await,
        Some("backup") => backup::run(&client_secret()).await,
        Some("errors") => errors::run(&client_secret()).await,
        Some("patience") => patience::run(&client_secret()).await,
        Some("secrets-user") => secrets_user::run(&client_secret()).await,
        Some("own-tenant") => sign_in::own_tenant().await,
        Some("workload-identity") => sign_in::workload_identity().await,
        Some("app-service") => sign_in::app_service().await,
        other => panic!("there is no part {other:?}"),
    }
    println!("passed");
}
