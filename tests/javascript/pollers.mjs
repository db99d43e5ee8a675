// Where deletions and recoveries take their time, pollers wait for them, can be stopped and taken up again.

import assert from "node:assert/strict";
import { client, fails, polling } from "./checks.mjs";

const secrets = client();

await secrets.setSecret("slow", "x");
const deletion = await secrets.beginDeleteSecret("slow", polling);
assert.equal(deletion.getOperationState().isStarted, true);
assert.equal(deletion.isDone(), false);
await fails(() => secrets.getSecret("slow"), 404, "SecretNotFound");
await fails(() => secrets.getDeletedSecret("slow"), 404, "SecretNotFound");
await fails(() => secrets.setSecret("slow", "y"), 409, "Conflict", "ObjectIsBeingDeleted");
const resumed = await secrets.beginDeleteSecret("slow", { ...polling, resumeFrom: deletion.toString() });
assert.equal((await resumed.pollUntilDone()).name, "slow");
assert.equal((await secrets.getDeletedSecret("slow")).name, "slow");

const recovery = await secrets.beginRecoverDeletedSecret("slow", polling);
assert.equal(recovery.isDone(), false);
await fails(() => secrets.getSecret("slow"), 404, "SecretNotFound");
await fails(() => secrets.purgeDeletedSecret("slow"), 409, "Conflict", "ObjectIsBeingRecovered");
assert.equal((await recovery.pollUntilDone()).name, "slow");
assert.equal((await secrets.getSecret("slow")).value, "x");

console.log("passed");
