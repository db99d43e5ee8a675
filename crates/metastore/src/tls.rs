//! How the connection to a server is secured, and what it means when that fails.

use std::io;
use std::path::{Path, PathBuf};

use rustls::CertificateError;

use crate::ServerKind;

/// The largest certificate or key file that is looked into, in bytes.
const MOST: u64 = 4 << 20;

/// How the connection to a server is secured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether TLS is used, and what is verified.
    pub mode: TlsMode,
    /// Authorities to trust beside those that come with the program, as PEM.
    pub ca_file: Option<PathBuf>,
    /// A certificate and its key to present, as PEM.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Whether TLS is used, and what is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsMode {
    /// It is not used.
    Off,
    /// It is used if the server offers it; nothing is verified.
    #[default]
    IfOffered,
    /// It is used; nothing is verified.
    Required,
    /// The certificate must come from a trusted authority.
    VerifyCa,
    /// The same, and it must be for this host.
    VerifyHost,
}

impl Tls {
    /// Looks whether the files are there and hold what they should: the driver would take a missing one for a server that is away, and
    /// one without certificates for none at all. An error is the reason, as the rest of a sentence.
    pub(crate) fn check_files(&self) -> Result<(), String> {
        let certificate = "-----BEGIN CERTIFICATE-----";
        if let Some(path) = &self.ca_file {
            check_file("sslrootcert", path, certificate)?;
        }
        if let Some((client, key)) = &self.client {
            check_file("sslcert", client, certificate)?;
            check_file("sslkey", key, "PRIVATE KEY-----")?;
        }
        Ok(())
    }
}

fn check_file(parameter: &str, path: &Path, holds: &str) -> Result<(), String> {
    let at = format!("the file {} that {parameter} names in database.url (DB_PARAMS)", path.display());
    let length = std::fs::metadata(path).map_err(|error| format!("{at} cannot be read: {error}"))?.len();
    if length > MOST {
        return Err(format!("{at} is too large for one"));
    }
    let content = std::fs::read(path).map_err(|error| format!("{at} cannot be read: {error}"))?;
    let what = if holds.contains("CERTIFICATE") { "certificate" } else { "private key" };
    match String::from_utf8_lossy(&content).contains(holds) {
        true => Ok(()),
        false => Err(format!("{at} holds no {what} in PEM form")),
    }
}

impl TlsMode {
    pub(crate) fn driver_name(self, kind: ServerKind) -> &'static str {
        match (self, kind) {
            (Self::Off, ServerKind::Postgres) => "disable",
            (Self::IfOffered, ServerKind::Postgres) => "prefer",
            (Self::Required, ServerKind::Postgres) => "require",
            (Self::VerifyCa, ServerKind::Postgres) => "verify-ca",
            (Self::VerifyHost, ServerKind::Postgres) => "verify-full",
            (Self::Off, ServerKind::Mysql) => "DISABLED",
            (Self::IfOffered, ServerKind::Mysql) => "PREFERRED",
            (Self::Required, ServerKind::Mysql) => "REQUIRED",
            (Self::VerifyCa, ServerKind::Mysql) => "VERIFY_CA",
            (Self::VerifyHost, ServerKind::Mysql) => "VERIFY_IDENTITY",
        }
    }
}

/// The failure of TLS within a failure of the connection, if it is one.
pub(crate) fn handshake_failure(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Why no secured connection to `host` came about, and what to do about it.
pub(crate) fn reason(failure: &rustls::Error, host: &str) -> String {
    use CertificateError as Certificate;
    match failure {
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer) => {
            "its certificate comes from no authority that is trusted: name the file with the authority's certificate (PEM) with \
             sslrootcert in database.url (DB_PARAMS)"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => format!(
            "its certificate is not for the host {host}: write the name that it is for into database.url (DB_HOST); or, if you know \
             who answers there, let sslmode=verify-ca look at the authority alone"
        ),
        rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired: renew it on the server, and look at this machine's clock".to_owned()
        }
        rustls::Error::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => "its certificate is not valid yet: look at this machine's clock, and at the server's".to_owned(),
        rustls::Error::AlertReceived(_) => format!(
            "the server refused the handshake ({failure}): if it demands a certificate, name it with sslcert and its key with sslkey in \
             database.url (DB_PARAMS)"
        ),
        other => format!("TLS failed ({other}): check the TLS parameters of database.url (DB_PARAMS)"),
    }
}
