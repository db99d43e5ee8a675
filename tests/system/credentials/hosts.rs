//! The hosts of Azure's that give identities in ways of their own, each as its documentation has it.

use std::path::Path;

use strongroom_tests::clients::PYTHON;
use strongroom_tests::program::provided;
use strongroom_tests::vault::USER;
use strongroom_tests::{Finished, Program, Running, VaultServer, scratch};
use tempfile::TempDir;

/// A token endpoint. It refuses what is not asked in the way of its kind. Arguments: the kind, the token, and what is needed
/// besides: a secret, a file.
const HOST: &str = r#"
import hashlib, http.server, json, ssl, sys, urllib.parse

kind, token, secret, file = sys.argv[1:5]

class Host(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.asked({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.asked(dict(urllib.parse.parse_qsl(body.decode())))

    def asked(self, form):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        header = lambda name: self.headers.get(name, "")
        version = query.get("api-version")
        if kind.startswith("arc"):
            well = self.command == "GET" and version == "2020-06-01" and header("metadata") == "true"
            if well and not header("authorization"):
                return self.answer(401, {}, [("WWW-Authenticate", "Basic realm=" + file)])
            well = well and header("authorization") == "Basic " + secret
        elif kind == "learning":
            well = self.command == "GET" and version == "2017-09-01" and header("secret") == secret
            well = well and query.get("clientid") == "the-default"
        elif kind == "shell":
            well = self.command == "POST" and header("metadata") == "true" and "resource" in form
        elif kind == "fabric":
            well = self.command == "GET" and version == "2019-07-01-preview" and header("secret") == secret
        resource = form.get("resource") or query.get("resource") or ""
        if not (well and resource.startswith("https://vault") and url.path == "/token"):
            return self.answer(400, {"error": "invalid_request", "error_description": "this is not how I am asked"})
        end = 4000000000 if kind == "fabric" else "4000000000"
        self.answer(200, {"access_token": token, "expires_on": end, "resource": resource, "token_type": "Bearer"})

    def answer(self, status, body, headers=[]):
        text = json.dumps(body).encode()
        self.send_response(status)
        for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(text)))] + headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
thumbprint = "-"
if kind == "fabric":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    pem = open(file).read()
    pem = pem[pem.index("-----BEGIN CERTIFICATE"):]
    thumbprint = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
print(server.server_port, thumbprint, flush=True)
server.serve_forever()
"#;

/// Where the agent of Azure Arc keeps its keys, in a file system of the test's own, with one key; then another program.
const WITH_KEY: &str = r#"mount -t tmpfs none /var/opt && mkdir -p /var/opt/azcmagent/tokens && cp "$1" /var/opt/azcmagent/tokens/ && shift && exec "$@""#;

struct Scene {
    folder: TempDir,
    vault: VaultServer,
}

struct Host {
    port: String,
    thumbprint: String,
    _running: Running,
}

impl Scene {
    async fn set_up() -> Self {
        let folder = scratch();
        let vault = VaultServer::start(folder.path()).await;
        vault.set("a", "x").await;
        Self { folder, vault }
    }

    /// A host of a kind that gives out the reader's tokens.
    async fn host(&self, kind: &str, secret: &str, file: &str) -> Host {
        let token = self.vault.token(&USER).await;
        let mut running = Program::with_binary(Path::new(&provided(PYTHON)), self.folder.path())
            .args(["-c", HOST, kind, &token, secret, file])
            .start(self.folder.path(), kind);
        let line = loop {
            if let Some((line, _)) = running.stdout().split_once('\n') {
                break line.to_owned();
            }
            assert!(running.ended().is_none(), "{}", running.stderr());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        let (port, thumbprint) = line.split_once(' ').unwrap();
        Host { port: port.to_owned(), thumbprint: thumbprint.to_owned(), _running: running }
    }

    /// Reads the secret as whoever the host says that this is.
    async fn get(&self, program: Program, variables: &[(&str, &str)]) -> Finished {
        program
            .args(["vault", "get", "a", "--vault-url", &self.vault.url()])
            .env("OM_SM_CA_FILE", self.vault.ca())
            .env("AZURE_AUTHORITY_HOST", self.vault.authority())
            .env("AZURE_TOKEN_CREDENTIALS", "prod")
            .envs(variables.iter().copied())
            .run()
            .await
    }

    fn strongroom(&self) -> Program {
        Program::new(self.folder.path())
    }

    /// The program where Azure Arc's agent keeps the key `name`, which holds `text`.
    fn beside_arc(&self, name: &str, text: &str) -> Program {
        let key = self.folder.path().join(name);
        std::fs::write(&key, text).unwrap();
        let own_users: &[&str] = if rustix::process::getuid().is_root() { &[] } else { &["--map-root-user"] };
        Program::with_binary(Path::new("unshare"), self.folder.path())
            .args(own_users)
            .args(["--mount", "sh", "-c", WITH_KEY, "sh"])
            .arg(key)
            .arg(strongroom_tests::program::binary())
    }
}

#[tokio::test]
async fn machine_learning_and_cloud_shell_are_asked_as_they_want_to_be() {
    let scene = Scene::set_up().await;
    let learning = scene.host("learning", "the-secret", "-").await;
    let endpoint = format!("http://127.0.0.1:{}/token", learning.port);
    let own = [("MSI_ENDPOINT", endpoint.as_str()), ("DEFAULT_IDENTITY_CLIENT_ID", "the-default")];
    let with = |secret| [&own[..], &[("MSI_SECRET", secret)]].concat();
    assert_eq!(scene.get(scene.strongroom(), &with("the-secret")).await.ended_with(0).stdout, "x");
    let refused = scene.get(scene.strongroom(), &with("hunter2")).await.ended_with(1);
    assert!(refused.stderr.contains("this is not how I am asked"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);

    let shell = scene.host("shell", "-", "-").await;
    let endpoint = format!("http://127.0.0.1:{}/token", shell.port);
    let got = scene.get(scene.strongroom(), &[("MSI_ENDPOINT", &endpoint)]).await;
    assert_eq!(got.ended_with(0).stdout, "x");
}

#[tokio::test]
async fn service_fabric_is_known_by_its_certificates_thumbprint_and_by_nothing_else() {
    let scene = Scene::set_up().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&key).unwrap();
    let file = scene.folder.path().join("fabric.pem");
    std::fs::write(&file, format!("{}{}", key.serialize_pem(), certificate.pem())).unwrap();
    let fabric = scene.host("fabric", "the-secret", file.to_str().unwrap()).await;
    let endpoint = format!("https://127.0.0.1:{}/token", fabric.port);
    let variables = |thumbprint| {
        [
            ("IDENTITY_ENDPOINT", endpoint.as_str()),
            ("IDENTITY_HEADER", "the-secret"),
            ("IDENTITY_SERVER_THUMBPRINT", thumbprint),
        ]
    };
    let got = scene.get(scene.strongroom(), &variables(&fabric.thumbprint)).await;
    assert_eq!(got.ended_with(0).stdout, "x");
    let another = "A9993E364706816ABA3E25717850C26C9CD0D89D";
    let refused = scene.get(scene.strongroom(), &variables(another)).await.ended_with(1);
    assert!(refused.stderr.contains("managed identity endpoint https://127.0.0.1"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("the-secret"), "{}", refused.stderr);
}

#[tokio::test]
async fn arc_is_answered_from_a_short_key_in_its_own_folder_and_from_no_other_file() {
    let scene = Scene::set_up().await;
    let elsewhere = scene.folder.path().join("elsewhere.key").display().to_string();
    std::fs::write(&elsewhere, "hunter2").unwrap();
    for (kind, named, key, says) in [
        ("arc", "/var/opt/azcmagent/tokens/a.key", "the-proof", None),
        ("arc-elsewhere", elsewhere.as_str(), "hunter2", Some("a file that is no key in")),
        ("arc-upwards", "/var/opt/azcmagent/tokens/../a.key", "hunter2", Some("a file that is no key in")),
        ("arc-other", "/var/opt/azcmagent/tokens/a.txt", "hunter2", Some("a file that is no key in")),
        ("arc-missing", "/var/opt/azcmagent/tokens/b.key", "hunter2", Some("which cannot be read")),
        (
            "arc-long",
            "/var/opt/azcmagent/tokens/a.key",
            &"hunter2 ".repeat(513),
            Some("more than 4096 bytes"),
        ),
    ] {
        let host = scene.host(kind, "the-proof", named).await;
        let endpoint = format!("http://127.0.0.1:{}/token", host.port);
        let variables =
            [("IDENTITY_ENDPOINT", endpoint.as_str()), ("IMDS_ENDPOINT", "http://127.0.0.1:40342")];
        let got = scene.get(scene.beside_arc("a.key", key), &variables).await;
        match says {
            None => assert_eq!(got.ended_with(0).stdout, "x"),
            Some(says) => {
                let refused = got.ended_with(1);
                assert!(refused.stderr.contains(says), "{kind}: {}", refused.stderr);
                assert!(!refused.stderr.contains("hunter2"), "{kind}: {}", refused.stderr);
            }
        }
    }
}
