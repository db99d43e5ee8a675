//! What slow, greedy and outdated clients get, on raw sockets.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use strongroom_vault::Limits;

use crate::harness::{TestVault, config};

use std::io::{Read, Write};
use std::net::TcpStream;

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A vault that loses patience after a second.
async fn impatient(change: impl FnOnce(&mut Limits)) -> TestVault {
    let mut config = config();
    config.limits = Limits { handshake_seconds: 1, head_seconds: 1, request_seconds: 1, ..Limits::default() };
    change(&mut config.limits);
    TestVault::start_with(tempfile::tempdir().unwrap(), config).await
}

fn connect(vault: &TestVault) -> TcpStream {
    let stream = TcpStream::connect(vault.running.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Takes its time where the vault's tasks go on: in a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn tls_config(
    vault: &TestVault,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let ca = std::fs::read(vault.running.ca_file()).unwrap();
    roots.add(CertificateDer::from_pem_slice(&ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Arc::new(
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

fn over_tls(vault: &TestVault) -> Tls {
    let config = tls_config(vault, rustls::ALL_VERSIONS);
    let name = ServerName::try_from("v1.vault.localhost").unwrap();
    StreamOwned::new(ClientConnection::new(config, name).unwrap(), connect(vault))
}

/// All that comes until the other side closes.
fn rest(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    // The other side may close without a word.
    while let Ok(count @ 1..) = stream.read(&mut part) {
        bytes.extend_from_slice(&part[..count]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_tls_1_2_and_1_3_are_spoken() {
    let vault = TestVault::start().await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = tls_config(&vault, &[version]);
        let stream = connect(&vault);
        let spoken = blocking(move || {
            let name = ServerName::try_from("v1.vault.localhost").unwrap();
            let mut tls = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
            tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
            assert!(rest(&mut tls).starts_with("HTTP/1.1 200"));
            tls.conn.protocol_version().unwrap()
        })
        .await;
        assert_eq!(spoken, version.version);
    }
    // A client's hello of TLS 1.1: the version, 32 random bytes, no session, one cipher suite, no compression, and the
    // one extension without which it would be refused for another reason: signature_algorithms.
    let mut hello = vec![3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x14, 1, 0]);
    hello.extend([0, 8, 0, 13, 0, 4, 0, 2, 4, 1]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    let mut stream = connect(&vault);
    let answer = blocking(move || {
        stream.write_all(&record).unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        answer
    })
    .await;
    assert_eq!(answer[0], 21, "an alert");
    assert_eq!(answer[6], 70, "protocol_version");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_not_waited_for() {
    let vault = impatient(|_| ()).await;
    let mut silent = connect(&vault);
    assert_eq!(blocking(move || rest(&mut silent)).await, "", "no handshake comes");
    let mut tls = over_tls(&vault);
    let after = blocking(move || {
        tls.conn.complete_io(&mut tls.sock).unwrap();
        rest(&mut tls)
    })
    .await;
    assert_eq!(after, "", "no request comes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_and_a_slow_body_end_in_time() {
    let vault = impatient(|_| ()).await;
    let mut tls = over_tls(&vault);
    let head = blocking(move || {
        tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: v1").unwrap();
        rest(&mut tls)
    })
    .await;
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    let token = vault.officer().await.token;
    let mut tls = over_tls(&vault);
    let body = blocking(move || {
        write!(
            tls,
            "PUT /secrets/a?api-version=7.6 HTTP/1.1\r\nHost: v1.vault.localhost\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{\"value\":"
        )
        .unwrap();
        rest(&mut tls)
    })
    .await;
    assert!(body.starts_with("HTTP/1.1 408"), "{body}");
    vault.officer().await.get("/secrets/a").await.fails(404, "SecretNotFound", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_long_is_told_so() {
    let vault = TestVault::start().await;
    let mut tls = over_tls(&vault);
    let answer = blocking(move || {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: v1\r\nX-Long: {}\r\n\r\n", "a".repeat(70 * 1024));
        let _ = tls.write_all(head.as_bytes());
        rest(&mut tls)
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    // The same with HTTP/2, which reqwest speaks.
    let long = "a".repeat(70 * 1024);
    let url = format!("{}/healthz", vault.running.url("v1"));
    let answer = vault.client.get(url).header("x-long", long).send().await;
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 431));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_on_which_nothing_moves_is_closed() {
    let vault = impatient(|limits| {
        limits.head_seconds = 600;
        limits.idle_seconds = 1;
    })
    .await;
    let mut tls = over_tls(&vault);
    let answer = blocking(move || {
        tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: v1\r\n\r\n").unwrap();
        rest(&mut tls)
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ok\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let vault = impatient(|limits| {
        limits.connections = 2;
        limits.handshake_seconds = 600;
        limits.head_seconds = 600;
    })
    .await;
    let held: Vec<_> = (0..2).map(|_| connect(&vault)).collect();
    let mut waiting = over_tls(&vault);
    waiting.sock.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut waiting = blocking(move || {
        assert!(waiting.conn.complete_io(&mut waiting.sock).is_err(), "both places are taken");
        waiting
    })
    .await;
    drop(held);
    let answer = blocking(move || {
        waiting.sock.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        waiting.write_all(b"GET /healthz HTTP/1.1\r\nHost: v1\r\nConnection: close\r\n\r\n").unwrap();
        rest(&mut waiting)
    })
    .await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// The head of a call that is refused, since it has no token.
fn refused_head(more: &str) -> String {
    format!("PUT /secrets/a?api-version=7.6 HTTP/1.1\r\nHost: v1.vault.localhost\r\n{more}\r\n\r\n")
}

/// The head of the next answer.
fn head(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_refused_before_its_body_arrives_costs_nobody_the_connection() {
    let vault = TestVault::start().await;
    let mut tls = over_tls(&vault);
    let (first, second) = blocking(move || {
        tls.write_all(refused_head("Content-Length: 13").as_bytes()).unwrap();
        tls.flush().unwrap();
        // As long as the refusal needs to be ready before the body is there.
        std::thread::sleep(Duration::from_millis(200));
        tls.write_all(b"{\"value\":\"x\"}").unwrap();
        let first = head(&mut tls);
        let length = first.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        tls.read_exact(&mut body).unwrap();
        tls.write_all(b"GET /healthz HTTP/1.1\r\nHost: v1.vault.localhost\r\n\r\n").unwrap();
        (first, head(&mut tls))
    })
    .await;
    assert!(first.starts_with("http/1.1 401") && !first.contains("connection: close"), "{first}");
    assert!(second.starts_with("http/1.1 200"), "{second}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_nobody_wants_and_that_does_not_end_soon_ends_the_connection_and_the_answer_says_so() {
    let vault = TestVault::start().await;
    for (more, body) in [
        // Far more than is read before the answer: who is still sending when it comes can send on, and gets it.
        ("Content-Length: 100000000", vec![b' '; 20 * 1024 * 1024]),
        ("Content-Length: 100", vec![]),
        ("Content-Length: 100\r\nExpect: 100-continue", vec![]),
    ] {
        let mut tls = over_tls(&vault);
        let answer = blocking(move || {
            tls.write_all(refused_head(more).as_bytes()).unwrap();
            tls.write_all(&body).unwrap();
            head(&mut tls)
        })
        .await;
        assert!(
            answer.starts_with("http/1.1 401") && answer.contains("connection: close"),
            "{more}: {answer}"
        );
    }
}
