// The life of a secret, from its first version to its purge, as a Key Vault Secrets Officer sees it.

import assert from "node:assert/strict";
import { all, client, fails, polling, vaultUrl } from "./checks.mjs";

const secrets = client();
const day = 24 * 60 * 60 * 1000;

// Set and get.
const first = await secrets.setSecret("db-password", "first", { contentType: "text/plain", tags: { team: "data" } });
assert.equal(first.value, "first");
assert.equal(first.properties.vaultUrl, vaultUrl);
assert.equal(first.properties.id, `${vaultUrl}/secrets/db-password/${first.properties.version}`);
assert.match(first.properties.version, /^[0-9a-f]{32}$/);
assert.deepEqual({ ...first.properties.tags }, { team: "data" });
assert.equal(first.properties.contentType, "text/plain");
assert.equal(first.properties.enabled, true);
assert.equal(first.properties.recoveryLevel, "Recoverable+Purgeable");
assert.equal(first.properties.recoverableDays, 90);
assert.ok(Math.abs(Date.now() - first.properties.createdOn) < 5 * 60 * 1000, "it was made just now");
const second = await secrets.setSecret("db-password", "second ü €");
assert.notEqual(second.properties.version, first.properties.version);
assert.equal(second.properties.tags, undefined, "a new version starts with its own tags");
assert.equal((await secrets.getSecret("db-password")).value, "second ü €");
assert.equal((await secrets.getSecret("DB-Password", { version: first.properties.version })).value, "first");
assert.equal((await secrets.setSecret("empty", "")).value, "");
assert.equal((await secrets.getSecret("empty")).value, "");

// Not before, and not after: neither keeps anyone from reading it. Dates after 2038 arrive negative from this client.
const [past, future, late] = [Date.now() - day, Date.now() + day, Date.UTC(2100, 0)];
await secrets.setSecret("expired", "x", { notBefore: new Date(past - day), expiresOn: new Date(past) });
assert.equal((await secrets.getSecret("expired")).value, "x");
await secrets.setSecret("unborn", "y", { notBefore: new Date(future), expiresOn: new Date(late) });
const unborn = await secrets.getSecret("unborn");
assert.equal(unborn.value, "y");
assert.equal(unborn.properties.notBefore.getTime(), Math.floor(future / 1000) * 1000);

// Update changes what is given and leaves the rest.
const expiresOn = new Date(Date.UTC(2037, 0));
const latest = await secrets.updateSecretProperties("db-password", "", { tags: { owner: "me" }, expiresOn });
assert.equal(latest.version, second.properties.version);
assert.deepEqual({ ...latest.tags }, { owner: "me" });
assert.equal(latest.expiresOn.getTime(), expiresOn.getTime());
const older = await secrets.updateSecretProperties("db-password", first.properties.version, { contentType: "old" });
assert.equal(older.contentType, "old");
assert.deepEqual({ ...older.tags }, { team: "data" });
assert.equal((await secrets.getSecret("db-password")).value, "second ü €");

// A disabled secret is not given out, but can be enabled again.
await secrets.updateSecretProperties("empty", "", { enabled: false });
await fails(() => secrets.getSecret("empty"), 403, "Forbidden", "SecretDisabled");
await secrets.updateSecretProperties("empty", "", { enabled: true });
assert.equal((await secrets.getSecret("empty")).value, "");

// Listings follow their pages to the end.
const numbers = Array.from({ length: 60 }, (_, number) => `page-${number}`);
await Promise.all(numbers.map((name) => secrets.setSecret(name, name)));
const names = (await all(secrets.listPropertiesOfSecrets())).map((item) => item.name);
assert.deepEqual(names.toSorted(), ["db-password", "empty", "expired", "unborn", ...numbers].toSorted());
const sizes = [];
for await (const page of secrets.listPropertiesOfSecrets().byPage({ maxPageSize: 10 })) sizes.push(page.length);
assert.equal(sizes.reduce((sum, size) => sum + size), names.length);
assert.ok(sizes.every((size) => size <= 25), `${sizes}`);
const versions = await all(secrets.listPropertiesOfSecretVersions("db-password"));
const known = [first.properties.version, second.properties.version];
assert.deepEqual(versions.map((item) => item.version).toSorted(), known.toSorted());
assert.deepEqual(await all(secrets.listPropertiesOfSecretVersions("no-such-secret")), []);

// Delete, recover, delete again, purge.
const deletion = await secrets.beginDeleteSecret("db-password", polling);
const deleted = await deletion.pollUntilDone();
assert.equal(deleted.name, "db-password");
assert.equal(deleted.properties.scheduledPurgeDate - deleted.properties.deletedOn, 90 * day);
assert.ok(deleted.properties.recoveryId.startsWith(`${vaultUrl}/deletedsecrets/`), deleted.properties.recoveryId);
await fails(() => secrets.getSecret("db-password"), 404, "SecretNotFound");
assert.deepEqual((await all(secrets.listDeletedSecrets())).map((item) => item.name), ["db-password"]);
assert.deepEqual({ ...(await secrets.getDeletedSecret("db-password")).properties.tags }, { owner: "me" });
await fails(() => secrets.setSecret("db-password", "x"), 409, "Conflict", "ObjectIsDeletedButRecoverable");
const recovery = await secrets.beginRecoverDeletedSecret("db-password", polling);
assert.equal((await recovery.pollUntilDone()).name, "db-password");
assert.equal((await secrets.getSecret("db-password")).value, "second ü €");
assert.equal((await secrets.getSecret("db-password", { version: first.properties.version })).value, "first");
await (await secrets.beginDeleteSecret("db-password", polling)).pollUntilDone();
await secrets.purgeDeletedSecret("db-password");
assert.deepEqual(await all(secrets.listDeletedSecrets()), []);
await fails(() => secrets.getDeletedSecret("db-password"), 404, "SecretNotFound");
assert.equal((await secrets.setSecret("db-password", "anew")).value, "anew");
assert.equal((await all(secrets.listPropertiesOfSecretVersions("db-password"))).length, 1);

console.log("passed");
