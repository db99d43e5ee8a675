"""What goes wrong at the vault reaches a Python program as the exception that Azure's vault would have caused."""

import os

from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

VAULT = os.environ["AZURE_KEY_VAULT_URL"]


def fails(expected: type, call, status: int | None = None, says: str = "") -> None:
    """Insists that a call raises exactly this exception, with this status, and with these words in it."""
    try:
        call()
    except HttpResponseError as error:
        assert type(error) is expected, f"{type(error).__name__} in the place of {expected.__name__}: {error}"
        assert status is None or error.status_code == status, error.status_code
        assert says in str(error), f"{says!r} is not in: {error}"
        return
    raise AssertionError(f"no {expected.__name__} was raised")


def main(client: SecretClient) -> None:
    missing = client.get_secret
    fails(ResourceNotFoundError, lambda: missing("no-such-secret"), 404, "SecretNotFound")
    fails(ResourceNotFoundError, lambda: client.get_deleted_secret("no-such-secret"), 404, "SecretNotFound")
    fails(ResourceNotFoundError, lambda: client.begin_delete_secret("no-such-secret"), 404, "SecretNotFound")
    version = client.set_secret("one", "1").properties.version
    other = ("0" if version[0] != "0" else "1") + version[1:]
    fails(ResourceNotFoundError, lambda: client.get_secret("one", other), 404, "SecretNotFound")

    # What is not a legal request.
    fails(HttpResponseError, lambda: client.set_secret("under_score", "x"), 400, "BadParameter")
    fails(HttpResponseError, lambda: client.set_secret("a" * 128, "x"), 400, "BadParameter")
    fails(HttpResponseError, lambda: client.set_secret("long", "x" * 25_601), 400, "BadParameter")
    assert client.set_secret("long", "x" * 25_600).value == "x" * 25_600
    tags = {f"tag{number}": "x" for number in range(16)}
    fails(HttpResponseError, lambda: client.set_secret("tags", "x", tags=tags), 400, "BadParameter")

    # A disabled secret is not given out, but can be enabled again.
    client.update_secret_properties("one", enabled=False)
    fails(HttpResponseError, lambda: client.get_secret("one"), 403, "SecretDisabled")
    client.update_secret_properties("one", enabled=True)
    assert client.get_secret("one").value == "1"

    # A deleted name is taken until it is recovered or purged.
    client.begin_delete_secret("one").wait()
    fails(ResourceExistsError, lambda: client.set_secret("one", "2"), 409, "ObjectIsDeletedButRecoverable")
    client.begin_recover_deleted_secret("one").wait()

    # Who presents the wrong client secret gets no token.
    wrong = ClientSecretCredential(os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], "wrong")
    with wrong, SecretClient(vault_url=VAULT, credential=wrong) as stranger:
        fails(ClientAuthenticationError, lambda: stranger.get_secret("one"), says="7000215")
    unknown = ClientSecretCredential(os.environ["AZURE_TENANT_ID"], "33333333-3333-3333-3333-333333333333", "x")
    with unknown, SecretClient(vault_url=VAULT, credential=unknown) as stranger:
        fails(ClientAuthenticationError, lambda: stranger.get_secret("one"), says="700016")


with DefaultAzureCredential() as credential, SecretClient(vault_url=VAULT, credential=credential) as secrets:
    main(secrets)
print("passed")
