"""A Key Vault Secrets User may read and list. Everything else is refused with 403 and the inner code ForbiddenByRbac."""

import os

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

VAULT = os.environ["AZURE_KEY_VAULT_URL"]


def refused(call) -> None:
    try:
        call()
    except HttpResponseError as error:
        assert type(error) is HttpResponseError, type(error).__name__
        assert error.status_code == 403, error.status_code
        assert error.error.code == "Forbidden", error.error.code
        assert "ForbiddenByRbac" in str(error), str(error)
        return
    raise AssertionError("the call was not refused")


def main(client: SecretClient) -> None:
    # Allowed: the secret is unknown, and that is what the answer says.
    try:
        client.get_secret("any")
        raise AssertionError("an unknown secret was found")
    except ResourceNotFoundError:
        pass
    assert list(client.list_properties_of_secrets()) == []
    assert list(client.list_properties_of_secret_versions("any")) == []

    # Refused, whether there is such a secret or not.
    refused(lambda: client.set_secret("any", "x"))
    refused(lambda: client.update_secret_properties("any", tags={}))
    refused(lambda: client.begin_delete_secret("any"))
    refused(lambda: client.begin_recover_deleted_secret("any"))
    refused(lambda: client.purge_deleted_secret("any"))


with DefaultAzureCredential() as credential, SecretClient(vault_url=VAULT, credential=credential) as secrets:
    main(secrets)
print("passed")
