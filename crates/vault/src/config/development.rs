//! The file that a first start without any gets: one vault, one principal for each side.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_secrets::{Random, SecretValue};
use zeroize::Zeroizing;

use super::{PrincipalSettings, RoleAssignment, VaultConfig, VaultSettings};
use crate::access::BuiltIn;
use crate::error::Result;
use crate::folder::{self, Readers};

impl VaultConfig {
    /// A vault named `vault`, a principal `server` that may do everything with its secrets, and a principal `ingestion`
    /// that may read them. Ids and client secrets (256 bits) are drawn.
    pub fn for_development(vault: &str, random: &dyn Random) -> Self {
        Self {
            vaults: vec![VaultSettings::named(vault)],
            principals: vec![
                principal("server", vault, BuiltIn::SecretsOfficer, random),
                principal("ingestion", vault, BuiltIn::SecretsUser, random),
            ],
            ..Self::default()
        }
    }

    /// A vault named `vault` and a principal for each of Azure's roles: `officer`, `user`, `reader`, `administrator`. Ids and
    /// client secrets are drawn.
    pub(crate) fn with_each_role(vault: &str, random: &dyn Random) -> Self {
        let principals = BuiltIn::ALL.iter().map(|role| {
            let name = role.name().rsplit(' ').next().unwrap_or_default().to_ascii_lowercase();
            principal(&name, vault, *role, random)
        });
        Self {
            vaults: vec![VaultSettings::named(vault)],
            principals: principals.collect(),
            ..Self::default()
        }
    }

    /// Writes the file, readable by its owner only, since it holds client secrets.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        folder::write(path, self.to_yaml().as_bytes(), Readers::Owner)
    }

    /// The file's text. A JSON string is a YAML string too, so every value is quoted as JSON does.
    fn to_yaml(&self) -> Zeroizing<String> {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let mut yaml = Zeroizing::new(String::with_capacity(2048));
        let out: &mut String = &mut yaml;
        out.push_str("# Made by the first start of `strongroom vault`. It holds client secrets: keep it to yourself.\n");
        out.push_str(&format!("listen: {}\n", quote(&self.listen)));
        out.push_str(&format!("domain: {}\n", quote(&self.domain)));
        out.push_str(&format!("tenant: {}\n", quote(&self.tenant)));
        if !self.tenants.is_empty() {
            let tenants: Vec<_> = self.tenants.iter().map(|tenant| quote(tenant)).collect();
            out.push_str(&format!("tenants: [{}]\n", tenants.join(", ")));
        }
        out.push_str(if self.vaults.is_empty() { "vaults: []\n" } else { "vaults:\n" });
        for vault in &self.vaults {
            out.push_str(&format!("  - name: {}\n", quote(&vault.name)));
            out.push_str(&format!(
                "    softDeleteRetentionInDays: {}\n",
                vault.soft_delete_retention_in_days
            ));
            out.push_str(&format!("    enablePurgeProtection: {}\n", vault.enable_purge_protection));
        }
        if !self.roles.is_empty() {
            out.push_str("roles:\n");
        }
        for role in &self.roles {
            let actions: Vec<_> = role.actions.iter().map(|action| quote(action)).collect();
            out.push_str(&format!(
                "  - {{name: {}, actions: [{}]}}\n",
                quote(&role.name),
                actions.join(", ")
            ));
        }
        out.push_str(if self.principals.is_empty() { "principals: []\n" } else { "principals:\n" });
        for principal in &self.principals {
            out.push_str(&format!("  - name: {}\n", quote(&principal.name)));
            out.push_str(&format!("    clientId: {}\n", quote(&principal.client_id)));
            match (&principal.client_secret_file, &principal.client_secret) {
                (Some(file), _) => {
                    out.push_str(&format!("    clientSecretFile: {}\n", quote(&file.to_string_lossy())));
                }
                (None, Some(secret)) => {
                    out.push_str(&format!("    clientSecret: {}\n", quote(secret.expose())));
                }
                (None, None) => {}
            }
            out.push_str(if principal.roles.is_empty() { "    roles: []\n" } else { "    roles:\n" });
            for assignment in &principal.roles {
                let (vault, role) = (quote(&assignment.vault), quote(&assignment.role));
                let secret = assignment
                    .secret
                    .as_ref()
                    .map(|name| format!(", secret: {}", quote(name)))
                    .unwrap_or_default();
                out.push_str(&format!("      - {{vault: {vault}, role: {role}{secret}}}\n"));
            }
        }
        yaml
    }
}

fn principal(name: &str, vault: &str, role: BuiltIn, random: &dyn Random) -> PrincipalSettings {
    PrincipalSettings {
        name: name.to_owned(),
        client_id: random.uuid().to_string(),
        client_secret: Some(SecretValue::new(URL_SAFE_NO_PAD.encode(random.bytes::<32>()))),
        roles: vec![RoleAssignment::new(vault, role.name())],
        ..PrincipalSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use strongroom_secrets::random::SystemRandom;

    use super::*;

    #[test]
    fn each_role_of_azures_has_its_principal() {
        let made = VaultConfig::with_each_role("dev", &SystemRandom);
        let names: Vec<_> = made.principals.iter().map(|principal| principal.name.as_str()).collect();
        assert_eq!(names, ["officer", "user", "reader", "administrator"]);
        made.check().unwrap();
    }

    #[test]
    fn what_is_written_is_read_back_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault.yaml");
        let mut written = VaultConfig::for_development("dev", &SystemRandom);
        written.principals[0].client_secret = Some(SecretValue::new("a \"b\" # c: 'd'\\"));
        written.write(&path).unwrap();
        let read = VaultConfig::read(&path).unwrap();
        assert_eq!(read.principals[0].client_secret, written.principals[0].client_secret);
        assert_eq!(read.principals[1].client_secret, written.principals[1].client_secret);
        assert_eq!(read.principals[1].client_id, written.principals[1].client_id);
        assert_eq!(read.vaults[0].name, "dev");
        read.check().unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
