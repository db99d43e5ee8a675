package main

import (
	"context"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// ownTenant signs in at a tenant with an id, which clients take as soon as they do not ask Microsoft about the authority.
func ownTenant(ctx context.Context) {
	tenant, id, secret := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET")
	insist(tenant != "adfs", "this is the tenant that needs no discovery")
	for _, credential := range []azcore.TokenCredential{
		must(azidentity.NewClientSecretCredential(tenant, id, secret,
			&azidentity.ClientSecretCredentialOptions{DisableInstanceDiscovery: true})),
		must(azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{DisableInstanceDiscovery: true})),
	} {
		insist(len(names(ctx, clientWith(credential))) == 0, "an empty vault")
	}
}
