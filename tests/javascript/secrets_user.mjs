// A Key Vault Secrets User may read and list. Everything else is refused with 403 and the inner code ForbiddenByRbac.

import assert from "node:assert/strict";
import { all, client, fails, polling } from "./checks.mjs";

const secrets = client();

await fails(() => secrets.getSecret("any"), 404, "SecretNotFound");
assert.deepEqual(await all(secrets.listPropertiesOfSecrets()), []);
assert.deepEqual(await all(secrets.listPropertiesOfSecretVersions("any")), []);

// Refused, whether there is such a secret or not.
for (const call of [
  () => secrets.setSecret("any", "x"),
  () => secrets.updateSecretProperties("any", "", { tags: {} }),
  () => secrets.beginDeleteSecret("any", polling),
  () => secrets.beginRecoverDeletedSecret("any", polling),
  () => secrets.purgeDeletedSecret("any"),
]) {
  await fails(call, 403, "Forbidden", "ForbiddenByRbac");
}

console.log("passed");
