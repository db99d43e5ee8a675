"""A backup brings a secret back with all its versions, under the name that it had, and only if that is free."""

import os

from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient


def main(client: SecretClient) -> None:
    values = [client.set_secret("kept", f"value {number} ü", tags={"n": str(number)}) for number in range(30)]
    client.update_secret_properties("kept", values[0].properties.version, enabled=False)
    backup = client.backup_secret("kept")
    assert b"value" not in backup

    fails(ResourceExistsError, 409, lambda: client.restore_secret_backup(backup))
    client.begin_delete_secret("kept").wait()
    fails(ResourceExistsError, 409, lambda: client.restore_secret_backup(backup))
    client.purge_deleted_secret("kept")

    restored = client.restore_secret_backup(backup)
    assert restored.name == "kept" and restored.version == values[-1].properties.version
    assert client.get_secret("kept").value == values[-1].value
    versions = {item.version: item for item in client.list_properties_of_secret_versions("kept")}
    assert versions.keys() == {value.properties.version for value in values}
    for value in values:
        found = versions[value.properties.version]
        assert found.tags == value.properties.tags and found.created_on == value.properties.created_on
    assert versions[values[0].properties.version].enabled is False
    assert client.get_secret("kept", values[1].properties.version).value == values[1].value

    client.begin_delete_secret("kept").wait()
    client.purge_deleted_secret("kept")
    altered = bytearray(backup)
    altered[len(altered) // 2] ^= 1
    for blob in (bytes(altered), backup[:-1], b"no backup at all", b""):
        fails(HttpResponseError, 400, lambda: client.restore_secret_backup(blob))
    fails(ResourceNotFoundError, 404, lambda: client.backup_secret("kept"))
    assert list(client.list_properties_of_secrets()) == []


def fails(expected: type, status: int, call) -> None:
    try:
        call()
    except HttpResponseError as error:
        assert type(error) is expected and error.status_code == status, f"{type(error).__name__}: {error}"
        return
    raise AssertionError(f"no {expected.__name__} was raised")


with DefaultAzureCredential() as credential:
    with SecretClient(vault_url=os.environ["AZURE_KEY_VAULT_URL"], credential=credential) as secrets:
        main(secrets)
print("passed")
