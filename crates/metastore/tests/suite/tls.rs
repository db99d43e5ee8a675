//! The way to a server, as secure as is asked for. PostgreSQL and MySQL have a certificate for `localhost`, MariaDB has no TLS.

use std::path::PathBuf;

use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, Location, Metastore, Options, Tls, TlsMode};

use crate::on_all;

on_all! {
    a_connection_is_as_secure_as_is_asked_for,
    who_cannot_be_verified_is_refused_with_what_to_do,
    files_that_are_no_certificates_are_told_before_anything_is_sent,
}

/// The file of a certificate or key that the servers or their clients have.
fn file(name: &str) -> PathBuf {
    let folder = std::env::var_os("STRONGROOM_TEST_DATABASE_TLS");
    PathBuf::from(folder.expect("STRONGROOM_TEST_DATABASE_TLS, which cargo xtask with-databases sets"))
        .join(name)
}

/// The place of the database, reached in another way; `None` for a file.
fn reached(database: &TestDatabase, host: &str, mode: TlsMode, ca: Option<&str>) -> Option<Location> {
    let Location::Server(server) = &database.location else { return None };
    let mut server = server.clone();
    server.host = host.to_owned();
    server.tls = Tls { mode, ca_file: ca.map(file), client: None };
    Some(Location::Server(server))
}

async fn refusal(location: Location) -> String {
    let opened = Metastore::open(&Options::new(location, Access::ReadOnly)).await;
    opened.expect_err("a refusal").to_string()
}

async fn a_connection_is_as_secure_as_is_asked_for(database: &TestDatabase) {
    use TlsMode::{IfOffered, Off, Required, VerifyCa, VerifyHost};
    let offered = database.kind != Kind::MariaDb;
    for (host, mode, encrypted) in [
        ("127.0.0.1", Off, false),
        ("127.0.0.1", IfOffered, offered),
        ("127.0.0.1", Required, true),
        // The authority is enough, the host is another.
        ("127.0.0.1", VerifyCa, true),
        ("localhost", VerifyHost, true),
    ] {
        let Some(location) = reached(database, host, mode, Some("ca.pem")) else { return };
        if !encrypted || offered {
            assert_eq!(database.is_encrypted(&location).await, encrypted, "{mode:?}");
        }
    }
}

async fn who_cannot_be_verified_is_refused_with_what_to_do(database: &TestDatabase) {
    use TlsMode::{Required, VerifyCa, VerifyHost};
    for (host, mode, ca, says) in [
        ("localhost", VerifyHost, None, "sslrootcert"),
        ("localhost", VerifyCa, None, "comes from no authority that is trusted"),
        // Another certificate than the authority's.
        ("localhost", VerifyHost, Some("client.pem"), "comes from no authority that is trusted"),
        ("127.0.0.1", VerifyHost, Some("ca.pem"), "not for the host 127.0.0.1"),
    ] {
        let Some(location) = reached(database, host, mode, ca) else { return };
        let says = if database.kind == Kind::MariaDb { "the server offers no TLS" } else { says };
        let text = refusal(location).await;
        assert!(text.contains(says) && text.contains("DB_"), "{mode:?} at {host}: {text}");
    }
    let location = reached(database, "127.0.0.1", Required, None).unwrap();
    if database.kind == Kind::MariaDb {
        assert!(refusal(location).await.contains("sslmode=prefer"));
    } else {
        assert!(database.is_encrypted(&location).await);
    }
}

async fn files_that_are_no_certificates_are_told_before_anything_is_sent(database: &TestDatabase) {
    let Location::Server(server) = &database.location else { return };
    let mut server = server.clone();
    server.port = 1;
    for (tls, says) in [
        (
            Tls { ca_file: Some(file("nowhere.pem")), ..Tls::default() },
            ["nowhere.pem", "sslrootcert", "cannot be read"],
        ),
        (
            Tls { ca_file: Some(file("client.key")), ..Tls::default() },
            ["client.key", "sslrootcert", "holds no certificate"],
        ),
        (
            Tls { client: Some((file("client.pem"), file("client.pem"))), ..Tls::default() },
            ["client.pem", "sslkey", "holds no private key"],
        ),
    ] {
        server.tls = tls;
        let text = refusal(Location::Server(server.clone())).await;
        assert!(says.iter().all(|words| text.contains(words)), "{text}");
    }
}
