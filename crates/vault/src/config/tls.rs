//! `tls`: a certificate of one's own in the place of the one that the vault makes.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::pki::Given;

/// The section `tls`. Relative paths start at the folder of `vault.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsSettings {
    /// The server's certificate, and behind it those up to its authority's, in PEM.
    pub certificate_file: PathBuf,
    /// Its private key, in PEM.
    pub key_file: PathBuf,
    /// What clients have to trust, for `strongroom vault env` and `trust`; without it, the system's roots are taken to do.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl TlsSettings {
    pub(super) fn resolve_paths(&mut self, base: &Path) {
        let optional = self.ca_file.iter_mut();
        for path in [&mut self.certificate_file, &mut self.key_file].into_iter().chain(optional) {
            *path = base.join(&*path);
        }
    }

    pub(crate) fn given(&self) -> Given {
        Given {
            certificate: self.certificate_file.clone(),
            key: self.key_file.clone(),
            ca: self.ca_file.clone(),
        }
    }
}
