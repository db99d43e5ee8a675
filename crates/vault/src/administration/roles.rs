//! Roles: who has which, and those that are made at run time.

use serde_json::{Value, json};
use strongroom_secrets::SecretName;

use super::COMMAND;
use super::principals;
use crate::access::{BuiltIn, Roles};
use crate::config::{RoleAssignment, RoleSettings, VaultConfig, define_roles, suggest};
use crate::directory::Entry;
use crate::directory::stored::{ROLE, Stored};
use crate::error::{Error, Result};
use crate::service::Service;

/// How many assignments a principal may have.
const MAX_ROLES: usize = 1000;

pub(super) async fn assign(service: &Service, principal: &str, role: RoleAssignment) -> Result<Value> {
    let (stored, config) = service.stored_directory().await?;
    let vaults = || config.vaults.iter().chain(&stored.vaults).map(|vault| vault.name.as_str());
    if !vaults().any(|known| known.eq_ignore_ascii_case(&role.vault)) {
        return Err(Error::configuration(format!("there is no vault {:?}", role.vault))
            .with_hint(suggest(&role.vault, vaults())));
    }
    let roles = all(&stored, &config)?;
    if roles.find(&role.role).is_none() {
        return Err(unknown(&role.role, &roles));
    }
    if let Some(Err(error)) = role.secret.as_deref().map(SecretName::new) {
        return Err(Error::configuration(format!("no secret can have that name: {error}")));
    }
    let (vault, name) = (role.vault.clone(), role.role.clone());
    let shown = principals::change(service, principal, |known| {
        if known.roles.iter().any(|had| is_same(had, &role)) {
            return Ok(());
        }
        if known.roles.len() >= MAX_ROLES {
            return Err(Error::configuration(format!(
                "{principal:?} has {MAX_ROLES} roles, and that is all that a principal may have"
            )));
        }
        known.roles.push(role.clone());
        Ok(())
    })
    .await?;
    tracing::info!(principal, vault, role = name, "a role was assigned");
    Ok(shown)
}

pub(super) async fn unassign(service: &Service, principal: &str, role: &RoleAssignment) -> Result<Value> {
    let shown = principals::change(service, principal, |known| {
        let before = known.roles.len();
        known.roles.retain(|had| !is_same(had, role));
        if known.roles.len() < before {
            return Ok(());
        }
        Err(Error::configuration(format!("{:?} has no such role there", known.name))
            .with_hint("strongroom vault principal show tells which it has"))
    })
    .await?;
    tracing::info!(principal, vault = role.vault, role = role.role, "a role was taken away");
    Ok(shown)
}

pub(super) async fn list(service: &Service) -> Result<Value> {
    let (stored, config) = service.stored_directory().await?;
    let built_in = BuiltIn::ALL.iter().map(|role| {
        let actions: Vec<_> = role.actions().names().collect();
        json!({"name": role.name(), "id": role.id(), "from": "Azure", "actions": actions})
    });
    let own = |role: &RoleSettings, from: &str| json!({"name": role.name, "id": null, "from": from, "actions": role.actions});
    let of_file = config.roles.iter().map(|role| own(role, "vault.yaml"));
    Ok(built_in.chain(of_file).chain(stored.roles.iter().map(|role| own(role, COMMAND))).collect())
}

pub(super) async fn define(service: &Service, role: RoleSettings) -> Result<Value> {
    let shown = json!({"name": role.name, "id": null, "from": COMMAND, "actions": role.actions});
    let name = role.name.clone();
    service
        .change_directory(|stored, config| {
            let mut roles = all(stored, config)?;
            define_roles(&mut roles, std::slice::from_ref(&role))?;
            let entry = Entry::put(ROLE, &role.name.to_lowercase(), &role)?;
            stored.roles.push(role.clone());
            Ok(entry)
        })
        .await?;
    tracing::info!(role = name, "a role was made");
    Ok(shown)
}

pub(super) async fn remove(service: &Service, name: &str) -> Result<Value> {
    let mut gone = Value::Null;
    service
        .change_directory(|stored, config| {
            let Some(known) =
                stored.roles.iter().find(|known| known.name.to_lowercase() == name.to_lowercase())
            else {
                let roles = all(stored, config)?;
                return Err(match roles.find(name) {
                    Some(_) => Error::configuration(format!("the role {name:?} was not made by a command"))
                        .with_hint("Azure's roles cannot be removed; those of vault.yaml are removed there"),
                    None => unknown(name, &roles),
                });
            };
            // An assignment that stays behind would come to life with the next role of that name.
            let holder = stored.principals.iter().find(|principal| {
                principal.roles.iter().any(|had| had.role.to_lowercase() == name.to_lowercase())
            });
            if let Some(holder) = holder {
                return Err(Error::configuration(format!("{:?} has the role {:?}", holder.name, known.name))
                    .with_hint("take it away first: strongroom vault role unassign"));
            }
            gone = json!({ "removed": known.name });
            let key = known.name.to_lowercase();
            stored.roles.retain(|known| known.name.to_lowercase() != key);
            Ok(Entry::delete(ROLE, &key))
        })
        .await?;
    tracing::info!(role = name, "a role was removed");
    Ok(gone)
}

fn all(stored: &Stored, config: &VaultConfig) -> Result<Roles> {
    let mut roles = Roles::default();
    define_roles(&mut roles, &config.roles)?;
    define_roles(&mut roles, &stored.roles)?;
    Ok(roles)
}

fn unknown(name: &str, roles: &Roles) -> Error {
    Error::configuration(format!("there is no role {name:?}")).with_hint(suggest(name, roles.names()))
}

fn is_same(one: &RoleAssignment, other: &RoleAssignment) -> bool {
    // A built-in role may be named by its id.
    let role = |text: &str| {
        BuiltIn::ALL
            .iter()
            .find(|role| text.eq_ignore_ascii_case(role.id()))
            .map_or_else(|| text.to_lowercase(), |role| role.name().to_lowercase())
    };
    let secret = |of: &RoleAssignment| of.secret.as_deref().map(str::to_ascii_lowercase);
    one.vault.eq_ignore_ascii_case(&other.vault)
        && role(&one.role) == role(&other.role)
        && secret(one) == secret(other)
}
