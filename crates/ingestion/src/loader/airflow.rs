//! The loader `airflow`.

use strongroom_secrets::azure::{AzureConfig, ClientSecret, Credential};
use strongroom_secrets::{Error, ErrorKind, Result, SecretValue};

use super::set;
use crate::Environment;
use crate::airflow::{AirflowSettings, variable};

/// The section of Airflow's settings that is read.
const SECTION: &str = "openmetadata_secrets_manager";

const VAULT_NAME: &str = "azure_key_vault_name";
/// Not of the reference: for vaults elsewhere than in `vault.azure.net`.
const VAULT_URL: &str = "azure_key_vault_url";
const IDENTITY: [&str; 3] = ["azure_tenant_id", "azure_client_id", "azure_client_secret"];

/// What Airflow's settings say of the vault and the identity.
pub(super) fn config(environment: Environment<'_>) -> Result<AzureConfig> {
    let settings = AirflowSettings::load(environment)?;
    let url = match settings.get(SECTION, VAULT_URL)? {
        Some(url) => Some(url.expose().to_owned()),
        None => set(environment, "AZURE_KEY_VAULT_URL"),
    };
    let name = settings.get(SECTION, VAULT_NAME)?;
    if url.is_none() && name.is_none() {
        return Err(settings
            .missing(SECTION, VAULT_NAME)
            .with_hint("set one of them to the vault's name: without it there is no vault to ask"));
    }
    let credential = credential(&settings, environment)?;
    super::config(url.as_deref(), name.as_ref().map(SecretValue::expose), credential, environment)
}

/// The client secret of all three settings; without any of them, what the environment describes.
fn credential(settings: &AirflowSettings<'_>, environment: Environment<'_>) -> Result<Credential> {
    let get = |key| settings.get(SECTION, key);
    let found: [Option<SecretValue>; 3] = [get(IDENTITY[0])?, get(IDENTITY[1])?, get(IDENTITY[2])?];
    match found {
        [Some(tenant), Some(client_id), Some(client_secret)] => Ok(Credential::ClientSecret(ClientSecret {
            tenant: tenant.expose().to_owned(),
            client_id: client_id.expose().to_owned(),
            client_secret,
        })),
        [None, None, None] => Credential::from_environment(environment),
        found => {
            // The reference would silently be somebody else here: whoever the default credential finds.
            let missing: Vec<_> = IDENTITY.iter().zip(&found).filter(|(_, found)| found.is_none()).collect();
            let keys = missing.iter().map(|(key, _)| **key).collect::<Vec<_>>().join(" and ");
            let variables =
                missing.iter().map(|(key, _)| variable(SECTION, key)).collect::<Vec<_>>().join(", ");
            let message = format!(
                "the identity in [{SECTION}] of Airflow's settings is incomplete: {keys} {} not set",
                if missing.len() == 1 { "is" } else { "are" }
            );
            Err(Error::new(ErrorKind::Configuration, message).with_hint(format!(
                "set {variables} or the same in {}; without all three of them Azure's default credential is used",
                settings.path().display()
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The guide's section of `airflow.cfg`.
    const GUIDE: &str = "[core]\ndags_folder = /dags\n\n[openmetadata_secrets_manager]\nazure_key_vault_name = sales\n\
                         azure_tenant_id = 0f1e\nazure_client_id = 2d3c\nazure_client_secret = hunter2%%~x\n";

    fn configured(file: &str, set: &[(&str, &str)]) -> Result<AzureConfig> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("airflow.cfg"), file).unwrap();
        let home = folder.path().to_str().unwrap();
        config(&|asked| match asked {
            "AIRFLOW_HOME" => Some(home.to_owned()),
            _ => set.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned()),
        })
    }

    fn secret_of(config: &AzureConfig) -> (&str, &str, &str) {
        match &config.credential {
            Credential::ClientSecret(known) => {
                (&known.tenant, &known.client_id, known.client_secret.expose())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_guides_file_gives_the_vault_and_the_identity() {
        let config = configured(GUIDE, &[]).unwrap();
        assert_eq!(config.vault.to_string(), "https://sales.vault.azure.net");
        assert_eq!(secret_of(&config), ("0f1e", "2d3c", "hunter2%~x"));
    }

    #[test]
    fn the_guides_variables_do_too_and_come_first() {
        let variables = [
            ("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME", " other"),
            ("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_TENANT_ID", " t"),
            ("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_ID", " c"),
            ("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_SECRET", " s"),
        ];
        for file in ["", GUIDE] {
            let config = configured(file, &variables).unwrap();
            assert_eq!(config.vault.to_string(), "https://other.vault.azure.net");
            assert_eq!(secret_of(&config), ("t", "c", "s"));
        }
        // One of them replaces one of the file's.
        let config = configured(GUIDE, &variables[1..2]).unwrap();
        assert_eq!(secret_of(&config), ("t", "2d3c", "hunter2%~x"));
    }

    #[test]
    fn only_the_vaults_name_leads_to_the_default_credential() {
        let file = "[openmetadata_secrets_manager]\nazure_key_vault_name = sales\n";
        let environment = [
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_CLIENT_ID", "c"),
            ("AZURE_CLIENT_SECRET", "of the environment"),
        ];
        let expected = Credential::from_environment(&|asked| {
            environment.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
        });
        assert_eq!(configured(file, &environment).unwrap().credential, expected.unwrap());
    }

    #[test]
    fn a_missing_vault_name_is_named_with_both_places() {
        for file in ["", "[openmetadata_secrets_manager]\nazure_key_vault_name =\n"] {
            let error = configured(file, &[]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            let text = error.to_string();
            assert!(
                text.contains("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME is not set"),
                "{text}"
            );
            assert!(text.contains("azure_key_vault_name in [openmetadata_secrets_manager] of "), "{text}");
        }
    }

    #[test]
    fn an_incomplete_identity_is_an_error_not_somebody_else() {
        let file = GUIDE.replace("azure_client_id = 2d3c\n", "");
        let error = configured(&file, &[("AZURE_CLIENT_SECRET", "x")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let text = error.to_string();
        assert!(text.contains("azure_client_id is not set"), "{text}");
        assert!(text.contains("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_ID"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_authority_of_another_cloud_of_azures_says_where_the_vault_is() {
        let config =
            configured(GUIDE, &[("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us")]).unwrap();
        assert_eq!(config.vault.to_string(), "https://sales.vault.usgovcloudapi.net");
    }

    #[test]
    fn a_vault_elsewhere_is_given_by_its_url() {
        let url = "https://sales.vault.usgovcloudapi.net";
        let in_file =
            GUIDE.replace("azure_tenant_id", &format!("azure_key_vault_url = {url}\nazure_tenant_id"));
        assert_eq!(configured(&in_file, &[]).unwrap().vault.to_string(), url);
        assert_eq!(configured(GUIDE, &[("AZURE_KEY_VAULT_URL", url)]).unwrap().vault.to_string(), url);
    }
}
