// Tokens without a secret, from the two services that machines of Azure offer: who asks is who the token says.

import assert from "node:assert/strict";
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { client } from "./checks.mjs";

const { MACHINE: machine, WORKER: worker, WORKER_RESOURCE_ID: resourceId, AZURE_CLIENT_ID: own } = process.env;
const scope = "https://vault.azure.net/.default";

const services = { "app-service": "IDENTITY_ENDPOINT", imds: "AZURE_POD_IDENTITY_AUTHORITY_HOST" };
for (const [service, variable] of Object.entries(services)) {
  assert.equal(variable in process.env, service === process.argv[2], variable);
}
assert.equal(process.env.AZURE_CLIENT_SECRET, undefined);

async function claims(credential) {
  const { token } = await credential.getToken(scope);
  return JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
}

const { oid: objectId } = await claims(new ManagedIdentityCredential({ clientId: worker }));
for (const [credential, expected] of [
  [new ManagedIdentityCredential(), machine],
  [new ManagedIdentityCredential({ clientId: worker }), worker],
  [new ManagedIdentityCredential({ resourceId }), worker],
  [new ManagedIdentityCredential({ objectId }), worker],
  // It takes the client id from AZURE_CLIENT_ID.
  [new DefaultAzureCredential(), own],
  [new DefaultAzureCredential({ managedIdentityClientId: worker }), worker],
]) {
  assert.equal((await claims(credential)).appid, expected);
  const secrets = client(credential);
  await secrets.setSecret("kept", expected);
  assert.equal((await secrets.getSecret("kept")).value, expected);
}

const nobody = new ManagedIdentityCredential({ clientId: "99999999-9999-9999-9999-999999999999" });
await assert.rejects(() => nobody.getToken(scope));

console.log("passed");
