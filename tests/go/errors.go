package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// errorsAsAzures sees that what goes wrong at the vault reaches a Go program as the error that Azure's would have caused.
func errorsAsAzures(ctx context.Context) {
	client := defaultClient()
	notFound := func(err error) { fails(err, 404, "SecretNotFound", "") }
	_, err := client.GetSecret(ctx, "no-such-secret", "", nil)
	notFound(err)
	_, err = client.GetDeletedSecret(ctx, "no-such-secret", nil)
	notFound(err)
	_, err = client.DeleteSecret(ctx, "no-such-secret", nil)
	notFound(err)
	_, err = client.RecoverDeletedSecret(ctx, "no-such-secret", nil)
	notFound(err)
	_, err = client.PurgeDeletedSecret(ctx, "no-such-secret", nil)
	notFound(err)
	_, err = client.UpdateSecretProperties(ctx, "no-such-secret", "", azsecrets.UpdateSecretPropertiesParameters{}, nil)
	notFound(err)
	version := must(client.SetSecret(ctx, "one", value("1"), nil)).ID.Version()
	_, err = client.GetSecret(ctx, "one", strings.Repeat("0", len(version)), nil)
	notFound(err)

	// What is not a legal request.
	tagged := value("x")
	tagged.Tags = make(map[string]*string)
	for number := range 16 {
		tagged.Tags[fmt.Sprintf("tag%d", number)] = pointer("x")
	}
	for name, parameters := range map[string]azsecrets.SetSecretParameters{
		"under_score":            value("x"),
		strings.Repeat("a", 128): value("x"),
		"long":                   value(strings.Repeat("x", 25_601)),
		"tags":                   tagged,
		"absent":                 {},
	} {
		_, err = client.SetSecret(ctx, name, parameters, nil)
		fails(err, 400, "BadParameter", "")
	}
	must(client.SetSecret(ctx, strings.Repeat("a", 127), value(strings.Repeat("x", 25_600)), nil))

	// Who presents the wrong client secret, or is not known, gets no token.
	tenant, id := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	for _, stranger := range [][3]string{
		{id, "wrong", "7000215"},
		{"33333333-3333-3333-3333-333333333333", "x", "700016"},
	} {
		credential := must(azidentity.NewClientSecretCredential(tenant, stranger[0], stranger[1], nil))
		_, err := clientWith(credential).GetSecret(ctx, "one", "", nil)
		var refusal *azidentity.AuthenticationFailedError
		insist(errors.As(err, &refusal) && strings.Contains(err.Error(), stranger[2]), "%v", err)
	}
}
