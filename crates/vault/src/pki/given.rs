//! A certificate that somebody else made, in files that somebody else replaces.

use std::path::PathBuf;
use std::time::SystemTime;

use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::Identity;
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{self, file_error};

/// The files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The server's certificate and those between it and its authority's, in PEM.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// What clients have to trust, if it is not one of the system's roots.
    pub(crate) ca: Option<PathBuf>,
}

/// What tells a changed file: a new inode, another length or time.
pub(super) type Stamp = [Option<(u64, u64, SystemTime)>; 2];

impl Given {
    /// Reads and checks both files.
    ///
    /// # Errors
    /// [`Certificate`](ErrorKind::Certificate) or [`File`](ErrorKind::File) names the file and what is wrong with it.
    pub(super) fn load(&self, now: OffsetDateTime) -> Result<Identity> {
        let read = |path: &PathBuf| match std::fs::read_to_string(path) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) => Err(file_error("read", path, error)),
        };
        let wrong = |what: String| {
            Error::new(ErrorKind::Certificate, format!("{}: {what}", self.certificate.display()))
                .with_hint("certificateFile and keyFile of tls must hold a certificate and its key, in PEM")
        };
        let (certificate, key) = (read(&self.certificate)?, read(&self.key)?);
        let identity = Identity::parse(&certificate, &key).map_err(|error| wrong(error.to_string()))?;
        let first =
            identity.chain.first().ok_or_else(|| wrong("there is no certificate in it".to_owned()))?;
        let (_, parsed) =
            X509Certificate::from_der(first).map_err(|_| wrong("the certificate is malformed".to_owned()))?;
        if parsed.validity().not_after.timestamp() <= now.unix_timestamp() {
            return Err(wrong(format!("the certificate has expired on {}", parsed.validity().not_after)));
        }
        Ok(identity)
    }

    /// Looks at the files without reading them.
    pub(super) fn stamp(&self) -> Stamp {
        use std::os::unix::fs::MetadataExt;
        [&self.certificate, &self.key].map(|path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.ino(), found.len(), found.modified().ok()?))
        })
    }

    /// What clients have to trust: at worst the certificate itself.
    pub(super) fn trusted(&self) -> PathBuf {
        self.ca.clone().unwrap_or_else(|| self.certificate.clone())
    }

    /// The certificate of the authority, if it is named.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub(crate) fn read_ca(&self) -> Result<Option<(PathBuf, String)>> {
        let Some(path) = &self.ca else { return Ok(None) };
        let text = folder::read_if_present(path)?.ok_or_else(|| {
            Error::configuration(format!("tls: the caFile {} does not exist", path.display()))
        })?;
        Ok(Some((path.clone(), text)))
    }
}
