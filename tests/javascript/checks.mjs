// What the scripts share: the client of the vault that the environment names, and how a failure is insisted upon.

import assert from "node:assert/strict";
import { DefaultAzureCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

export const vaultUrl = process.env.AZURE_KEY_VAULT_URL;

export function client(credential = new DefaultAzureCredential(), options = {}) {
  return new SecretClient(vaultUrl, credential, options);
}

/** Insists that a call fails with this status, code and inner code; without an inner code there must be none. */
export async function fails(call, statusCode, code, inner) {
  const error = await call().then(
    () => assert.fail(`no ${statusCode} ${code} was raised`),
    (error) => error,
  );
  assert.equal(error.name, "RestError", String(error));
  assert.equal(error.statusCode, statusCode, String(error));
  assert.equal(error.code, code, String(error));
  assert.equal(error.details?.error?.innerError?.code, inner, JSON.stringify(error.details));
  return error;
}

/** All items of a listing. */
export async function all(pages) {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
}

/** A poller looks this often, in milliseconds: the default of two seconds would be most of a test's time. */
export const polling = { intervalInMs: 100 };
