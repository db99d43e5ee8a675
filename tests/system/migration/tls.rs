//! TLS to the database servers, with the parameters that people write into `database.url`. PostgreSQL and MySQL have certificates for
//! `localhost`; MariaDB offers no TLS.

use std::path::PathBuf;

use serde_json::{Value, json};
use strongroom_metastore::testing::Kind;
use strongroom_tests::fixtures::services;
use strongroom_tests::program::provided;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{Scene, tells};

on_each! {
    [on_postgresql, on_mysql]
    a_user_who_may_come_only_encrypted_migrates_over_tls,
    a_user_with_a_certificate_needs_no_password,
    a_server_that_cannot_be_verified_is_told_nothing,
}

/// The path of a certificate or key of the servers or their clients.
fn file(name: &str) -> String {
    let path = PathBuf::from(provided("STRONGROOM_TEST_DATABASE_TLS")).join(name);
    path.to_str().unwrap().to_owned()
}

/// The parameters for the strictest mode, as each server's people write them.
fn strictest(kind: Kind) -> String {
    let mode = if kind == Kind::Postgres { "sslmode=verify-full" } else { "sslMode=VERIFY_IDENTITY" };
    format!("{mode}&sslrootcert={}", file("ca.pem"))
}

impl Scene {
    /// Configures another way to the database.
    fn reach(&self, host: &str, port: u16, parameters: &str, change: impl FnOnce(&mut Value)) {
        let mut section = self.database.section_at(host, port, parameters);
        change(&mut section);
        self.configure(|file| file["database"] = section);
    }

    fn port(&self) -> u16 {
        self.database.server().port
    }
}

/// Makes a user who may do everything, unless there is one; MySQL takes what it `demands` from the statement, PostgreSQL from its file.
async fn make_user(scene: &Scene, kind: Kind, name: &str, demands: &str) {
    let statement = match kind {
        Kind::Postgres => format!(
            "DO $$ BEGIN CREATE ROLE {name} LOGIN SUPERUSER PASSWORD 'dummy'; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        ),
        _ => format!(
            "CREATE USER IF NOT EXISTS {name}@'%' IDENTIFIED BY 'dummy' REQUIRE {demands}; GRANT ALL ON *.* TO {name}@'%'"
        ),
    };
    scene.database.run(&statement).await;
}

async fn a_user_who_may_come_only_encrypted_migrates_over_tls(kind: Kind) {
    let scene = Scene::on(kind, 3, &[]).await;
    make_user(&scene, kind, "only_encrypted", "SSL").await;
    let as_user = |section: &mut Value| {
        section["user"] = json!("only_encrypted");
        section["password"] = json!("dummy");
    };
    let open =
        if kind == Kind::Postgres { "sslmode=disable" } else { "useSSL=false&allowPublicKeyRetrieval=true" };
    scene.reach("localhost", scene.port(), open, as_user);
    let refused = scene.migrate(&[]).await.ended_with(1);
    tells(&refused.stderr, &["only_encrypted", "only with TLS", "DB_PARAMS"]);

    // Nothing said, encrypted if possible, and verified to the last.
    for parameters in ["", &strictest(kind)] {
        scene.reach("localhost", scene.port(), parameters, as_user);
        let _ = scene.migrate(&["--status"]).await.ended_with(0);
    }
    assert_eq!(scene.report(&[]).await["secrets"]["verified"], 3);
    for number in 1..=3 {
        assert_eq!(scene.resolved(&services::name(number)).await, services::password(number));
    }
}

async fn a_user_with_a_certificate_needs_no_password(kind: Kind) {
    let scene = Scene::on(kind, 1, &[]).await;
    make_user(&scene, kind, "with_certificate", "X509").await;
    let as_user = |section: &mut Value| {
        section["user"] = json!("with_certificate");
        // PostgreSQL asks for none, MySQL for both.
        section["password"] = json!(if kind == Kind::Postgres { "" } else { "dummy" });
    };
    let without = strictest(kind);
    scene.reach("localhost", scene.port(), &without, as_user);
    let refused = scene.migrate(&["--status"]).await.ended_with(1);
    tells(&refused.stderr, &["with_certificate", "sslcert", "sslkey"]);

    let with = format!("{without}&sslcert={}&sslkey={}", file("client.pem"), file("client.key"));
    scene.reach("localhost", scene.port(), &with, as_user);
    assert_eq!(scene.report(&[]).await["secrets"]["verified"], 1);
}

async fn a_server_that_cannot_be_verified_is_told_nothing(kind: Kind) {
    let scene = Scene::on(kind, 1, &[]).await;
    let (ca, strict) = (file("ca.pem"), strictest(kind));
    let strict = strict.split('&').next().unwrap();
    for (host, parameters, says) in [
        ("localhost", strict.to_owned(), ["no authority that is trusted", "sslrootcert"]),
        (
            "localhost",
            format!("{strict}&sslrootcert={}", file("client.pem")),
            ["no authority that is trusted", "sslrootcert"],
        ),
        ("127.0.0.1", format!("{strict}&sslrootcert={ca}"), ["not for the host 127.0.0.1", "verify-ca"]),
        ("localhost", format!("{strict}&sslrootcert={ca}.gone"), ["ca.pem.gone", "No such file"]),
    ] {
        scene.reach(host, scene.port(), &parameters, |_| ());
        for arguments in [&["--status"][..], &["--plan"], &[]] {
            let refused = scene.migrate(arguments).await.ended_with(1);
            tells(&refused.stderr, &says);
            assert_eq!(refused.stdout, "");
        }
    }
    assert!(scene.vault.names().await.is_empty());
    // The authority alone is enough for this.
    let lenient = if kind == Kind::Postgres { "sslmode=verify-ca" } else { "sslMode=VERIFY_CA" };
    scene.reach("127.0.0.1", scene.port(), &format!("{lenient}&sslrootcert={ca}"), |_| ());
    let _ = scene.migrate(&["--status"]).await.ended_with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tls_is_demanded_a_server_without_it_is_refused_on_mariadb() {
    let scene = Scene::on(Kind::MariaDb, 1, &[]).await;
    refuses_a_server_without_tls(
        &scene,
        scene.port(),
        ["sslMode=REQUIRED", "useSSL=true&requireSSL=true"],
        "",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tls_is_demanded_a_server_without_it_is_refused_on_postgresql() {
    let scene = Scene::on(Kind::Postgres, 1, &[]).await;
    let port = without_tls(scene.port()).await;
    refuses_a_server_without_tls(&scene, port, ["sslmode=require", "ssl=true"], "sslmode=prefer").await;
}

async fn refuses_a_server_without_tls(scene: &Scene, port: u16, demanding: [&str; 2], content: &str) {
    for parameters in demanding {
        scene.reach("127.0.0.1", port, parameters, |_| ());
        let refused = scene.migrate(&["--status"]).await.ended_with(1);
        tells(&refused.stderr, &["offers no TLS", "DB_PARAMS", "sslmode=prefer"]);
    }
    scene.reach("127.0.0.1", port, content, |_| ());
    let _ = scene.migrate(&["--status"]).await.ended_with(0);
}

/// A port before a PostgreSQL that seems to have no TLS: whoever asks for it is told so by who sits in between.
async fn without_tls(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Ok(mut server) = TcpStream::connect(("127.0.0.1", server)).await else { return };
                let mut first = [0; 8];
                if client.read_exact(&mut first).await.is_err() {
                    return;
                }
                // What asks for TLS has this number in the place of a version.
                let passed = match first[4..] == 80_877_103_u32.to_be_bytes() {
                    true => client.write_all(b"N").await,
                    false => server.write_all(&first).await,
                };
                if passed.is_ok() {
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                }
            });
        }
    });
    port
}
