package main

import (
	"context"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// certificate signs in with a certificate, by name and by what the environment says.
func certificate(ctx context.Context) {
	file := must(os.ReadFile(os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH")))
	certificates, key, err := azidentity.ParseCertificates(file, nil)
	must(0, err)
	tenant, id := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	useAll(ctx,
		must(azidentity.NewClientCertificateCredential(tenant, id, certificates, key, nil)),
		must(azidentity.NewEnvironmentCredential(nil)),
		must(azidentity.NewDefaultAzureCredential(nil)))
}

// workloadIdentity signs in as a Kubernetes service account.
func workloadIdentity(ctx context.Context) {
	useAll(ctx,
		must(azidentity.NewWorkloadIdentityCredential(nil)),
		must(azidentity.NewDefaultAzureCredential(nil)))
}

func useAll(ctx context.Context, credentials ...azcore.TokenCredential) {
	insist(os.Getenv("AZURE_CLIENT_SECRET") == "", "a client secret is in the environment")
	for _, credential := range credentials {
		client := clientWith(credential)
		written := must(client.SetSecret(ctx, "kept", value("kept"), nil))
		insist(*must(client.GetSecret(ctx, "kept", written.ID.Version(), nil)).Value == "kept", "it is kept")
	}
}
