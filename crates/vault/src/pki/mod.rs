//! The private certificate authority and the server's certificate.
//!
//! The authority can only vouch for names under the vault's domain and for this machine's loopback addresses (name
//! constraints), so trusting it gives nobody power over the rest of the web. [`authority`] makes it, [`leaf`] issues the
//! server's certificate, and [`Pki::ensure`] keeps both fresh: at each start and once a day.

mod authority;
mod certificates;
mod given;
mod leaf;
mod served;

use std::path::PathBuf;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::azure;
use crate::error::{Error, ErrorKind, Result};
use crate::folder::{self, Folder, Readers};
use authority::Authority;
pub(crate) use certificates::Certificates;
pub(crate) use given::Given;

/// What a certificate is needed for. Names are in lower case.
#[derive(Debug, Clone)]
pub(crate) enum Names {
    /// Our own: vaults under a domain.
    Own { domain: String, vaults: Vec<String> },
    /// Azure's, for who sends their traffic here.
    Azure,
}

impl Names {
    /// The DNS names that the server's certificate is for.
    fn dns(&self) -> Vec<String> {
        match self {
            Self::Own { domain, vaults } => {
                let mut names = vec![domain.clone(), format!("login.{domain}")];
                if domain.contains('.') {
                    names.push(format!("*.{domain}"));
                } else {
                    // OpenSSL wants two labels behind an asterisk, and rustls takes no certificate that has fewer: under a
                    // bare `localhost` each vault needs its own entry.
                    names.extend(vaults.iter().map(|vault| format!("{vault}.{domain}")));
                }
                names
            }
            Self::Azure => vec![format!("*.{}", azure::VAULTS), azure::LOGIN.to_owned()],
        }
    }

    /// Those of them that clients call: names under the domain.
    fn below(&self) -> Vec<String> {
        let mut names = self.dns();
        if let Self::Own { domain, .. } = self {
            names.retain(|name| name != domain);
        }
        names
    }

    /// The domains that the authority can vouch for.
    fn permitted(&self) -> Vec<&str> {
        match self {
            Self::Own { domain, .. } => vec![domain],
            Self::Azure => vec![azure::VAULTS, azure::LOGIN],
        }
    }

    /// Whether the certificate is for loopback addresses as well: health checks on the machine itself use them.
    fn with_loopback(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    /// What people read in the authority's name.
    fn title(&self) -> &str {
        match self {
            Self::Own { domain, .. } => domain,
            Self::Azure => "as Azure",
        }
    }
}

/// Where an authority and a server's certificate lie.
struct Files {
    ca: PathBuf,
    ca_key: PathBuf,
    leaf: PathBuf,
    leaf_key: PathBuf,
}

/// Keys and certificates of one data folder.
#[derive(Debug)]
pub(crate) struct Pki {
    folder: Folder,
    names: Names,
}

/// The server's certificate and key, ready for TLS.
pub(crate) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// What [`Pki::ensure`] had to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Everything was still good.
    Kept,
    /// The server has a new certificate; clients notice nothing.
    Leaf,
    /// There is a new authority: clients have to trust `ca.pem` anew.
    Authority,
}

impl Pki {
    pub(crate) fn new(folder: Folder, names: Names) -> Self {
        Self { folder, names }
    }

    /// From now on the certificate is for these vaults.
    pub(crate) fn serve(&mut self, served: Vec<String>) {
        if let Names::Own { vaults, .. } = &mut self.names {
            *vaults = served;
        }
    }

    /// The certificate that clients have to trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.files().ca
    }

    fn files(&self) -> Files {
        let folder = &self.folder;
        match self.names {
            Names::Own { .. } => Files {
                ca: folder.ca(),
                ca_key: folder.pki("ca.key"),
                leaf: folder.pki("server.pem"),
                leaf_key: folder.pki("server.key"),
            },
            Names::Azure => Files {
                ca: folder.azure_ca(),
                ca_key: folder.pki("azure-ca.key"),
                leaf: folder.pki("azure.pem"),
                leaf_key: folder.pki("azure.key"),
            },
        }
    }

    /// Makes what is missing, about to expire, or made for another domain, and loads the result.
    ///
    /// # Errors
    /// [`Certificate`](ErrorKind::Certificate) or [`File`](ErrorKind::File).
    pub(crate) fn ensure(&self, now: OffsetDateTime) -> Result<(Identity, Renewal)> {
        let Files { ca: ca_path, ca_key: ca_key_path, leaf: leaf_path, leaf_key: leaf_key_path } =
            self.files();
        let kept = match (folder::read_if_present(&ca_path)?, folder::read_if_present(&ca_key_path)?) {
            (Some(certificate), Some(key)) => Authority::load(&certificate, &key, &self.names, now),
            _ => None,
        };
        let (authority, mut renewal) = match kept {
            Some(authority) => (authority, Renewal::Kept),
            None => {
                let authority = Authority::generate(&self.names, now)?;
                folder::write(&ca_key_path, authority.key_pem().as_bytes(), Readers::Owner)?;
                folder::write(&ca_path, authority.certificate_pem().as_bytes(), Readers::Everybody)?;
                (authority, Renewal::Authority)
            }
        };
        let kept = match (folder::read_if_present(&leaf_path)?, folder::read_if_present(&leaf_key_path)?) {
            (Some(certificate), Some(key))
                if renewal == Renewal::Kept
                    && leaf::is_good(&certificate, &key, &authority, &self.names.dns(), now) =>
            {
                Some((certificate, Zeroizing::new(key)))
            }
            _ => None,
        };
        let (certificate, key) = match kept {
            Some(pair) => pair,
            None => {
                let (certificate, key) = leaf::issue(&authority, &self.names, now)?;
                folder::write(&leaf_key_path, key.as_bytes(), Readers::Owner)?;
                folder::write(&leaf_path, certificate.as_bytes(), Readers::Everybody)?;
                if renewal == Renewal::Kept {
                    renewal = Renewal::Leaf;
                }
                (certificate, key)
            }
        };
        Ok((Identity::parse(&certificate, &key)?, renewal))
    }
}

impl Identity {
    fn parse(certificate: &str, key: &str) -> Result<Self> {
        let unreadable = |error: rustls_pki_types::pem::Error| {
            Error::new(ErrorKind::Certificate, format!("the server's certificate cannot be read: {error}"))
        };
        Ok(Self {
            chain: CertificateDer::pem_slice_iter(certificate.as_bytes())
                .collect::<Result<_, _>>()
                .map_err(unreadable)?,
            key: PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(unreadable)?,
        })
    }

    /// When the certificate ends, in Unix seconds.
    pub(crate) fn ends(&self) -> Option<i64> {
        let (_, certificate) = X509Certificate::from_der(self.chain.first()?).ok()?;
        Some(certificate.validity().not_after.timestamp())
    }

    /// Which of these names the certificate is not for.
    fn lacks(&self, names: &[String]) -> Vec<String> {
        let parsed = self.chain.first().and_then(|first| X509Certificate::from_der(first).ok());
        let listed: Vec<String> = parsed
            .as_ref()
            .and_then(|(_, certificate)| certificate.subject_alternative_name().ok().flatten())
            .map(|found| {
                found.value.general_names.iter().filter_map(leaf::dns_name).map(str::to_lowercase).collect()
            })
            .unwrap_or_default();
        let covers = |name: &str| {
            listed.iter().any(|listed| {
                let under = listed.strip_prefix("*.").zip(name.split_once('.'));
                listed == name || under.is_some_and(|(domain, (label, rest))| label != "*" && domain == rest)
            })
        };
        names.iter().filter(|name| !covers(name)).cloned().collect()
    }

    /// What TLS signs with.
    fn certified(self) -> Result<CertifiedKey> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        CertifiedKey::from_der(self.chain, self.key, &provider).map_err(|error| {
            Error::new(ErrorKind::Certificate, format!("the server's certificate cannot be used: {error}"))
        })
    }
}

/// A failure of the certificate library.
fn certificate_error(what: &str, error: &rcgen::Error) -> Error {
    Error::new(ErrorKind::Certificate, format!("cannot make {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use rcgen::generate_simple_self_signed;
    use std::os::unix::fs::PermissionsExt;

    use time::Duration;
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

    fn pki(parent: &tempfile::TempDir, domain: &str) -> Pki {
        let folder = Folder::at(parent.path());
        folder.create().unwrap();
        Pki::new(folder, Names::Own { domain: domain.into(), vaults: vec!["v1".into()] })
    }

    #[test]
    fn a_second_start_keeps_what_the_first_made() {
        let parent = tempfile::tempdir().unwrap();
        let pki = pki(&parent, "vault.localhost");
        assert_eq!(pki.ensure(NOW).unwrap().1, Renewal::Authority);
        assert_eq!(pki.ensure(NOW + Duration::days(200)).unwrap().1, Renewal::Kept);
        for private in ["pki/ca.key", "pki/server.key"] {
            let mode = parent.path().join(private).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{private}");
        }
    }

    #[test]
    fn the_server_certificate_is_renewed_in_its_last_third_and_the_authority_stays() {
        let parent = tempfile::tempdir().unwrap();
        let pki = pki(&parent, "vault.localhost");
        pki.ensure(NOW).unwrap();
        let ca = std::fs::read(parent.path().join("ca.pem")).unwrap();
        assert_eq!(pki.ensure(NOW + Duration::days(263)).unwrap().1, Renewal::Kept);
        assert_eq!(pki.ensure(NOW + Duration::days(266)).unwrap().1, Renewal::Leaf);
        assert_eq!(std::fs::read(parent.path().join("ca.pem")).unwrap(), ca);
    }

    #[test]
    fn an_authority_that_would_not_outlive_a_server_certificate_is_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let pki = pki(&parent, "vault.localhost");
        pki.ensure(NOW).unwrap();
        assert_eq!(pki.ensure(NOW + Duration::days(9 * 365)).unwrap().1, Renewal::Authority);
    }

    #[test]
    fn another_domain_needs_another_authority() {
        let parent = tempfile::tempdir().unwrap();
        pki(&parent, "vault.localhost").ensure(NOW).unwrap();
        assert_eq!(pki(&parent, "vault.example.org").ensure(NOW).unwrap().1, Renewal::Authority);
    }

    #[test]
    fn a_bare_domain_lists_each_vault_and_a_new_one_renews_the_certificate() {
        let parent = tempfile::tempdir().unwrap();
        let mut pki = pki(&parent, "localhost");
        pki.ensure(NOW).unwrap();
        pki.serve(vec!["v1".into(), "v2".into()]);
        assert_eq!(pki.ensure(NOW).unwrap().1, Renewal::Leaf);
    }

    #[test]
    fn a_key_that_does_not_fit_is_replaced() {
        let parent = tempfile::tempdir().unwrap();
        let pki = pki(&parent, "vault.localhost");
        pki.ensure(NOW).unwrap();
        std::fs::copy(parent.path().join("pki/ca.key"), parent.path().join("pki/server.key")).unwrap();
        assert_eq!(pki.ensure(NOW).unwrap().1, Renewal::Leaf);
    }

    #[test]
    fn a_wildcard_is_for_every_name_with_one_more_label_and_for_no_wildcard_but_itself() {
        let identity = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let made = generate_simple_self_signed(names).unwrap();
            Identity::parse(&made.cert.pem(), &made.signing_key.serialize_pem()).unwrap()
        };
        let wanted = ["*.kv.example".to_owned(), "login.kv.example".to_owned()];
        assert!(identity(&["*.KV.example"]).lacks(&wanted).is_empty());
        assert_eq!(identity(&["login.kv.example", "v1.kv.example"]).lacks(&wanted), wanted[..1]);
        assert_eq!(identity(&["*.example"]).lacks(&wanted), wanted);
    }
}
