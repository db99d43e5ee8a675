//! What becomes of a connection when a call on it is refused, on raw sockets.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use strongroom_server::{Limits, router, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::harness::{Api, Mode};

struct Listening {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
    _serving: JoinHandle<std::io::Result<()>>,
}

fn listen(api: &Api, limits: Limits) -> Listening {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = serve(listener, router(api.app.clone()), limits, async { drop(stopped.await) });
    Listening { address, _stop: stop, _serving: tokio::spawn(serving) }
}

/// The head of a call that is refused, since nobody has signed in.
fn refused_head(more: &str) -> String {
    format!(
        "POST /api/v1/services/databaseServices HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{more}\r\n\r\n"
    )
}

/// The head and the body of the next answer, in lower case.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(bytes).unwrap().to_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    head + &String::from_utf8(body).unwrap().to_lowercase()
}

const VERSION: &[u8] = b"GET /api/v1/system/version HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_call_that_is_refused_before_its_body_arrives_costs_nobody_the_connection() {
    let api = Api::start(Mode::Managed).await;
    let listening = listen(&api, Limits::default());
    // As long as nobody has signed in, and as the body is longer than it may be.
    let (token, long) = (format!("Authorization: Bearer {}", api.admin), (1 << 20) + 1);
    for (more, length, status) in [("X: y", 13, 401), (token.as_str(), long, 413)] {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        let head = refused_head(&format!("{more}\r\nContent-Length: {length}"));
        stream.write_all(head.as_bytes()).await.unwrap();
        // As long as the refusal needs to be ready before the body is there.
        tokio::time::sleep(Duration::from_millis(200)).await;
        // The client sends the rest in the time that it has.
        stream.write_all(&vec![b' '; length.min(1 << 20)]).await.unwrap();
        let first = answer(&mut stream).await;
        assert!(first.starts_with(&format!("http/1.1 {status}")), "{first}");
        if length > 1 << 20 {
            assert!(first.contains("connection: close"), "{first}");
            continue;
        }
        assert!(!first.contains("connection: close"), "{first}");
        stream.write_all(VERSION).await.unwrap();
        let second = answer(&mut stream).await;
        assert!(second.starts_with("http/1.1 200") && second.contains("\"version\""), "{second}");
    }
}

#[tokio::test]
async fn a_body_that_nobody_wants_and_that_does_not_end_soon_ends_the_connection_and_the_answer_says_so() {
    let api = Api::start(Mode::Managed).await;
    let listening = listen(&api, Limits::default());
    for (more, length) in [
        ("Content-Length: 100000000", 20 << 20),
        ("Content-Length: 100", 0),
        ("Content-Length: 100\r\nExpect: 100-continue", 0),
        ("Transfer-Encoding: chunked", 0),
    ] {
        let mut stream = TcpStream::connect(listening.address).await.unwrap();
        stream.write_all(refused_head(more).as_bytes()).await.unwrap();
        // Who is still sending when the answer comes can send on, and gets it.
        stream.write_all(&vec![b' '; length]).await.unwrap();
        let refused = answer(&mut stream).await;
        assert!(
            refused.starts_with("http/1.1 401") && refused.contains("connection: close"),
            "{more}: {refused}"
        );
    }
}

#[tokio::test]
async fn a_client_that_pools_its_connections_never_loses_the_call_behind_a_refused_one() {
    let api = Api::start(Mode::Managed).await;
    let listening = listen(&api, Limits::default());
    // Only the first call installs it; that the others fail is what they expect.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(1).build().unwrap();
    let url = |path: &str| format!("http://{}/api/v1/{path}", listening.address);
    for length in [10, 100_000, 900_000, 1_100_000, 5_000_000] {
        for _ in 0..5 {
            let body = vec![b' '; length];
            let refused = client.post(url("services/databaseServices")).body(body).send().await.unwrap();
            assert_eq!(refused.status(), 401);
            let _ = refused.bytes().await.unwrap();
            let next = client.post(url("users/login")).body("{}").send().await.unwrap();
            assert_eq!(next.status(), 400, "behind {length} bytes");
            let _ = next.bytes().await.unwrap();
        }
    }
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place_and_one_on_which_nothing_moves_is_closed() {
    let api = Api::start(Mode::Managed).await;
    let limits = Limits {
        connections: 1,
        idle_timeout: Duration::from_millis(300),
        header_read_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let listening = listen(&api, limits);
    let mut silent = TcpStream::connect(listening.address).await.unwrap();
    let mut waiting = TcpStream::connect(listening.address).await.unwrap();
    waiting.write_all(VERSION).await.unwrap();
    assert!(answer(&mut waiting).await.starts_with("http/1.1 200"));
    assert_eq!(silent.read(&mut [0]).await.unwrap_or_default(), 0, "it is closed");
}
