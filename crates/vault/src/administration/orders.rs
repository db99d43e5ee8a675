//! Carrying out orders. Each answers a JSON document, the same whichever process does it.

use serde_json::{Value, json};

use super::order::Order;
use super::{principals, roles, vaults};
use crate::error::{Error, ErrorKind, Result};
use crate::service::Service;

/// Carries out an order.
///
/// # Errors
/// What is wrong with it, or what failed; nothing is changed then.
pub(crate) async fn carry_out(service: &Service, order: Order) -> Result<Value> {
    match order {
        Order::Reload => service.reload().await.map(|ignored| json!({ "effectiveAtNextStart": ignored })),
        Order::RotateSigningKey => service.rotate_signing_key().await.map(|kid| json!({ "kid": kid })),
        Order::CreateVault(settings) => vaults::create(service, settings).await,
        Order::ListVaults => vaults::list(service).await,
        Order::AddPrincipal(new) => principals::add(service, new).await,
        Order::ListPrincipals => principals::list(service).await,
        Order::ShowPrincipal { name } => principals::show(service, &name).await,
        Order::RemovePrincipal { name } => principals::remove(service, &name).await,
        Order::AddSecret { principal, secret } => principals::add_secret(service, &principal, secret).await,
        Order::RemoveSecret { principal, id } => principals::remove_secret(service, &principal, &id).await,
        Order::AssignRole { principal, role } => roles::assign(service, &principal, role).await,
        Order::UnassignRole { principal, role } => roles::unassign(service, &principal, &role).await,
        Order::ListRoles => roles::list(service).await,
        Order::DefineRole(role) => roles::define(service, role).await,
        Order::RemoveRole { name } => roles::remove(service, &name).await,
        Order::Rekey { master_key } => service.rekey(master_key.as_ref()).await.and_then(document),
        Order::BackUp { file } => service.back_up(&file).await.and_then(document),
        Order::Restore { file, overwrite, master_key } => {
            let restored = service.restore(&file, overwrite, master_key.as_ref()).await?;
            // Names that stand in the configuration, too, keep the vault from serving.
            service.fresh_directory().await.map_err(|error| {
                Error::new(
                    error.kind(),
                    format!("the backup was restored, but the vault cannot serve it: {}", error.message()),
                )
                .with_hint(error.hint().unwrap_or("the log of the vault tells more"))
            })?;
            document(restored)
        }
        Order::Check => service.check().await.and_then(document),
    }
}

fn document(done: impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(done)
        .map_err(|error| Error::new(ErrorKind::File, "cannot write down what was done").with_source(error))
}
