//! `jdbc:postgresql://host:5432/database?parameters` and its like for MySQL, as Java's drivers read them.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::{CURE, DatabaseKind, DatabaseServer, DatabaseTls};
use crate::error::ConfigError;
use crate::found::Found;

/// Reads everything but the user, the password and the number of connections.
pub(super) fn parse(url: &Found) -> Result<DatabaseServer, ConfigError> {
    let unknown = || url.fault("the url is of no kind that is known").hint(CURE);
    let rest = url.text().strip_prefix("jdbc:").ok_or_else(unknown)?;
    let (scheme, rest) = rest.split_once("://").ok_or_else(unknown)?;
    let (kind, default_port) = match scheme {
        "postgresql" => (DatabaseKind::Postgresql, 5432),
        "mysql" | "mariadb" => (DatabaseKind::Mysql, 3306),
        _ => return Err(unknown()),
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (address, name) = place.split_once('/').unwrap_or((place, ""));
    if address.contains('@') {
        return Err(url
            .fault("the url must not hold a user or a password")
            .hint("write them to database.user and database.password (DB_USER, DB_USER_PASSWORD)"));
    }
    if address.contains(',') {
        return Err(url.fault("the url names several hosts").hint("name the one that is written to"));
    }
    let (host, port) = host_and_port(address, default_port)
        .ok_or_else(|| url.fault("the url must name a host, and maybe a port").hint(CURE))?;
    let name = decoded(name).filter(|name| !name.is_empty() && !name.contains('/'));
    let name = name.ok_or_else(|| url.fault("the url must name a database").hint(CURE))?;
    let parameters = Parameters::read(url, parameters)?;
    Ok(DatabaseServer {
        kind,
        host,
        port,
        name,
        schema: parameters.schema.clone().filter(|_| kind == DatabaseKind::Postgresql),
        user: String::new(),
        password: None,
        tls: parameters.tls(url, kind)?,
        ca_file: parameters.ca_file,
        client_certificate: match (parameters.certificate, parameters.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(url.fault("sslcert and sslkey belong together").hint("give both, or neither")),
        },
        connections: 0,
    })
}

fn host_and_port(address: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (host, port.strip_prefix(':').or(port.is_empty().then_some(""))?)
        }
        None => address.split_once(':').unwrap_or((address, "")),
    };
    let port = if port.is_empty() { default_port } else { port.parse().ok().filter(|port| *port > 0)? };
    let legal = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    (!host.is_empty() && host.chars().all(legal)).then(|| (host.to_owned(), port))
}

/// The parameters that mean something to us. Java's drivers know dozens more; those of the wrong driver are often left in.
#[derive(Default)]
struct Parameters {
    schema: Option<String>,
    mode: Option<String>,
    use_ssl: Option<bool>,
    require_ssl: bool,
    verify: bool,
    key_retrieval: bool,
    ca_file: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl Parameters {
    fn read(url: &Found, text: &str) -> Result<Self, ConfigError> {
        let mut read = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value).unwrap_or_default();
            let flag = || match value.to_ascii_lowercase().as_str() {
                "true" | "" => Ok(true),
                "false" => Ok(false),
                _ => Err(url.fault(format!("the parameter {name} of the url must be true or false"))),
            };
            match name {
                "currentSchema" => read.schema = Some(value.clone()).filter(|schema| !schema.is_empty()),
                "sslmode" | "sslMode" => read.mode = Some(value.clone()),
                "useSSL" | "ssl" | "useSsl" => read.use_ssl = Some(flag()?),
                "requireSSL" => read.require_ssl = flag()?,
                "verifyServerCertificate" => read.verify = flag()?,
                "allowPublicKeyRetrieval" => read.key_retrieval = flag()?,
                "sslrootcert" | "serverSslCert" => read.ca_file = Some(value.clone().into()),
                "sslcert" => read.certificate = Some(value.clone().into()),
                "sslkey" => read.key = Some(value.clone().into()),
                "trustCertificateKeyStoreUrl"
                | "clientCertificateKeyStoreUrl"
                | "trustStore"
                | "keyStore" => {
                    return Err(url
                        .fault(format!("the parameter {name} of the url names a key store of Java, which cannot be read"))
                        .hint("export it as PEM, and name the authority's certificate with sslrootcert, your own with sslcert and sslkey"));
                }
                "user" | "password" => {
                    return Err(url.fault("the url must not hold a user or a password").hint(
                        "write them to database.user and database.password (DB_USER, DB_USER_PASSWORD)",
                    ));
                }
                "awsRegion" => {
                    return Err(url
                        .fault("signing in to a database by AWS IAM (awsRegion) is not supported")
                        .hint("give the user a password, and leave awsRegion out"));
                }
                _ => {}
            }
        }
        Ok(read)
    }

    fn tls(&self, url: &Found, kind: DatabaseKind) -> Result<DatabaseTls, ConfigError> {
        if let Some(mode) = &self.mode {
            return match mode.to_ascii_lowercase().replace('_', "-").as_str() {
                "disable" | "disabled" => Ok(DatabaseTls::Off),
                "allow" | "prefer" | "preferred" => Ok(DatabaseTls::IfOffered),
                "require" | "required" | "trust" => Ok(DatabaseTls::Required),
                "verify-ca" => Ok(DatabaseTls::VerifyCa),
                "verify-full" | "verify-identity" => Ok(DatabaseTls::VerifyHost),
                _ => Err(url
                    .fault("the parameter sslmode of the url is none that is known")
                    .hint("disable, prefer, require, verify-ca or verify-full")),
            };
        }
        Ok(match (kind, self.use_ssl) {
            // Java's PostgreSQL driver takes a bare ssl=true for the strictest mode.
            (DatabaseKind::Postgresql, Some(true)) => DatabaseTls::VerifyHost,
            (DatabaseKind::Postgresql, _) => DatabaseTls::IfOffered,
            // Without TLS and without leave to ask the server for its key, MySQL's newer passwords could not be sent at all.
            (DatabaseKind::Mysql, Some(false)) if self.key_retrieval => DatabaseTls::Off,
            (DatabaseKind::Mysql, Some(false)) => DatabaseTls::IfOffered,
            (DatabaseKind::Mysql, _) if self.verify => DatabaseTls::VerifyCa,
            (DatabaseKind::Mysql, _) if self.require_ssl => DatabaseTls::Required,
            (DatabaseKind::Mysql, _) => DatabaseTls::IfOffered,
        })
    }
}

fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}
