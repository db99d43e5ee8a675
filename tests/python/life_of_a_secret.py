"""The life of a secret, from its first version to its purge, as a Key Vault Secrets Officer sees it."""

import os
from datetime import datetime, timedelta, timezone

from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

VAULT = os.environ["AZURE_KEY_VAULT_URL"]


def main(client: SecretClient) -> None:
    # Set and get.
    first = client.set_secret("db-password", "first", content_type="text/plain", tags={"team": "data"})
    assert first.value == "first"
    assert first.properties.vault_url == VAULT, first.properties.vault_url
    assert first.properties.tags == {"team": "data"}
    assert first.properties.content_type == "text/plain"
    assert first.properties.enabled is True
    assert first.properties.recovery_level == "Recoverable+Purgeable"
    assert first.properties.recoverable_days == 90
    assert abs(datetime.now(timezone.utc) - first.properties.created_on) < timedelta(minutes=5)
    second = client.set_secret("db-password", "second ü €")
    assert second.properties.version != first.properties.version
    assert second.properties.tags is None, "a new version starts with its own tags"
    assert client.get_secret("db-password").value == "second ü €"
    assert client.get_secret("db-password", first.properties.version).value == "first"
    assert client.set_secret("empty", "").value == ""
    assert client.get_secret("empty").value == ""

    # Update changes what is given and leaves the rest.
    expires = datetime(2037, 1, 1, tzinfo=timezone.utc)
    updated = client.update_secret_properties("db-password", tags={"owner": "me"}, expires_on=expires)
    assert updated.version == second.properties.version
    assert updated.tags == {"owner": "me"} and updated.expires_on == expires
    updated = client.update_secret_properties("db-password", first.properties.version, content_type="old")
    assert updated.content_type == "old" and updated.tags == {"team": "data"}
    assert client.get_secret("db-password").value == "second ü €"

    # Listings follow their pages to the end.
    for number in range(23):
        client.set_secret(f"page-{number:02}", str(number))
    names = [item.name for item in client.list_properties_of_secrets(max_page_size=10)]
    assert sorted(names) == sorted({"db-password", "empty", *(f"page-{number:02}" for number in range(23))})
    versions = {item.version for item in client.list_properties_of_secret_versions("db-password")}
    assert versions == {first.properties.version, second.properties.version}
    assert list(client.list_properties_of_secret_versions("no-such-secret")) == []

    # Delete, recover, delete again, purge.
    deleted = client.begin_delete_secret("db-password").result()
    assert deleted.name == "db-password" and deleted.scheduled_purge_date - deleted.deleted_date == timedelta(days=90)
    assert_gone(client, "db-password")
    assert [item.name for item in client.list_deleted_secrets()] == ["db-password"]
    assert client.get_deleted_secret("db-password").properties.tags == {"owner": "me"}
    assert client.begin_recover_deleted_secret("db-password").result().name == "db-password"
    assert client.get_secret("db-password").value == "second ü €"
    assert client.get_secret("db-password", first.properties.version).value == "first"
    client.begin_delete_secret("db-password").wait()
    client.purge_deleted_secret("db-password")
    assert list(client.list_deleted_secrets()) == []
    try:
        client.get_deleted_secret("db-password")
        raise AssertionError("a purged secret is still there")
    except ResourceNotFoundError:
        pass
    assert client.set_secret("db-password", "anew").value == "anew"
    assert len(list(client.list_properties_of_secret_versions("db-password"))) == 1


def assert_gone(client: SecretClient, name: str) -> None:
    try:
        client.get_secret(name)
    except ResourceNotFoundError:
        return
    raise AssertionError(f"{name} can still be read")


with DefaultAzureCredential() as credential, SecretClient(vault_url=VAULT, credential=credential) as secrets:
    main(secrets)
print("passed")
