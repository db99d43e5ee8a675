//! Which certificate authorities are trusted.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::{Error, ErrorKind, Result};

/// The certificate authorities that an HTTPS client trusts: the system's, and one more file if it is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// Where the system's authorities come from.
    pub system: SystemRoots,
    /// A PEM file whose authorities are trusted besides (`parameters.caFile`, `OM_SM_CA_FILE`).
    pub ca_file: Option<PathBuf>,
}

/// Where the system's certificate authorities come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SystemRoots {
    /// Where this kind of system keeps them.
    #[default]
    Installed,
    /// The files that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, which take the place of the installed ones, as with OpenSSL.
    Named {
        /// A PEM bundle.
        file: Option<PathBuf>,
        /// Folders of PEM files.
        folders: Vec<PathBuf>,
    },
}

impl Trust {
    /// What `SSL_CERT_FILE` and `SSL_CERT_DIR` ask for in an environment; the installed authorities if neither is set.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let file = set("SSL_CERT_FILE").map(PathBuf::from);
        let folders: Vec<PathBuf> = set("SSL_CERT_DIR").map_or_else(Vec::new, |text| {
            std::env::split_paths(&text).filter(|folder| !folder.as_os_str().is_empty()).collect()
        });
        let nothing_named = file.is_none() && folders.is_empty();
        let system =
            if nothing_named { SystemRoots::Installed } else { SystemRoots::Named { file, folders } };
        Self { system, ca_file: None }
    }

    /// Trusts the authorities in `file` besides.
    #[must_use]
    pub fn with_ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// A TLS configuration for clients: TLS 1.2 and 1.3, AWS-LC, no client certificate.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if a file that somebody named cannot be read or holds no certificate,
    /// or if no authority at all is left to trust.
    pub fn client_config(&self) -> Result<rustls::ClientConfig> {
        let mut roots = RootCertStore::empty();
        self.add_system_roots(&mut roots)?;
        if let Some(file) = &self.ca_file {
            let certificates = read_ca_file(file)?;
            for certificate in certificates {
                roots.add(certificate).map_err(|error| {
                    let message =
                        format!("the CA file {} holds a certificate that cannot be used", file.display());
                    Error::new(ErrorKind::Configuration, message).with_hint(error.to_string())
                })?;
            }
        }
        if roots.is_empty() {
            let message = "this system has no certificate authorities to trust";
            return Err(Error::new(ErrorKind::Configuration, message)
                .with_hint("install the package ca-certificates, or set SSL_CERT_FILE"));
        }
        // The provider is named, not taken from the process: a library must not depend on what the program installed.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::new(ErrorKind::Configuration, "cannot set up TLS").with_source(error))?;
        Ok(builder.with_root_certificates(roots).with_no_client_auth())
    }

    fn add_system_roots(&self, roots: &mut RootCertStore) -> Result<()> {
        let found = match &self.system {
            SystemRoots::Installed => rustls_native_certs::load_native_certs().certs,
            SystemRoots::Named { file, folders } => {
                let mut certificates = Vec::new();
                if let Some(file) = file {
                    let found = rustls_native_certs::load_certs_from_paths(Some(file), None);
                    if found.certs.is_empty() {
                        let message =
                            format!("SSL_CERT_FILE names {}, which holds no certificate", file.display());
                        return Err(Error::new(ErrorKind::Configuration, message).with_hint(
                            "correct the variable, or unset it to use the installed authorities",
                        ));
                    }
                    certificates = found.certs;
                }
                for folder in folders {
                    certificates.extend(rustls_native_certs::load_certs_from_paths(None, Some(folder)).certs);
                }
                certificates
            }
        };
        // Old roots that rustls cannot parse are common in system stores and harm nobody.
        roots.add_parsable_certificates(found);
        Ok(())
    }
}

fn read_ca_file(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unusable = |reason: String| {
        let message = format!("the CA file {} cannot be used: {reason}", file.display());
        Error::new(ErrorKind::Configuration, message).with_hint(
            "parameters.caFile or OM_SM_CA_FILE must name a PEM file with the vault's certificate authority",
        )
    };
    let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| unusable("it is not PEM".to_owned()))?;
    if certificates.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &'static str, value: &'static str) -> impl Fn(&str) -> Option<String> {
        move |asked| (asked == name).then(|| value.to_owned())
    }

    #[test]
    fn ssl_cert_file_takes_the_place_of_the_installed_authorities() {
        let trust = Trust::from_environment(&environment("SSL_CERT_FILE", "/a/b.pem"));
        let named = SystemRoots::Named { file: Some("/a/b.pem".into()), folders: Vec::new() };
        assert_eq!(trust.system, named);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let trust = Trust::from_environment(&environment("SSL_CERT_FILE", ""));
        assert_eq!(trust.system, SystemRoots::Installed);
    }

    #[test]
    fn a_named_file_that_is_missing_is_an_error_that_names_it() {
        for trust in [
            Trust::from_environment(&environment("SSL_CERT_FILE", "/does/not/exist.pem")),
            Trust::default().with_ca_file("/does/not/exist.pem"),
        ] {
            let error = trust.client_config().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains("/does/not/exist.pem"), "{error}");
        }
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "not a certificate").unwrap();
        let error = Trust::default().with_ca_file(&file).client_config().unwrap_err();
        assert!(error.to_string().contains("holds no certificate"), "{error}");
    }
}
