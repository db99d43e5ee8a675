// What goes wrong at the vault reaches a JavaScript program as the error that Azure's vault would have caused.

import assert from "node:assert/strict";
import { ClientSecretCredential } from "@azure/identity";
import { client, fails, polling } from "./checks.mjs";

const secrets = client();
const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: clientId } = process.env;

await fails(() => secrets.getSecret("no-such-secret"), 404, "SecretNotFound");
await fails(() => secrets.getDeletedSecret("no-such-secret"), 404, "SecretNotFound");
await fails(() => secrets.beginDeleteSecret("no-such-secret", polling), 404, "SecretNotFound");
await fails(() => secrets.beginRecoverDeletedSecret("no-such-secret", polling), 404, "SecretNotFound");
await fails(() => secrets.purgeDeletedSecret("no-such-secret"), 404, "SecretNotFound");
await fails(() => secrets.updateSecretProperties("no-such-secret", "", { tags: {} }), 404, "SecretNotFound");
const { version } = (await secrets.setSecret("one", "1")).properties;
const other = (version[0] === "0" ? "1" : "0") + version.slice(1);
await fails(() => secrets.getSecret("one", { version: other }), 404, "SecretNotFound");

// What is not a legal request.
const tags = Object.fromEntries(Array.from({ length: 16 }, (_, number) => [`tag${number}`, "x"]));
await fails(() => secrets.setSecret("under_score", "x"), 400, "BadParameter");
await fails(() => secrets.setSecret("a".repeat(128), "x"), 400, "BadParameter");
await fails(() => secrets.setSecret("long", "x".repeat(25_601)), 400, "BadParameter");
await fails(() => secrets.setSecret("tags", "x", { tags }), 400, "BadParameter");
assert.equal((await secrets.setSecret("a".repeat(127), "x".repeat(25_600))).value.length, 25_600);

// Who presents the wrong client secret, or is not known, gets no token.
for (const [id, secret, number] of [
  [clientId, "wrong", "7000215"],
  ["33333333-3333-3333-3333-333333333333", "x", "700016"],
]) {
  const stranger = client(new ClientSecretCredential(tenant, id, secret), { retryOptions: { maxRetries: 0 } });
  const said = (error) => error.name === "AuthenticationRequiredError" && error.message.includes(number);
  await assert.rejects(stranger.getSecret("one"), said, number);
}

console.log("passed");
