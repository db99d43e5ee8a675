"""The three credentials that take a client secret, each without an option of its own."""

import os

from azure.identity import ClientSecretCredential, DefaultAzureCredential, EnvironmentCredential
from azure.keyvault.secrets import SecretClient

VAULT = os.environ["AZURE_KEY_VAULT_URL"]

explicit = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"], os.environ["AZURE_CLIENT_ID"], os.environ["AZURE_CLIENT_SECRET"]
)
for number, credential in enumerate([explicit, EnvironmentCredential(), DefaultAzureCredential()]):
    with credential, SecretClient(vault_url=VAULT, credential=credential) as client:
        client.set_secret("kept", str(number))
        assert client.get_secret("kept").value == str(number)
        token = credential.get_token("https://vault.azure.net/.default")
        assert token.token.count(".") == 2, "an access token is a JSON Web Token"
print("passed")
