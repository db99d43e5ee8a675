"""Signing in with a certificate or as a Kubernetes service account, by what the environment says and by name."""

import os
import sys

from azure.identity import (
    CertificateCredential,
    DefaultAzureCredential,
    EnvironmentCredential,
    WorkloadIdentityCredential,
)
from azure.keyvault.secrets import SecretClient

VAULT = os.environ["AZURE_KEY_VAULT_URL"]


def certificate():
    path = os.environ["AZURE_CLIENT_CERTIFICATE_PATH"]
    tenant, client = os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"]
    yield CertificateCredential(tenant, client, path)
    # With the chain in the header, as for applications whose certificates are known by subject and issuer.
    yield CertificateCredential(tenant, client, path, send_certificate_chain=True)
    yield EnvironmentCredential()
    yield DefaultAzureCredential()


def workload_identity():
    yield WorkloadIdentityCredential()
    yield DefaultAzureCredential()
    os.environ["AZURE_TOKEN_CREDENTIALS"] = "WorkloadIdentityCredential"
    yield DefaultAzureCredential()


assert "AZURE_CLIENT_SECRET" not in os.environ
for number, credential in enumerate({"certificate": certificate, "workload-identity": workload_identity}[sys.argv[1]]()):
    with credential, SecretClient(vault_url=VAULT, credential=credential) as secrets:
        secrets.set_secret("kept", str(number))
        assert secrets.get_secret("kept").value == str(number)
print("passed")
