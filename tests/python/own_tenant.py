"""A tenant with an id: clients take it as soon as they do not ask Microsoft about the authority."""

import os

from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

tenant, client = os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"]
assert tenant != "adfs"
secret = os.environ["AZURE_CLIENT_SECRET"]
for credential in (
    ClientSecretCredential(tenant, client, secret, disable_instance_discovery=True),
    DefaultAzureCredential(disable_instance_discovery=True),
):
    with credential, SecretClient(vault_url=os.environ["AZURE_KEY_VAULT_URL"], credential=credential) as secrets:
        assert list(secrets.list_properties_of_secrets()) == []
print("passed")
