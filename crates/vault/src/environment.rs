//! The variables that make a client use this vault: for a shell, a service file, a test.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use strongroom_secrets::SecretValue;

use crate::access::Principals;
use crate::administration::Made;
use crate::config::{Checked, PrincipalSettings, VaultConfig};
use crate::error::{Error, Result};
use crate::folder::Folder;
use crate::managed_identity;
use crate::run_file::RunFile;
use crate::trust::Trust;

/// How long the system's resolver may take to say whether it knows a name.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(3);

/// What a client needs to use a vault as one of its principals.
#[derive(Debug)]
pub struct Environment {
    variables: Vec<(&'static str, SecretValue)>,
    hosts: Vec<String>,
    address: SocketAddr,
}

impl Environment {
    /// Collects the variables for a principal. `vault` may be left out if the principal has roles in one vault only, or
    /// if there is one vault only. Writes `ca-bundle.pem`: the system's roots plus ours.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if the principal or vault does not exist, or the vault's port is not
    /// known yet; [`File`](crate::ErrorKind::File) if the vault was never started on this folder.
    pub fn collect(
        data_dir: &Path,
        config: Option<&Path>,
        principal: &str,
        vault: Option<&str>,
    ) -> Result<Self> {
        Self::collect_with(data_dir, config, principal, vault, Made::default())
    }

    /// The same; the principal and the vault may have been made at run time. The client secret of such a principal is not
    /// known: the vault keeps no more of it than it takes to check it.
    ///
    /// # Errors
    /// Those of [`Environment::collect`].
    pub fn collect_with(
        data_dir: &Path,
        config: Option<&Path>,
        principal: &str,
        vault: Option<&str>,
        made: Made,
    ) -> Result<Self> {
        let folder = Folder::at(data_dir);
        let run = RunFile::read(&folder)?;
        let mut config = read_config(&folder, config, run.as_ref())?;
        let checked = config.check_alone()?;
        config.vaults.extend(made.vaults);
        config.principals.extend(made.principals);
        let principal = find_principal(&config, principal)?;
        let vault = choose_vault(&config, &checked.principals, principal, vault)?;
        let address = match &run {
            Some(run) => run.address,
            None if checked.listen.port() != 0 => checked.listen,
            None => {
                return Err(Error::configuration("the vault's port is not known: it is chosen at the start")
                    .with_hint("start the vault first, or name a port in listen"));
            }
        };
        let trust = Trust::of(&folder, &config, run.as_ref())?;

        let (domain, port) = (&checked.domain, address.port());
        let path = |path: &Path| SecretValue::new(path.to_string_lossy());
        let mut variables = vec![
            ("AZURE_TENANT_ID", SecretValue::new(&*checked.tenant)),
            ("AZURE_CLIENT_ID", SecretValue::new(&*principal.client_id)),
        ];
        variables.extend(principal.client_secret.clone().map(|secret| ("AZURE_CLIENT_SECRET", secret)));
        variables.extend(managed_identity(&folder, &config, &checked, principal, run.as_ref())?);
        variables.extend([
            ("AZURE_AUTHORITY_HOST", SecretValue::new(format!("https://login.{domain}:{port}"))),
            ("AZURE_KEY_VAULT_NAME", SecretValue::new(&*vault)),
            ("AZURE_KEY_VAULT_URL", SecretValue::new(format!("https://{vault}.{domain}:{port}"))),
        ]);
        if let Some(extra) = trust.extra() {
            variables.extend([
                ("SSL_CERT_FILE", path(trust.bundle())),
                ("REQUESTS_CA_BUNDLE", path(trust.bundle())),
                ("NODE_EXTRA_CA_CERTS", path(extra)),
            ]);
        }
        let hosts = vec![format!("{vault}.{domain}"), format!("login.{domain}")];
        Ok(Self { variables, hosts, address })
    }

    /// The variables, in the order in which they are printed. One of them is a client secret.
    pub fn variables(&self) -> &[(&'static str, SecretValue)] {
        &self.variables
    }

    /// Whether a client needs nothing else to prove who it is.
    pub fn proves_the_principal(&self) -> bool {
        self.variables.iter().any(|(name, _)| matches!(*name, "AZURE_CLIENT_SECRET" | "IDENTITY_ENDPOINT"))
    }

    /// One `export NAME='value'` per line, for a POSIX shell.
    pub fn exports(&self) -> SecretValue {
        let mut text = zeroize::Zeroizing::new(String::with_capacity(2048));
        for (name, value) in &self.variables {
            // A quote inside quotes: end, escaped quote, start again.
            let quoted = zeroize::Zeroizing::new(value.expose().replace('\'', r"'\''"));
            let _ = writeln!(text, "export {name}='{}'", *quoted);
        }
        SecretValue::new(&**text)
    }

    /// The line that the machine's hosts file lacks, if its resolver does not know the vault's names.
    pub async fn missing_hosts_line(&self) -> Option<String> {
        let mut missing = Vec::new();
        for host in &self.hosts {
            let lookup = tokio::net::lookup_host((host.as_str(), self.address.port()));
            let known = tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await;
            let known = known.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some()));
            if !known {
                missing.push(host.as_str());
            }
        }
        if missing.is_empty() {
            return None;
        }
        Some(format!("{} {}", reachable(self.address).ip(), missing.join(" ")))
    }
}

/// What leads a client to a principal's token without a secret, if the principal is a managed identity.
fn managed_identity(
    folder: &Folder,
    config: &VaultConfig,
    checked: &Checked,
    principal: &PrincipalSettings,
    run: Option<&RunFile>,
) -> Result<Vec<(&'static str, SecretValue)>> {
    let Some(section) =
        checked.managed_identity.as_ref().filter(|_| config.is_managed_identity(&principal.name))
    else {
        return Ok(vec![]);
    };
    let not_started = || {
        Error::configuration("the listener for managed identities is not there yet")
            .with_hint("start the vault with this configuration first")
    };
    let address = run.and_then(|run| run.managed_identity).unwrap_or(section.listen);
    if address.port() == 0 {
        return Err(not_started());
    }
    let header = match &section.header {
        Some(header) => header.clone(),
        None => managed_identity::read_header(folder)?.ok_or_else(not_started)?,
    };
    let base = format!("http://{}", reachable(address));
    Ok(vec![
        ("IDENTITY_ENDPOINT", SecretValue::new(format!("{base}{}", managed_identity::APP_SERVICE_PATH))),
        ("IDENTITY_HEADER", header),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", SecretValue::new(base)),
    ])
}

/// The address as a client on this machine has to write it.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if ip.is_unspecified() && ip.is_ipv4() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        ip if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        _ => address,
    }
}

/// The file that is named, else the one that the last start read, else the data folder's own.
pub(crate) fn read_config(
    folder: &Folder,
    named: Option<&Path>,
    run: Option<&RunFile>,
) -> Result<VaultConfig> {
    let last = run.and_then(|run| run.config.clone());
    match named {
        Some(path) => VaultConfig::read(path),
        None => {
            let path = last.unwrap_or_else(|| folder.config());
            if !path.exists() {
                return Err(Error::configuration(format!(
                    "there is no configuration file {}",
                    path.display()
                ))
                .with_hint("start the vault once on this data folder, or name the file with --config"));
            }
            VaultConfig::read(&path)
        }
    }
}

fn find_principal<'a>(config: &'a VaultConfig, name: &str) -> Result<&'a PrincipalSettings> {
    config.principals.iter().find(|principal| principal.name == name).ok_or_else(|| {
        let known = config.principals.iter().map(|principal| principal.name.as_str());
        Error::configuration(format!("there is no principal {name:?}"))
            .with_hint(crate::config::suggest(name, known))
    })
}

/// The vault's name in lower case, as it stands in URLs.
fn choose_vault(
    config: &VaultConfig,
    principals: &Principals,
    principal: &PrincipalSettings,
    asked: Option<&str>,
) -> Result<String> {
    let known = || config.vaults.iter().map(|vault| vault.name.as_str());
    if let Some(asked) = asked {
        return known()
            .find(|name| name.eq_ignore_ascii_case(asked))
            .map(str::to_ascii_lowercase)
            .ok_or_else(|| {
                Error::configuration(format!("there is no vault {asked:?}"))
                    .with_hint(crate::config::suggest(asked, known()))
            });
    }
    let mut own = match principals.get(&principal.client_id) {
        Some(known) => known.vaults(),
        None => principal.roles.iter().map(|role| role.vault.to_ascii_lowercase()).collect(),
    };
    own.sort_unstable();
    own.dedup();
    if own.is_empty() {
        own = known().map(str::to_ascii_lowercase).collect();
    }
    match <[String; 1]>::try_from(own) {
        Ok([only]) => Ok(only),
        Err(several) => Err(Error::configuration("it is not clear which vault is meant")
            .with_hint(format!("name it with --vault; there is {}", several.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    use strongroom_secrets::random::SystemRandom;

    use super::*;
    use crate::config::VaultSettings;
    use crate::pki::{Names, Pki};

    /// A folder as a start leaves it.
    fn started(port: u16) -> tempfile::TempDir {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::at(parent.path());
        folder.create().unwrap();
        let mut config = VaultConfig::for_development("Dev", &SystemRandom);
        config.listen = format!("127.0.0.1:{port}");
        config.principals[0].client_secret = Some("it's".into());
        config.write(&folder.config()).unwrap();
        let names = Names::Own { domain: config.domain.clone(), vaults: vec!["dev".into()] };
        let now = time::macros::datetime!(2026-03-01 12:00 UTC);
        Pki::new(folder, names).ensure(now).unwrap();
        parent
    }

    fn value<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
        environment.variables().iter().find(|(known, _)| *known == name).map(|(_, value)| value.expose())
    }

    #[test]
    fn a_clients_variables_name_vault_authority_and_trust() {
        let folder = started(8443);
        let environment = Environment::collect(folder.path(), None, "server", None).unwrap();
        assert_eq!(value(&environment, "AZURE_TENANT_ID"), Some("adfs"));
        assert_eq!(value(&environment, "AZURE_AUTHORITY_HOST"), Some("https://login.vault.localhost:8443"));
        assert_eq!(value(&environment, "AZURE_KEY_VAULT_NAME"), Some("dev"));
        assert_eq!(value(&environment, "AZURE_KEY_VAULT_URL"), Some("https://dev.vault.localhost:8443"));
        assert!(environment.exports().expose().contains("export AZURE_CLIENT_SECRET='it'\\''s'\n"));
        let ca = std::fs::read_to_string(value(&environment, "NODE_EXTRA_CA_CERTS").unwrap()).unwrap();
        let bundle = std::fs::read(value(&environment, "SSL_CERT_FILE").unwrap()).unwrap();
        let ours = CertificateDer::from_pem_slice(ca.as_bytes()).unwrap();
        let bundled = CertificateDer::pem_slice_iter(&bundle).collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(bundled.last(), Some(&ours));
    }

    #[test]
    fn the_port_of_a_running_vault_goes_before_the_configured_one() {
        let folder = started(0);
        let unknown = Environment::collect(folder.path(), None, "server", None).unwrap_err();
        assert!(unknown.is_usage() && unknown.to_string().contains("start the vault first"), "{unknown}");
        let run = RunFile {
            address: "127.0.0.1:41234".parse().unwrap(),
            managed_identity: None,
            admin: None,
            as_azure: false,
            config: None,
        };
        run.write(&Folder::at(folder.path())).unwrap();
        let environment = Environment::collect(folder.path(), None, "server", None).unwrap();
        assert_eq!(value(&environment, "AZURE_KEY_VAULT_URL"), Some("https://dev.vault.localhost:41234"));
    }

    #[test]
    fn unknown_names_are_refused_with_a_suggestion() {
        let folder = started(8443);
        let error = |principal, vault| {
            let error = Environment::collect(folder.path(), None, principal, vault).unwrap_err();
            assert!(error.is_usage());
            error.to_string()
        };
        assert_eq!(error("sever", None), "there is no principal \"sever\" (did you mean \"server\"?)");
        assert_eq!(error("server", Some("dov")), "there is no vault \"dov\" (did you mean \"Dev\"?)");
    }

    #[test]
    fn among_several_vaults_a_principals_only_one_is_meant() {
        let folder = started(8443);
        let path = folder.path().join("vault.yaml");
        let mut config = VaultConfig::read(&path).unwrap();
        config.vaults.push(VaultSettings::named("other"));
        config.write(&path).unwrap();
        let environment = Environment::collect(folder.path(), None, "ingestion", None).unwrap();
        assert_eq!(value(&environment, "AZURE_KEY_VAULT_NAME"), Some("dev"));
        config.principals[1].roles.clear();
        config.write(&path).unwrap();
        let unclear = Environment::collect(folder.path(), None, "ingestion", None).unwrap_err().to_string();
        assert!(unclear.contains("--vault") && unclear.contains("dev, other"), "{unclear}");
    }

    #[tokio::test]
    async fn names_that_the_resolver_lacks_make_one_hosts_line() {
        let environment = Environment {
            variables: vec![],
            hosts: vec!["localhost".into(), "v1.vault.invalid".into(), "login.vault.invalid".into()],
            address: "0.0.0.0:8443".parse().unwrap(),
        };
        assert_eq!(
            environment.missing_hosts_line().await.as_deref(),
            Some("127.0.0.1 v1.vault.invalid login.vault.invalid")
        );
    }
}
