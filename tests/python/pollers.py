"""Where deletions and recoveries take their time, pollers wait for them, and who does not wait is refused. It works with
the asynchronous client, which the other scripts leave out."""

import asyncio
import os

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.identity.aio import DefaultAzureCredential
from azure.keyvault.secrets.aio import SecretClient


async def main(client: SecretClient) -> None:
    await client.set_secret("slow", "x")
    deletion = asyncio.create_task(client.delete_secret("slow"))
    # The poller looks every two seconds: there is time to look around meanwhile.
    while not deletion.done():
        try:
            await client.get_secret("slow")
        except ResourceNotFoundError:
            break
    try:
        await client.get_deleted_secret("slow")
        raise AssertionError("the deletion took no time")
    except ResourceNotFoundError:
        pass
    try:
        await client.set_secret("slow", "y")
        raise AssertionError("a name was free while its deletion was under way")
    except ResourceExistsError as error:
        assert "ObjectIsBeingDeleted" in str(error), error
    assert (await deletion).name == "slow"
    assert [item.name async for item in client.list_deleted_secrets()] == ["slow"]
    assert (await client.get_deleted_secret("slow")).name == "slow"
    assert (await client.recover_deleted_secret("slow")).name == "slow"
    assert (await client.get_secret("slow")).value == "x"
    await client.delete_secret("slow")
    await client.purge_deleted_secret("slow")
    assert [item async for item in client.list_deleted_secrets()] == []


async def run() -> None:
    async with DefaultAzureCredential() as credential:
        async with SecretClient(vault_url=os.environ["AZURE_KEY_VAULT_URL"], credential=credential) as secrets:
            await main(secrets)


asyncio.run(run())
print("passed")
