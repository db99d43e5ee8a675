package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// appService gets tokens without a secret, as on App Service: who asks is who the token says. This client reaches the
// metadata service of virtual machines at Azure's own address only.
func appService(ctx context.Context) {
	insist(os.Getenv("AZURE_CLIENT_SECRET") == "", "a client secret is in the environment")
	machine, worker := os.Getenv("MACHINE"), os.Getenv("WORKER")
	managed := func(id azidentity.ManagedIDKind) azcore.TokenCredential {
		return must(azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ID: id}))
	}
	objectID := claims(ctx, managed(azidentity.ClientID(worker)))["oid"].(string)
	for _, signIn := range []struct {
		credential azcore.TokenCredential
		client     string
	}{
		{managed(nil), machine},
		{managed(azidentity.ClientID(worker)), worker},
		{managed(azidentity.ResourceID(os.Getenv("WORKER_RESOURCE_ID"))), worker},
		{managed(azidentity.ObjectID(objectID)), worker},
		{must(azidentity.NewDefaultAzureCredential(nil)), os.Getenv("AZURE_CLIENT_ID")},
	} {
		insist(claims(ctx, signIn.credential)["appid"] == signIn.client, "%v", claims(ctx, signIn.credential))
		useAll(ctx, signIn.credential)
	}
	nobody := managed(azidentity.ClientID("99999999-9999-9999-9999-999999999999"))
	_, err := nobody.GetToken(ctx, vaults)
	insist(err != nil, "a token was given to nobody")
}

var vaults = policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}}

func claims(ctx context.Context, credential azcore.TokenCredential) (found map[string]any) {
	token := must(credential.GetToken(ctx, vaults)).Token
	payload := must(base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1]))
	must(0, json.Unmarshal(payload, &found))
	return found
}
