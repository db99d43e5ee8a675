//! What the owner of a vault can ask for.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use strongroom_secrets::SecretValue;

use crate::config::{FederatedSettings, RoleAssignment, RoleSettings, VaultSettings};

/// How long an order may take that changes one thing.
const SHORT: Duration = Duration::from_secs(60);

/// How long one may take that goes through everything.
pub(super) const LONG: Duration = Duration::from_secs(6 * 60 * 60);

/// One order. It is carried out whole or not at all, whether the vault runs or not.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "order", content = "with", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Order {
    /// Reads `vault.yaml` again. Only a running vault can.
    Reload,
    /// Makes a new key that signs tokens; tokens signed before stay good.
    RotateSigningKey,
    /// Makes a vault.
    CreateVault(VaultSettings),
    /// Lists the vaults.
    ListVaults,
    /// Makes a principal.
    AddPrincipal(NewPrincipal),
    /// Lists the principals.
    ListPrincipals,
    /// Shows one principal.
    ShowPrincipal {
        /// Its name.
        name: String,
    },
    /// Forgets a principal. Its tokens are worth nothing from then on.
    RemovePrincipal {
        /// Its name.
        name: String,
    },
    /// Gives a principal a further client secret.
    AddSecret {
        /// The principal's name.
        principal: String,
        /// The secret.
        secret: NewSecret,
    },
    /// Takes a client secret from a principal.
    RemoveSecret {
        /// The principal's name.
        principal: String,
        /// The secret's id.
        id: String,
    },
    /// Gives a principal a role.
    AssignRole {
        /// The principal's name.
        principal: String,
        /// The role, and where.
        role: RoleAssignment,
    },
    /// Takes a role from a principal.
    UnassignRole {
        /// The principal's name.
        principal: String,
        /// The role, and where.
        role: RoleAssignment,
    },
    /// Lists the roles, Azure's own among them.
    ListRoles,
    /// Makes a role.
    DefineRole(RoleSettings),
    /// Forgets a role. Whoever has it has nothing by it any more.
    RemoveRole {
        /// Its name.
        name: String,
    },
    /// Changes the master key and the data key, while the vault serves.
    Rekey {
        /// The new master key, 32 bytes in base64; drawn, if there is none.
        #[serde(default, serialize_with = "expose", skip_serializing_if = "Option::is_none")]
        master_key: Option<SecretValue>,
    },
    /// Writes all that the vault keeps to a new file.
    BackUp {
        /// The file; an absolute path.
        file: PathBuf,
    },
    /// Puts what a backup holds in the place of all that the vault keeps.
    Restore {
        /// The file; an absolute path.
        file: PathBuf,
        /// Whether what is there may be lost.
        overwrite: bool,
        /// The master key that the backup was made with, in base64, if it is another one than the vault's.
        #[serde(default, serialize_with = "expose", skip_serializing_if = "Option::is_none")]
        master_key: Option<SecretValue>,
    },
    /// Verifies every row.
    Check,
}

impl Order {
    /// How long it may take. What goes through all that the vault keeps takes as long as there is.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Rekey { .. } | Self::BackUp { .. } | Self::Restore { .. } | Self::Check => LONG,
            _ => SHORT,
        }
    }
}

/// A principal to make.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewPrincipal {
    /// Its name.
    pub name: String,
    /// Its client id; drawn, if there is none.
    pub client_id: Option<String>,
    /// Its first client secret, if it is to have one.
    pub secret: Option<NewSecret>,
    /// PEM texts with certificates.
    pub certificates: Vec<String>,
    /// Foreign identities that count as the principal. Paths are absolute.
    pub federated_credentials: Vec<FederatedSettings>,
}

/// A client secret to make.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewSecret {
    /// What somebody chose; drawn, if nothing.
    #[serde(serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    pub chosen: Option<SecretValue>,
    /// When it ends, in Unix seconds.
    pub expires: Option<i64>,
}

/// On its way to the vault's process, over a socket that only the owner can open.
fn expose<S: Serializer>(chosen: &Option<SecretValue>, serializer: S) -> Result<S::Ok, S::Error> {
    chosen.as_ref().map(SecretValue::expose).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_survives_the_way_through_the_socket_and_debug_shows_no_secret() {
        let secret = NewSecret { chosen: Some("hunter2".into()), expires: Some(7) };
        let order = Order::AddSecret { principal: "p".into(), secret };
        assert!(!format!("{order:?}").contains("hunter2"));
        let text = serde_json::to_string(&order).unwrap();
        let Order::AddSecret { principal, secret } = serde_json::from_str(&text).unwrap() else {
            panic!("{text}")
        };
        assert_eq!((principal.as_str(), secret.expires), ("p", Some(7)));
        assert_eq!(secret.chosen.unwrap().expose(), "hunter2");
        let rekey = Order::Rekey { master_key: Some("hunter2".into()) };
        assert!(!format!("{rekey:?}").contains("hunter2"));
        assert!(serde_json::to_string(&rekey).unwrap().contains("\"masterKey\":\"hunter2\""));
        for order in
            [Order::Reload, Order::Rekey { master_key: None }, Order::CreateVault(VaultSettings::named("v"))]
        {
            let text = serde_json::to_string(&order).unwrap();
            assert_eq!(serde_json::to_string(&serde_json::from_str::<Order>(&text).unwrap()).unwrap(), text);
        }
    }
}
