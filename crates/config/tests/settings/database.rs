//! Databases on servers: JDBC's URLs, who signs in, and TLS.

use strongroom_config::{ConfigError, DatabasePlace, DatabaseServer, DatabaseTls};

use crate::{assert_error, load};

fn server(url: &str) -> Result<DatabaseServer, ConfigError> {
    let file = format!("database:\n  user: u\n  password: hunter2\n  url: '{url}'");
    load(&file, &[]).map(|settings| match settings.database.place {
        DatabasePlace::Server(server) => server,
        place @ DatabasePlace::File(_) => panic!("{place:?}"),
    })
}

fn tls(kind: &str, parameters: &str) -> DatabaseTls {
    server(&format!("jdbc:{kind}://h/d?{parameters}")).unwrap().tls
}

#[test]
fn host_port_database_and_schema_are_found() {
    for (url, host, port, name) in [
        ("jdbc:postgresql://h/d", "h", 5432, "d"),
        ("jdbc:mysql://h.example:3307/d", "h.example", 3307, "d"),
        ("jdbc:mysql://[::1]:3307/d", "::1", 3307, "d"),
        ("jdbc:postgresql://10.0.0.1:1/my%20db", "10.0.0.1", 1, "my db"),
    ] {
        let server = server(url).unwrap();
        assert_eq!((server.host.as_str(), server.port, server.name.as_str()), (host, port, name));
    }
    assert_eq!(server("jdbc:postgresql://h/d?currentSchema=om").unwrap().schema.as_deref(), Some("om"));
}

#[test]
fn tls_is_understood_as_each_driver_means_it() {
    for (parameters, wanted) in [
        ("", DatabaseTls::IfOffered),
        ("sslmode=disable", DatabaseTls::Off),
        ("sslmode=require", DatabaseTls::Required),
        ("sslmode=verify-ca", DatabaseTls::VerifyCa),
        ("sslmode=verify-full&ssl=false", DatabaseTls::VerifyHost),
        ("ssl=true", DatabaseTls::VerifyHost),
        ("useSSL=false", DatabaseTls::IfOffered),
    ] {
        assert_eq!(tls("postgresql", parameters), wanted, "{parameters}");
    }
    for (parameters, wanted) in [
        ("", DatabaseTls::IfOffered),
        ("useSSL=false&allowPublicKeyRetrieval=true", DatabaseTls::Off),
        ("useSSL=false", DatabaseTls::IfOffered),
        ("useSSL=true&requireSSL=true", DatabaseTls::Required),
        ("useSSL=true&verifyServerCertificate=true", DatabaseTls::VerifyCa),
        ("sslMode=VERIFY_IDENTITY", DatabaseTls::VerifyHost),
        ("sslMode=PREFERRED&requireSSL=true", DatabaseTls::IfOffered),
    ] {
        assert_eq!(tls("mysql", parameters), wanted, "{parameters}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_without_being_shown() {
    for (url, says) in [
        ("jdbc:mysql://u:hunter3@h/d", "database.user"),
        ("jdbc:mysql://h/d?user=u&password=hunter3", "database.user"),
        ("jdbc:mysql://h1,h2/d", "several hosts"),
        ("jdbc:mysql://h", "must name a database"),
        ("jdbc:mysql://h:hunter3/d", "must name a host"),
        ("jdbc:postgresql://h/d?sslmode=hunter3", "verify-full"),
        ("jdbc:mysql://h/d?useSSL=hunter3", "useSSL"),
        ("jdbc:mysql://h/d?trustCertificateKeyStoreUrl=file:x", "PEM"),
        ("jdbc:postgresql://h/d?awsRegion=eu&allowPublicKeyRetrieval=true", "IAM"),
        ("jdbc:postgresql://h/d?sslcert=c.pem", "sslkey"),
    ] {
        let error = server(url).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains("hunter"), "{error}");
    }
}

#[test]
fn the_user_and_the_password_may_come_from_variables() {
    let file = "database:\n  url: jdbc:mysql://h/d";
    let settings = load(file, &[("DB_USER", "\"u\""), ("DB_USER_PASSWORD", "hunter2")]).unwrap();
    let DatabasePlace::Server(server) = &settings.database.place else { panic!("{settings:?}") };
    assert_eq!(server.user, "u");
    assert!(server.password.as_ref().is_some_and(|password| password.expose() == "hunter2"));
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert_error(load(file, &[]), Some(2), Some("database.user"), &["DB_USER"]);
}

#[test]
fn connections_are_bounded() {
    let of = |size: &str| {
        let file = format!("database: {{url: 'jdbc:mysql://h/d', user: u, maxSize: {size}}}");
        load(&file, &[])
    };
    for (size, wanted) in [("5", 5), ("100", 20)] {
        let DatabasePlace::Server(server) = of(size).unwrap().database.place else { panic!() };
        assert_eq!(server.connections, wanted);
    }
    assert_error(of("1"), Some(1), Some("database.maxSize"), &["at least 2"]);
}
