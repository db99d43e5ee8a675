//! Carrying out orders. Each answers a JSON document, the same whichever process does it.

use serde_json::{Value, json};

use super::order::Order;
use super::{principals, roles, vaults};
use crate::error::Result;
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
    }
}
