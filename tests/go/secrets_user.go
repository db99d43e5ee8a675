package main

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// secretsUser may read and list. Everything else is refused, whether there is such a secret or not.
func secretsUser(ctx context.Context) {
	client := defaultClient()
	_, err := client.GetSecret(ctx, "any", "", nil)
	fails(err, 404, "SecretNotFound", "")
	insist(len(names(ctx, client)) == 0 && len(versions(ctx, client, "any")) == 0, "an empty vault")

	refused := func(err error) { fails(err, 403, "Forbidden", "ForbiddenByRbac") }
	_, err = client.SetSecret(ctx, "any", value("x"), nil)
	refused(err)
	_, err = client.UpdateSecretProperties(ctx, "any", "", azsecrets.UpdateSecretPropertiesParameters{}, nil)
	refused(err)
	_, err = client.DeleteSecret(ctx, "any", nil)
	refused(err)
	_, err = client.RecoverDeletedSecret(ctx, "any", nil)
	refused(err)
	_, err = client.PurgeDeletedSecret(ctx, "any", nil)
	refused(err)
}
