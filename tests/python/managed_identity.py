"""Tokens without a secret, from the two services that machines of Azure offer: who asks is who the token says."""

import base64
import json
import os
import sys

from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.keyvault.secrets import SecretClient

VAULT, SCOPE = os.environ["AZURE_KEY_VAULT_URL"], "https://vault.azure.net/.default"
MACHINE, WORKER, RESOURCE = (os.environ[name] for name in ("MACHINE", "WORKER", "WORKER_RESOURCE_ID"))

services = {"app-service": "IDENTITY_ENDPOINT", "imds": "AZURE_POD_IDENTITY_AUTHORITY_HOST"}
assert [variable in os.environ for variable in services.values()] == [name == sys.argv[1] for name in services]
assert "AZURE_CLIENT_SECRET" not in os.environ


def claims(credential) -> dict:
    payload = credential.get_token(SCOPE).token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


with ManagedIdentityCredential(client_id=WORKER) as credential:
    object_id = claims(credential)["oid"]
for credential, client in [
    (ManagedIdentityCredential(), MACHINE),
    (ManagedIdentityCredential(client_id=WORKER), WORKER),
    (ManagedIdentityCredential(identity_config={"resource_id": RESOURCE}), WORKER),
    (ManagedIdentityCredential(identity_config={"object_id": object_id}), WORKER),
    # It takes the client id from AZURE_CLIENT_ID.
    (DefaultAzureCredential(), os.environ["AZURE_CLIENT_ID"]),
    (DefaultAzureCredential(managed_identity_client_id=WORKER), WORKER),
]:
    with credential, SecretClient(vault_url=VAULT, credential=credential) as secrets:
        assert claims(credential)["appid"] == client, claims(credential)
        secrets.set_secret("kept", client)
        assert secrets.get_secret("kept").value == client

with ManagedIdentityCredential(client_id="99999999-9999-9999-9999-999999999999") as credential:
    try:
        credential.get_token(SCOPE)
        raise AssertionError("a token was given to nobody")
    except ClientAuthenticationError:
        pass
print("passed")
