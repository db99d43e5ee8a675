//! Azure's own packages from the registries, unmodified, against `strongroom vault`: a file for each language.

mod go;
mod javascript;
mod python;

use strongroom_tests::vault::Principal;
use strongroom_tests::{Client, Program, VaultServer, clients, scratch};

/// Starts a vault and insists that the client that `program` makes for `principal` passes there.
async fn passes(principal: &Principal, program: impl AsyncFnOnce(Client<'_>) -> Program) {
    let folder = scratch();
    let vault = VaultServer::start(folder.path()).await;
    let client = Client { vault: &vault, principal, folder: folder.path() };
    clients::passes(program(client).await).await;
}
