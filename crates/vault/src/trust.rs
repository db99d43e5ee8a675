//! Which certificates clients of a vault have to trust.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::config::{TlsSettings, VaultConfig};
use crate::environment::read_config;
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{self, Folder, Readers};
use crate::run_file::RunFile;

/// The certificates of authorities, in files that clients can be pointed at.
#[derive(Debug)]
pub struct Trust {
    files: Vec<PathBuf>,
    certificates: Vec<CertificateDer<'static>>,
    bundle: PathBuf,
}

impl Trust {
    /// Finds what clients of the vault on this folder have to trust, and writes `ca-bundle.pem`: the system's roots and
    /// that. With a given certificate whose authority is not named there is nothing to find.
    ///
    /// # Errors
    /// [`File`](ErrorKind::File) if the vault was never started on this folder.
    pub fn find(data_dir: &Path, config: Option<&Path>) -> Result<Self> {
        let folder = Folder::at(data_dir);
        let run = RunFile::read(&folder)?;
        let config = read_config(&folder, config, run.as_ref())?;
        Self::of(&folder, &config, run.as_ref())
    }

    pub(crate) fn of(folder: &Folder, config: &VaultConfig, run: Option<&RunFile>) -> Result<Self> {
        let mut texts = match config.tls.as_ref().map(TlsSettings::given) {
            Some(given) => given.read_ca()?.into_iter().collect(),
            None => vec![required(folder.ca())?],
        };
        if run.is_some_and(|run| run.as_azure) {
            texts.push(required(folder.azure_ca())?);
        }
        let mut trust = Self { files: vec![], certificates: vec![], bundle: folder.ca_bundle() };
        for (path, text) in texts {
            let found = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
            let found = found.ok().filter(|found| !found.is_empty()).ok_or_else(|| {
                Error::new(ErrorKind::Certificate, format!("{} holds no certificate", path.display()))
            })?;
            trust.certificates.extend(found);
            trust.files.push(path);
        }
        if !trust.files.is_empty() {
            trust.write_bundle()?;
        }
        Ok(trust)
    }

    /// The files with nothing but the vault's own authorities, the vaults' first. Empty if the system's roots do.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The system's roots and the vault's authorities, for clients that know one file only.
    pub fn bundle(&self) -> &Path {
        &self.bundle
    }

    /// The one file for clients that add its certificates to those they know.
    pub(crate) fn extra(&self) -> Option<&Path> {
        match self.files.as_slice() {
            [] => None,
            [only] => Some(only),
            _ => Some(&self.bundle),
        }
    }

    fn write_bundle(&self) -> Result<()> {
        let system = rustls_native_certs::load_native_certs();
        if system.certs.is_empty() {
            tracing::warn!(
                "no root certificates of the system were found: the bundle holds the vault's only"
            );
        }
        let mut bundle = String::with_capacity(256 * 1024);
        // In a shell that has the variables already, the system's roots are an older bundle of ours.
        let others = system.certs.iter().filter(|root| !self.certificates.contains(root));
        for certificate in others.chain(&self.certificates) {
            push_pem(&mut bundle, certificate);
        }
        folder::write(&self.bundle, bundle.as_bytes(), Readers::Everybody)
    }
}

fn required(path: PathBuf) -> Result<(PathBuf, String)> {
    let text = folder::read_if_present(&path)?.ok_or_else(|| {
        Error::new(ErrorKind::File, format!("there is no certificate {} yet", path.display()))
            .with_hint("start the vault once on this data folder")
    })?;
    Ok((path, text))
}

fn push_pem(bundle: &mut String, certificate: &CertificateDer<'_>) {
    bundle.push_str("-----BEGIN CERTIFICATE-----\n");
    let text = STANDARD.encode(certificate);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, next) = rest.split_at(rest.len().min(64));
        bundle.push_str(line);
        bundle.push('\n');
        rest = next;
    }
    bundle.push_str("-----END CERTIFICATE-----\n");
}
