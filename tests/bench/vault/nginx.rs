//! Debian's nginx, which returns the very bytes that the vault does, over TLS with the same version and cipher.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderMap, SERVER};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned,
};
use strongroom_tests::running::free_port;
use strongroom_tests::{http, vault::API_VERSION};

use crate::subject::Subject;
use strongroom_tests::Process;

/// The longest that it may take to listen.
const PATIENCE: u32 = 100;

/// A running nginx. Dropped, it is stopped.
#[derive(Debug)]
pub(crate) struct Nginx {
    child: Child,
    subject: Subject,
}

impl Nginx {
    /// Starts it with the answer that `ours` gives to a read.
    pub(crate) async fn start(program: &Path, folder: &Path, ours: &Subject) -> Self {
        let (headers, body) = ours.answer(&format!("/secrets/s1/?api-version={API_VERSION}")).await;
        let name = "nginx.localhost";
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let own = folder.join("nginx");
        fs::create_dir(&own).expect("a folder");
        fs::write(own.join("certificate.pem"), cert.pem()).expect("a certificate");
        fs::write(own.join("key.pem"), signing_key.serialize_pem()).expect("a key");
        let port = free_port();
        let cipher = cipher(&ours.address(), ours.url.host_str().expect("a host"));
        fs::write(own.join("nginx.conf"), configuration(&own, port, cipher, &headers, &body))
            .expect("a configuration");
        let child = Command::new(program)
            .arg("-c")
            .arg(own.join("nginx.conf"))
            .arg("-p")
            .arg(&own)
            .arg("-e")
            .arg(own.join("error.log"))
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("cannot start {} (Debian's package nginx-light): {error}", program.display())
            });
        let client = http::client_trusting(&own.join("certificate.pem")).expect("a certificate");
        let process = Process::new(child.id());
        let subject =
            Subject::new("nginx", &format!("https://{name}:{port}"), &ours.token, Some(process), client);
        let nginx = Self { child, subject };
        nginx.wait(port).await;
        assert_eq!(self::cipher(&nginx.subject.address(), name), cipher, "both with the same cipher");
        let (_, same) = nginx.subject.answer("/").await;
        assert_eq!(same, body, "nginx returns the same bytes");
        nginx
    }

    /// It, as one that is measured.
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    async fn wait(&self, port: u16) {
        for _ in 0..PATIENCE {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nginx does not listen");
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Asked, not killed: its workers are processes of their own.
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, port: u16, cipher: CipherSuite, headers: &HeaderMap, body: &str) -> String {
    let own = [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, SERVER];
    let headers: String = headers
        .iter()
        .filter(|(name, _)| !own.contains(name))
        .map(|(name, value)| {
            format!("add_header {name} {};\n", quoted(value.to_str().expect("a header of text")))
        })
        .collect();
    let folder = folder.display();
    // As OpenSSL and RFC 8446 name it.
    let cipher = cipher.as_str().expect("a cipher with a name").replace("TLS13_", "TLS_");
    format!(
        r#"
        daemon off;
        worker_processes auto;
        pid {folder}/nginx.pid;
        events {{}}
        http {{
            access_log off;
            keepalive_requests 1000000000;
            client_body_temp_path {folder}/body;
            proxy_temp_path {folder}/proxy;
            fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi;
            scgi_temp_path {folder}/scgi;
            server {{
                listen 127.0.0.1:{port} ssl;
                ssl_certificate {folder}/certificate.pem;
                ssl_certificate_key {folder}/key.pem;
                ssl_protocols TLSv1.3;
                ssl_conf_command Ciphersuites {cipher};
                location / {{
                    default_type "application/json; charset=utf-8";
                    {headers}
                    return 200 {};
                }}
            }}
        }}
        "#,
        quoted(body)
    )
}

/// A text for nginx, which would take a dollar for the begin of a variable.
fn quoted(text: &str) -> String {
    assert!(!text.contains('$'), "nginx cannot return a dollar: {text}");
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#))
}

/// The cipher that a server agrees to with a client that offers what OpenSSL does, as wrk is one.
fn cipher(address: &str, host: &str) -> CipherSuite {
    let address = address.rsplit('/').next().expect("host and port");
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![
        aws_lc_rs::cipher_suite::TLS13_AES_256_GCM_SHA384,
        aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
        aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256,
    ];
    let provider = Arc::new(provider);
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).expect("a host");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).expect("a connection"));
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("a request");
    let _ = stream.read(&mut [0; 1]);
    stream.conn.negotiated_cipher_suite().expect("a cipher").suite()
}

/// Believes every certificate: only the cipher is of interest.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
