//! The credential that an environment describes, by the variables that Azure's clients share.

use std::fmt;
use std::str::FromStr;

use super::{AzureCli, ClientCertificate, ClientSecret, Credential, ManagedIdentity, WorkloadIdentity};
use crate::{Error, ErrorKind, Result};

/// A kind of credential that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`.
    ClientSecret,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_CERTIFICATE_PATH`.
    ClientCertificate,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`.
    WorkloadIdentity,
    /// `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`, else a virtual machine's endpoint; `AZURE_CLIENT_ID` for a
    /// user-assigned identity.
    ManagedIdentity,
    /// Who is signed in to the Azure CLI.
    AzureCli,
}

impl CredentialKind {
    /// All kinds, in the order in which they are looked for.
    pub const ALL: [Self; 5] = [
        Self::ClientSecret,
        Self::ClientCertificate,
        Self::WorkloadIdentity,
        Self::ManagedIdentity,
        Self::AzureCli,
    ];

    /// How the kind is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientSecret => "client-secret",
            Self::ClientCertificate => "client-certificate",
            Self::WorkloadIdentity => "workload-identity",
            Self::ManagedIdentity => "managed-identity",
            Self::AzureCli => "azure-cli",
        }
    }

    /// The variable that shows that this kind is meant.
    fn marker(self) -> Option<&'static str> {
        match self {
            Self::ClientSecret => Some("AZURE_CLIENT_SECRET"),
            Self::ClientCertificate => Some("AZURE_CLIENT_CERTIFICATE_PATH"),
            Self::WorkloadIdentity => Some("AZURE_FEDERATED_TOKEN_FILE"),
            Self::ManagedIdentity => Some("IDENTITY_ENDPOINT"),
            Self::AzureCli => None,
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for CredentialKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::new(ErrorKind::Configuration, format!("{text:?} is no kind of credential"))
                .with_hint(format!("there are {known}"))
        })
    }
}

impl Credential {
    /// The credential that an environment describes: the first kind of [`CredentialKind::ALL`] whose own variable is set. A
    /// virtual machine's managed identity and the Azure CLI have no variable: they are used if they are asked for.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) with a list of what was looked for and why each did not serve, or with
    /// what is missing beside the variable that is set.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let is_meant = |kind: &CredentialKind| kind.marker().is_some_and(|marker| set(marker).is_some());
        if let Some(kind) = CredentialKind::ALL.into_iter().find(is_meant) {
            return Self::of_kind(kind, variable);
        }
        let missing: Vec<&str> = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"]
            .into_iter()
            .filter(|name| set(name).is_none())
            .collect();
        let plural = if missing.len() == 1 { "is" } else { "are" };
        let mut tried = vec![format!("client secret: {} {plural} not set", missing.join(", "))];
        for kind in &CredentialKind::ALL[1..] {
            if let Some(marker) = kind.marker() {
                tried.push(format!("{}: {marker} is not set", kind.name().replace('-', " ")));
            }
        }
        let message = format!("the environment holds no credential for Azure; tried {}", tried.join("; "));
        Err(Error::new(ErrorKind::Unauthenticated, message)
            .with_hint("set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET"))
    }

    /// The credential of one kind that an environment describes.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) names the variables that are missing.
    pub fn of_kind(kind: CredentialKind, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let set = |name: &str| variable(name).filter(|text| !text.is_empty());
        let needed = |last: &'static str| {
            let names = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", last];
            let found = names.map(set);
            match found {
                [Some(tenant), Some(client_id), Some(proof)] => Ok((tenant, client_id, proof)),
                found => {
                    let missing: Vec<_> = names
                        .iter()
                        .zip(found)
                        .filter(|(_, found)| found.is_none())
                        .map(|(name, _)| *name)
                        .collect();
                    let plural = if missing.len() == 1 { "is" } else { "are" };
                    Err(Error::new(
                        ErrorKind::Unauthenticated,
                        format!(
                            "the {} for Azure is incomplete: {} {plural} not set",
                            kind.name().replace('-', " "),
                            missing.join(", ")
                        ),
                    )
                    .with_hint(format!("set {}", missing.join(" and "))))
                }
            }
        };
        Ok(match kind {
            CredentialKind::ClientSecret => {
                let (tenant, client_id, secret) = needed("AZURE_CLIENT_SECRET")?;
                Self::ClientSecret(ClientSecret { tenant, client_id, client_secret: secret.into() })
            }
            CredentialKind::ClientCertificate => {
                let (tenant, client_id, file) = needed("AZURE_CLIENT_CERTIFICATE_PATH")?;
                Self::ClientCertificate(ClientCertificate { tenant, client_id, file: file.into() })
            }
            CredentialKind::WorkloadIdentity => {
                let (tenant, client_id, file) = needed("AZURE_FEDERATED_TOKEN_FILE")?;
                Self::WorkloadIdentity(WorkloadIdentity { tenant, client_id, token_file: file.into() })
            }
            CredentialKind::ManagedIdentity => Self::ManagedIdentity(ManagedIdentity {
                client_id: set("AZURE_CLIENT_ID"),
                endpoint: set("IDENTITY_ENDPOINT"),
            }),
            CredentialKind::AzureCli => Self::AzureCli(AzureCli { tenant: set("AZURE_TENANT_ID") }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |asked| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
    }

    fn found(set: &[(&str, &str)]) -> Credential {
        Credential::from_environment(&environment(set)).unwrap()
    }

    const APP: [(&str, &str); 2] = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];

    #[test]
    fn each_kind_is_found_by_its_variable_and_a_client_secret_goes_first() {
        let secret = ("AZURE_CLIENT_SECRET", "s");
        let file = ("AZURE_FEDERATED_TOKEN_FILE", "/token");
        let wanted = ClientSecret { tenant: "t".into(), client_id: "c".into(), client_secret: "s".into() };
        assert_eq!(found(&[APP[0], APP[1], file, secret]), Credential::ClientSecret(wanted));
        let wanted =
            WorkloadIdentity { tenant: "t".into(), client_id: "c".into(), token_file: "/token".into() };
        assert_eq!(found(&[APP[0], APP[1], file]), Credential::WorkloadIdentity(wanted));
        let wanted = ClientCertificate { tenant: "t".into(), client_id: "c".into(), file: "/pem".into() };
        assert_eq!(
            found(&[APP[0], APP[1], ("AZURE_CLIENT_CERTIFICATE_PATH", "/pem"), file]),
            Credential::ClientCertificate(wanted)
        );
        let wanted = ManagedIdentity { client_id: Some("c".into()), endpoint: Some("http://e/".into()) };
        assert_eq!(found(&[APP[1], ("IDENTITY_ENDPOINT", "http://e/")]), Credential::ManagedIdentity(wanted));
    }

    #[test]
    fn a_half_configured_credential_names_what_is_missing_and_no_other_is_tried() {
        let set = [APP[0], ("AZURE_CLIENT_SECRET", "hunter2"), ("AZURE_FEDERATED_TOKEN_FILE", "/token")];
        let error = Credential::from_environment(&environment(&set)).unwrap_err().to_string();
        assert!(error.contains("AZURE_CLIENT_ID is not set") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_was_looked_for_is_listed() {
        let error = Credential::from_environment(&environment(&[
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_SECRET", ""),
        ]))
        .unwrap_err()
        .to_string();
        assert!(error.contains("AZURE_CLIENT_ID, AZURE_CLIENT_SECRET are not set"), "{error}");
        assert!(error.contains("workload identity: AZURE_FEDERATED_TOKEN_FILE is not set"), "{error}");
    }

    #[test]
    fn a_kind_that_is_asked_for_needs_no_variable_of_its_own() {
        let nothing = environment(&[]);
        assert_eq!(
            Credential::of_kind(CredentialKind::AzureCli, &nothing).unwrap(),
            Credential::AzureCli(AzureCli::default())
        );
        assert_eq!(
            Credential::of_kind(CredentialKind::ManagedIdentity, &nothing).unwrap(),
            Credential::ManagedIdentity(ManagedIdentity::default())
        );
        assert!(Credential::of_kind(CredentialKind::WorkloadIdentity, &nothing).is_err());
        for kind in CredentialKind::ALL {
            assert_eq!(kind.name().parse::<CredentialKind>().unwrap(), kind);
        }
        assert!("azure".parse::<CredentialKind>().unwrap_err().to_string().contains("azure-cli"));
    }
}
