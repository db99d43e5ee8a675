// A backup brings a secret back with all its versions, under the name that it had, and only if that is free.

import assert from "node:assert/strict";
import { all, client, fails, polling } from "./checks.mjs";

const secrets = client();
const purge = async (name) => {
  await (await secrets.beginDeleteSecret(name, polling)).pollUntilDone();
  await secrets.purgeDeletedSecret(name);
};

const made = [];
for (let number = 0; number < 3; number += 1) {
  made.push(await secrets.setSecret("kept", `value ${number} ü`, { tags: { n: `${number}` } }));
}
const backup = await secrets.backupSecret("kept");
assert.ok(backup.length > 0 && !Buffer.from(backup).includes("value"), "a backup shows no value");
await fails(() => secrets.restoreSecretBackup(backup), 409, "Conflict");
await purge("kept");

const restored = await secrets.restoreSecretBackup(backup);
assert.equal(restored.name, "kept");
assert.equal(restored.version, made.at(-1).properties.version);
for (const { value, properties } of made) {
  const read = await secrets.getSecret("kept", { version: properties.version });
  assert.equal(read.value, value);
  assert.deepEqual({ ...read.properties.tags }, { ...properties.tags });
  assert.deepEqual(read.properties.createdOn, properties.createdOn);
}
assert.equal((await all(secrets.listPropertiesOfSecretVersions("kept"))).length, made.length);

await purge("kept");
const altered = Uint8Array.from(backup);
altered[altered.length >> 1] ^= 1;
for (const blob of [altered, backup.slice(1), new TextEncoder().encode("no backup at all")]) {
  await fails(() => secrets.restoreSecretBackup(blob), 400, "BadParameter");
}
await fails(() => secrets.backupSecret("kept"), 404, "SecretNotFound");

console.log("passed");
