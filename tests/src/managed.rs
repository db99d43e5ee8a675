//! Managed identities: principals without a credential of their own, which whoever runs on the machine is.

use serde_json::{Value, json};

use crate::running::free_port;
use crate::vault::{Principal, VAULT};

/// The machine itself, the system-assigned identity. It may do everything.
pub const MACHINE: Principal =
    Principal { name: "machine", client_id: "66666666-6666-6666-6666-666666666666", client_secret: "" };

/// An identity that a program has to name. It may do everything.
pub const WORKER: Principal =
    Principal { name: "worker", client_id: "77777777-7777-7777-7777-777777777777", client_secret: "" };

/// The resource id of [`WORKER`].
pub const WORKER_RESOURCE_ID: &str = "/subscriptions/88888888-8888-8888-8888-888888888888/resourceGroups/data/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker";

/// Adds both principals to a vault's configuration, and the listener for them.
///
/// # Panics
/// If it has no list of principals.
pub fn add_to(configuration: &mut Value) {
    let principals = configuration["principals"].as_array_mut().expect("principals");
    principals.extend([&MACHINE, &WORKER].map(|principal| {
        json!({
            "name": principal.name, "clientId": principal.client_id,
            "roles": [{"vault": VAULT, "role": "Key Vault Secrets Officer"}],
        })
    }));
    configuration["managedIdentity"] = json!({
        "listen": format!("127.0.0.1:{}", free_port()),
        "systemAssigned": MACHINE.name,
        "userAssigned": [{"principal": WORKER.name, "resourceId": WORKER_RESOURCE_ID}],
    });
}
