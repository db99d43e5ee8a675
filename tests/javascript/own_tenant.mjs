// A tenant with an id: clients take it as soon as they do not ask Microsoft about the authority.

import assert from "node:assert/strict";
import { ClientSecretCredential, DefaultAzureCredential } from "@azure/identity";
import { all, client } from "./checks.mjs";

const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: id, AZURE_CLIENT_SECRET: secret } = process.env;
const options = { disableInstanceDiscovery: true };
assert.notEqual(tenant, "adfs");
for (const credential of [new ClientSecretCredential(tenant, id, secret, options), new DefaultAzureCredential(options)]) {
  assert.deepEqual(await all(client(credential).listPropertiesOfSecrets()), []);
}

console.log("passed");
