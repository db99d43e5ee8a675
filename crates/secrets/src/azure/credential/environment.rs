//! Credentials that an environment describes, by the variables that Azure's clients share.

use std::fmt;
use std::str::FromStr;

use super::chain::{DefaultCredential, all_declined};
use super::managed_identity::IdentityHost;
use super::{
    AzureCli, AzureDeveloperCli, ClientCertificate, ClientSecret, Credential, ManagedIdentity,
    WorkloadIdentity,
};
use crate::{Error, ErrorKind, Result};

/// A kind of credential that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// The first of the others that is there, in this order, as `AZURE_TOKEN_CREDENTIALS` selects.
    Default,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`.
    ClientSecret,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_CLIENT_CERTIFICATE_PATH`; `AZURE_CLIENT_CERTIFICATE_PASSWORD` if the
    /// file has one, and `AZURE_CLIENT_SEND_CERTIFICATE_CHAIN`.
    ClientCertificate,
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`.
    WorkloadIdentity,
    /// The host's own variables, else a virtual machine's endpoint; `AZURE_CLIENT_ID` for a user-assigned identity.
    ManagedIdentity,
    /// Who is signed in to the Azure CLI.
    AzureCli,
    /// Who is signed in to the Azure Developer CLI.
    AzureDeveloperCli,
}

impl CredentialKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Default,
        Self::ClientSecret,
        Self::ClientCertificate,
        Self::WorkloadIdentity,
        Self::ManagedIdentity,
        Self::AzureCli,
        Self::AzureDeveloperCli,
    ];

    /// How the kind is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::ClientSecret => "client-secret",
            Self::ClientCertificate => "client-certificate",
            Self::WorkloadIdentity => "workload-identity",
            Self::ManagedIdentity => "managed-identity",
            Self::AzureCli => "azure-cli",
            Self::AzureDeveloperCli => "azure-developer-cli",
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

/// The variables of an environment.
pub(super) struct Variables<'a>(pub(super) &'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    /// A variable that is set and not empty, without the double quotes that Helm's charts leave around values.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let text = (self.0)(name)?;
        let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&text);
        (!bare.is_empty()).then(|| bare.to_owned())
    }

    /// Which of these are not set, in words.
    fn missing(&self, names: &[&'static str]) -> Option<String> {
        let missing: Vec<_> = names.iter().copied().filter(|name| self.get(name).is_none()).collect();
        match &missing[..] {
            [] => None,
            [one] => Some(format!("{one} is not set")),
            several => Some(format!("{} are not set", several.join(", "))),
        }
    }
}

const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";
const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";

impl Credential {
    /// The credential that an environment describes: the default chain.
    ///
    /// # Errors
    /// As [`Credential::of_kind`].
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        Self::of_kind(CredentialKind::Default, variable)
    }

    /// The credential of one kind that an environment describes.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) names the variables that are missing; those of the default chain only
    /// if some of a credential's variables are set. [`Configuration`](ErrorKind::Configuration) if `AZURE_TOKEN_CREDENTIALS`
    /// names nothing that there is.
    pub fn of_kind(kind: CredentialKind, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let variables = Variables(variable);
        let needed = |last: &'static str| {
            let missing = variables.missing(&[TENANT, CLIENT, last]);
            match (variables.get(TENANT), variables.get(CLIENT), variables.get(last), missing) {
                (Some(tenant), Some(client_id), Some(proof), _) => Ok((tenant, client_id, proof)),
                (.., missing) => {
                    let (kind, missing) = (kind.name().replace('-', " "), missing.unwrap_or_default());
                    let message = format!("the {kind} for Azure is incomplete: {missing}");
                    Err(Error::new(ErrorKind::Unauthenticated, message)
                        .with_hint("a credential needs all of its variables"))
                }
            }
        };
        Ok(match kind {
            CredentialKind::Default => Self::Default(DefaultCredential::from_environment(&variables)?),
            CredentialKind::ClientSecret => {
                let (tenant, client_id, secret) = needed(SECRET)?;
                Self::ClientSecret(ClientSecret { tenant, client_id, client_secret: secret.into() })
            }
            CredentialKind::ClientCertificate => {
                let (tenant, client_id, file) = needed(CERTIFICATE)?;
                let send_chain = variables.get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
                Self::ClientCertificate(ClientCertificate {
                    tenant,
                    client_id,
                    file: file.into(),
                    password: variables.get("AZURE_CLIENT_CERTIFICATE_PASSWORD").map(Into::into),
                    send_chain: send_chain
                        .is_some_and(|text| text == "1" || text.eq_ignore_ascii_case("true")),
                })
            }
            CredentialKind::WorkloadIdentity => {
                let (tenant, client_id, file) = needed(TOKEN_FILE)?;
                Self::WorkloadIdentity(WorkloadIdentity { tenant, client_id, token_file: file.into() })
            }
            CredentialKind::ManagedIdentity => Self::ManagedIdentity(ManagedIdentity {
                client_id: variables.get(CLIENT),
                host: IdentityHost::from_environment(&variables),
            }),
            CredentialKind::AzureCli => Self::AzureCli(AzureCli { tenant: variables.get(TENANT) }),
            CredentialKind::AzureDeveloperCli => {
                Self::AzureDeveloperCli(AzureDeveloperCli { tenant: variables.get(TENANT) })
            }
        })
    }
}

/// A link of the default chain, as Azure's clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChainedKind {
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    VisualStudioCode,
    AzureCli,
    AzurePowerShell,
    AzureDeveloperCli,
}

impl ChainedKind {
    const ALL: [Self; 7] = [
        Self::Environment,
        Self::WorkloadIdentity,
        Self::ManagedIdentity,
        Self::VisualStudioCode,
        Self::AzureCli,
        Self::AzurePowerShell,
        Self::AzureDeveloperCli,
    ];

    /// Its name in `AZURE_TOKEN_CREDENTIALS`.
    fn selector(self) -> &'static str {
        match self {
            Self::Environment => "EnvironmentCredential",
            Self::WorkloadIdentity => "WorkloadIdentityCredential",
            Self::ManagedIdentity => "ManagedIdentityCredential",
            Self::VisualStudioCode => "VisualStudioCodeCredential",
            Self::AzureCli => "AzureCliCredential",
            Self::AzurePowerShell => "AzurePowerShellCredential",
            Self::AzureDeveloperCli => "AzureDeveloperCliCredential",
        }
    }

    /// Its name for people.
    fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::WorkloadIdentity => "workload identity",
            Self::ManagedIdentity => "managed identity",
            Self::VisualStudioCode => "Visual Studio Code",
            Self::AzureCli => "Azure CLI",
            Self::AzurePowerShell => "Azure PowerShell",
            Self::AzureDeveloperCli => "Azure Developer CLI",
        }
    }

    /// Which links an `AZURE_TOKEN_CREDENTIALS` selects.
    fn selected(text: Option<&str>) -> Result<Vec<Self>> {
        let (prod, dev) = Self::ALL.split_at(3);
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(Self::ALL.to_vec());
        };
        if text.eq_ignore_ascii_case("prod") {
            return Ok(prod.to_vec());
        }
        if text.eq_ignore_ascii_case("dev") {
            return Ok(dev.to_vec());
        }
        let named = Self::ALL.into_iter().find(|kind| kind.selector().eq_ignore_ascii_case(text));
        named.map(|kind| vec![kind]).ok_or_else(|| {
            let known = Self::ALL.map(Self::selector).join(", ");
            Error::new(
                ErrorKind::Configuration,
                format!("AZURE_TOKEN_CREDENTIALS is {text:?}, which selects nothing"),
            )
            .with_hint(format!("it is prod, dev or one of {known}"))
        })
    }

    /// The credential of this link, or why there is none.
    fn credential(self, variables: &Variables<'_>) -> Result<Result<Credential, String>> {
        let made = |kind| Credential::of_kind(kind, variables.0).map(Ok);
        let absent = |why: &str| Ok(Err(why.to_owned()));
        match self {
            Self::Environment if variables.get(SECRET).is_some() => made(CredentialKind::ClientSecret),
            Self::Environment if variables.get(CERTIFICATE).is_some() => {
                made(CredentialKind::ClientCertificate)
            }
            Self::Environment if variables.get("AZURE_PASSWORD").is_some() => {
                absent("signing in with AZURE_USERNAME and AZURE_PASSWORD is not supported")
            }
            Self::Environment => {
                let missing = variables.missing(&[TENANT, CLIENT, SECRET]).unwrap_or_default();
                Ok(Err(format!("{missing} ({CERTIFICATE} could stand for the last)")))
            }
            Self::WorkloadIdentity if variables.get(TOKEN_FILE).is_some() => {
                made(CredentialKind::WorkloadIdentity)
            }
            Self::WorkloadIdentity => Ok(Err(format!("{TOKEN_FILE} is not set"))),
            Self::ManagedIdentity => made(CredentialKind::ManagedIdentity),
            Self::AzureCli => made(CredentialKind::AzureCli),
            Self::AzureDeveloperCli => made(CredentialKind::AzureDeveloperCli),
            Self::VisualStudioCode | Self::AzurePowerShell => absent("Strongroom cannot ask it"),
        }
    }
}

impl DefaultCredential {
    fn from_environment(variables: &Variables<'_>) -> Result<Self> {
        let selected = ChainedKind::selected(variables.get("AZURE_TOKEN_CREDENTIALS").as_deref())?;
        let links = selected.into_iter().map(|kind| Ok((kind.name(), kind.credential(variables)?)));
        let links: Vec<_> = links.collect::<Result<_>>()?;
        let absent = |(name, credential): &(_, Result<_, String>)| Some((*name, credential.clone().err()?));
        match links.iter().map(absent).collect::<Option<Vec<_>>>() {
            // There is nothing to try.
            Some(absent) => Err(all_declined(&absent)),
            None => Ok(Self { links }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |asked| set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
    }

    fn of_kind(kind: CredentialKind, set: &[(&str, &str)]) -> Result<Credential> {
        Credential::of_kind(kind, &environment(set))
    }

    fn chain(set: &[(&str, &str)]) -> Result<Vec<(&'static str, Result<Credential, String>)>> {
        match Credential::from_environment(&environment(set))? {
            Credential::Default(chain) => Ok(chain.links),
            other => panic!("{other:?}"),
        }
    }

    /// The links that there are.
    fn found(set: &[(&str, &str)]) -> Vec<(&'static str, Credential)> {
        let links = chain(set).unwrap().into_iter();
        links.filter_map(|(name, credential)| Some((name, credential.ok()?))).collect()
    }

    const APP: [(&str, &str); 2] = [(TENANT, "t"), (CLIENT, "c")];

    #[test]
    fn the_chain_has_the_documented_order_and_tells_of_each_link_that_is_not_there() {
        let links = chain(&[]).unwrap();
        let names: Vec<_> = links.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "environment",
                "workload identity",
                "managed identity",
                "Visual Studio Code",
                "Azure CLI",
                "Azure PowerShell",
                "Azure Developer CLI"
            ]
        );
        let why = |index: usize| links[index].1.clone().unwrap_err();
        assert!(why(0).contains("AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET are not set"));
        assert_eq!(why(1), "AZURE_FEDERATED_TOKEN_FILE is not set");
        assert!(links[2].1.is_ok() && links[4].1.is_ok() && links[6].1.is_ok());
    }

    #[test]
    fn each_kind_is_found_by_its_variable() {
        let (secret, file) = ((SECRET, "s"), (TOKEN_FILE, "/token"));
        let wanted = ClientSecret { tenant: "t".into(), client_id: "c".into(), client_secret: "s".into() };
        let links = found(&[APP[0], APP[1], file, secret, (CERTIFICATE, "/pem")]);
        assert_eq!(links[0], ("environment", Credential::ClientSecret(wanted)));
        assert_eq!(links[1].0, "workload identity");
        let wanted = ClientCertificate {
            tenant: "t".into(),
            client_id: "c".into(),
            file: "/pem".into(),
            password: Some("p".into()),
            send_chain: true,
        };
        let set = [
            APP[0],
            APP[1],
            (CERTIFICATE, "/pem"),
            ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "p"),
            ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "True"),
        ];
        assert_eq!(found(&set)[0], ("environment", Credential::ClientCertificate(wanted)));
        let wanted =
            WorkloadIdentity { tenant: "t".into(), client_id: "c".into(), token_file: "/token".into() };
        assert_eq!(found(&[APP[0], APP[1], file])[0].1, Credential::WorkloadIdentity(wanted));
    }

    #[test]
    fn a_half_configured_credential_names_what_is_missing_and_no_other_is_tried() {
        for set in [
            [APP[0], (SECRET, "hunter2"), ("IDENTITY_ENDPOINT", "http://e/")],
            [APP[0], (CERTIFICATE, "/pem"), ("IDENTITY_ENDPOINT", "http://e/")],
            [APP[0], (TOKEN_FILE, "/token"), ("IDENTITY_ENDPOINT", "http://e/")],
        ] {
            let error = chain(&set).unwrap_err().to_string();
            assert!(error.contains("AZURE_CLIENT_ID is not set") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn azure_token_credentials_selects_links_in_any_case() {
        let selected = |text: &str| {
            let links = chain(&[("AZURE_TOKEN_CREDENTIALS", text)]).unwrap();
            links.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        for prod in ["prod", "PROD", " Prod ", "\"prod\""] {
            assert_eq!(selected(prod), ["environment", "workload identity", "managed identity"], "{prod}");
        }
        assert_eq!(
            selected("Dev"),
            ["Visual Studio Code", "Azure CLI", "Azure PowerShell", "Azure Developer CLI"]
        );
        for kind in [ChainedKind::ManagedIdentity, ChainedKind::AzureCli, ChainedKind::AzureDeveloperCli] {
            assert_eq!(selected(kind.selector()), [kind.name()]);
            assert_eq!(selected(&kind.selector().to_lowercase()), [kind.name()]);
        }
        let error = chain(&[("AZURE_TOKEN_CREDENTIALS", "production")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("prod, dev or one of EnvironmentCredential"), "{error}");
    }

    #[test]
    fn a_chain_in_which_there_is_nothing_to_try_is_refused_with_the_reason() {
        for (selected, why) in [
            ("EnvironmentCredential", "environment: AZURE_CLIENT_ID, AZURE_CLIENT_SECRET are not set"),
            ("WorkloadIdentityCredential", "workload identity: AZURE_FEDERATED_TOKEN_FILE is not set"),
            ("AzurePowerShellCredential", "Azure PowerShell: Strongroom cannot ask it"),
        ] {
            let error = chain(&[APP[0], ("AZURE_TOKEN_CREDENTIALS", selected)]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn what_is_not_selected_is_not_looked_at() {
        let set = [(SECRET, "half of it"), ("AZURE_TOKEN_CREDENTIALS", "dev")];
        assert!(chain(&set).is_ok());
    }

    #[test]
    fn quotes_that_helm_left_are_no_part_of_a_value() {
        let set = [(TENANT, "\"t\""), (CLIENT, "c"), (SECRET, "\"s\""), ("AZURE_PASSWORD", "\"\"")];
        let wanted = ClientSecret { tenant: "t".into(), client_id: "c".into(), client_secret: "s".into() };
        assert_eq!(of_kind(CredentialKind::ClientSecret, &set).unwrap(), Credential::ClientSecret(wanted));
    }

    #[test]
    fn a_kind_that_is_asked_for_needs_no_variable_of_its_own() {
        assert_eq!(
            of_kind(CredentialKind::AzureCli, &[]).unwrap(),
            Credential::AzureCli(AzureCli::default())
        );
        assert_eq!(
            of_kind(CredentialKind::ManagedIdentity, &[(CLIENT, "c")]).unwrap(),
            Credential::ManagedIdentity(ManagedIdentity {
                client_id: Some("c".into()),
                ..Default::default()
            })
        );
        assert!(of_kind(CredentialKind::WorkloadIdentity, &[]).is_err());
        for kind in CredentialKind::ALL {
            assert_eq!(kind.name().parse::<CredentialKind>().unwrap(), kind);
        }
        assert!("azure".parse::<CredentialKind>().unwrap_err().to_string().contains("azure-cli"));
    }
}
