//! How a vault ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::harness::TestVault;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_hand_is_finished_when_the_vault_is_stopped() {
    let vault = TestVault::start().await;
    let token = vault.officer().await.token;
    let TestVault { folder: _folder, running, client, .. } = vault;
    drop(client);
    let address = running.address();
    let mut connection = connect(&running);
    let body = r#"{"value": "x"}"#;
    write!(
        connection,
        "PUT /secrets/a?api-version=7.6 HTTP/1.1\r\nHost: v1.vault.localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    )
    .unwrap();
    // The vault asks for the body: from here on the request is in its hands.
    let mut connection = BufReader::new(connection);
    let mut line = String::new();
    connection.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    connection.read_line(&mut line).unwrap();

    let stopping = tokio::spawn(running.stop());
    for _ in 0..500 {
        if TcpStream::connect(address).is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(TcpStream::connect(address).is_err(), "nobody new is let in");
    assert!(!stopping.is_finished());
    connection.get_mut().write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    // The vault closes the connection behind the answer, politely or not.
    let _ = connection.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    stopping.await.unwrap().unwrap();
}

/// A bare connection that trusts the vault.
pub(crate) fn connect(running: &strongroom_vault::Running) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(running.ca_file()).unwrap()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "v1.vault.localhost".try_into().unwrap();
    let stream = TcpStream::connect(running.address()).unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
}
