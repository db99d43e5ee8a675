// Signing in with a certificate or as a Kubernetes service account, by what the environment says and by name.

import assert from "node:assert/strict";
import {
  ClientCertificateCredential,
  DefaultAzureCredential,
  EnvironmentCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import { client } from "./checks.mjs";

const { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: id, AZURE_CLIENT_CERTIFICATE_PATH: path } = process.env;

const credentials = {
  certificate: () => [
    new ClientCertificateCredential(tenant, id, path),
    new EnvironmentCredential(),
    new DefaultAzureCredential(),
  ],
  "workload-identity": () => [new WorkloadIdentityCredential(), new DefaultAzureCredential()],
}[process.argv[2]]();

assert.equal(process.env.AZURE_CLIENT_SECRET, undefined);
for (const [number, credential] of credentials.entries()) {
  const secrets = client(credential);
  await secrets.setSecret("kept", `${number}`);
  assert.equal((await secrets.getSecret("kept")).value, `${number}`);
}

console.log("passed");
