//! The certificates of a running vault, kept fresh.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use time::OffsetDateTime;

use super::given::{Given, Stamp};
use super::served::Served;
use super::{Identity, Names, Pki, Renewal};
use crate::error::Result;
use crate::folder::Folder;

/// What is served, and where it comes from.
#[derive(Debug)]
pub(crate) struct Certificates {
    source: Source,
    azure: Option<Pki>,
    served: Arc<Served>,
    /// When the own certificate ends, in Unix seconds; 0 if that is not known.
    ends: i64,
}

#[derive(Debug)]
enum Source {
    Own(Pki),
    Given {
        files: Given,
        stamp: Stamp,
        /// The names that clients call.
        needed: Vec<String>,
    },
}

impl Certificates {
    /// Makes or reads what is needed: a given certificate or the own authority's, and one for Azure's names if they are
    /// answered.
    ///
    /// # Errors
    /// [`Certificate`](crate::ErrorKind::Certificate) or [`File`](crate::ErrorKind::File).
    pub(crate) fn open(
        folder: &Folder,
        names: Names,
        given: Option<&Given>,
        as_azure: bool,
        now: OffsetDateTime,
    ) -> Result<Self> {
        let (source, identity) = match given {
            Some(files) => {
                let stamp = files.stamp();
                let identity = files.load(now)?;
                let needed = names.below();
                warn_of_lacking(&identity, &needed);
                (Source::Given { files: files.clone(), stamp, needed }, identity)
            }
            None => {
                let pki = Pki::new(folder.clone(), names);
                let (identity, renewal) = pki.ensure(now)?;
                log_renewal(&pki, renewal);
                (Source::Own(pki), identity)
            }
        };
        let ends = identity.ends().unwrap_or_default();
        let azure = as_azure.then(|| Pki::new(folder.clone(), Names::Azure));
        let azure_key = match &azure {
            Some(pki) => {
                let (identity, renewal) = pki.ensure(now)?;
                log_renewal(pki, renewal);
                Some(identity.certified()?)
            }
            None => None,
        };
        let served = Arc::new(Served::new(identity.certified()?, azure_key));
        Ok(Self { source, azure, served, ends })
    }

    /// What TLS works with, from now on.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>> {
        self.served.server_config()
    }

    /// The file that clients have to trust.
    pub(crate) fn ca(&self) -> PathBuf {
        match &self.source {
            Source::Own(pki) => pki.ca(),
            Source::Given { files, .. } => files.trusted(),
        }
    }

    /// When the own certificate ends, in Unix seconds; 0 if that is not known.
    pub(crate) fn ends(&self) -> i64 {
        self.ends
    }

    /// Renews what is due. `vaults` are the names of all vaults, which a certificate may have to list.
    ///
    /// # Errors
    /// What was served before is served on.
    pub(crate) fn renew(&mut self, vaults: Vec<String>, now: OffsetDateTime) -> Result<()> {
        if let Source::Own(pki) = &mut self.source {
            pki.serve(vaults);
            let (identity, renewal) = pki.ensure(now)?;
            if renewal != Renewal::Kept {
                log_renewal(pki, renewal);
                self.ends = identity.ends().unwrap_or_default();
                self.served.replace_own(identity.certified()?);
            }
        }
        if let Some(pki) = &self.azure {
            let (identity, renewal) = pki.ensure(now)?;
            if renewal != Renewal::Kept {
                log_renewal(pki, renewal);
                self.served.replace_azure(identity.certified()?);
            }
        }
        Ok(())
    }

    /// Whether somebody else keeps the files, so that they have to be watched.
    pub(crate) fn are_given(&self) -> bool {
        matches!(self.source, Source::Given { .. })
    }

    /// Reads given files again if they have changed; answers whether they had. Each state of the files is tried once.
    ///
    /// # Errors
    /// If they cannot be used. What was served before is served on.
    pub(crate) fn reload(&mut self, now: OffsetDateTime) -> Result<bool> {
        let Source::Given { files, stamp, needed } = &mut self.source else { return Ok(false) };
        let found = files.stamp();
        if found == *stamp {
            return Ok(false);
        }
        *stamp = found;
        let identity = files.load(now)?;
        warn_of_lacking(&identity, needed);
        let ends = identity.ends().unwrap_or_default();
        self.served.replace_own(identity.certified()?);
        self.ends = ends;
        Ok(true)
    }
}

/// A certificate for other names may be wanted, for clients that were told to take it; most will refuse.
fn warn_of_lacking(identity: &Identity, needed: &[String]) {
    let lacking = identity.lacks(needed);
    if !lacking.is_empty() {
        tracing::warn!(
            ?lacking,
            "the given certificate is not for all names of the vaults: clients are going to refuse it"
        );
    }
}

fn log_renewal(pki: &Pki, renewal: Renewal) {
    match renewal {
        Renewal::Kept => {}
        Renewal::Leaf => {
            tracing::info!(names = ?pki.names.permitted(), "the server's certificate was renewed");
        }
        Renewal::Authority => {
            tracing::info!(ca = %pki.ca().display(), "a certificate authority was made: clients have to trust this file");
        }
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_due_renewal_reaches_new_connections_and_an_undue_one_touches_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::at(parent.path());
        folder.create().unwrap();
        let now = datetime!(2026-03-01 12:00 UTC);
        let names = Names::Own { domain: "vault.localhost".into(), vaults: vec![] };
        let mut certificates = Certificates::open(&folder, names, None, true, now).unwrap();
        let first = certificates.served.current();
        certificates.renew(vec!["v1".into()], now).unwrap();
        assert!(
            std::iter::zip(&first, &certificates.served.current()).all(|(old, new)| Arc::ptr_eq(old, new))
        );
        let ends = certificates.ends();
        certificates.renew(vec!["v1".into()], now + Duration::days(300)).unwrap();
        assert!(
            std::iter::zip(&first, &certificates.served.current()).all(|(old, new)| !Arc::ptr_eq(old, new))
        );
        assert_eq!(certificates.ends(), ends + 300 * 24 * 60 * 60);
    }
}
