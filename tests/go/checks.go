package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

var vaultURL = os.Getenv("AZURE_KEY_VAULT_URL")

// insist ends the program with the caller's line if the condition does not hold.
func insist(condition bool, format string, arguments ...any) {
	if !condition {
		_, file, line, _ := runtime.Caller(1)
		fmt.Fprintf(os.Stderr, "%s:%d: %s\n", file, line, fmt.Sprintf(format, arguments...))
		os.Exit(1)
	}
}

// must unwraps the answer of a call that has to succeed.
func must[T any](answer T, err error) T {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		fmt.Fprintf(os.Stderr, "%s:%d: %v\n", file, line, err)
		os.Exit(1)
	}
	return answer
}

// fails insists on the status, code and inner code of a call's error; an empty inner code means that there is none.
func fails(err error, status int, code, inner string) {
	var answer *azcore.ResponseError
	insist(errors.As(err, &answer), "no answer of the vault but %v", err)
	insist(answer.StatusCode == status && answer.ErrorCode == code, "%v", err)
	var body struct {
		Error struct {
			Innererror *struct{ Code string }
		}
	}
	must(0, json.Unmarshal(must(azruntime.Payload(answer.RawResponse)), &body))
	if inner == "" {
		insist(body.Error.Innererror == nil, "%v", err)
	} else {
		insist(body.Error.Innererror != nil && body.Error.Innererror.Code == inner, "%v", err)
	}
}

// defaultClient signs in with whatever the environment offers.
func defaultClient() *azsecrets.Client {
	return clientWith(must(azidentity.NewDefaultAzureCredential(nil)))
}

func clientWith(credential azcore.TokenCredential) *azsecrets.Client {
	return must(azsecrets.NewClient(vaultURL, credential, nil))
}

// all gathers the items of all pages.
func all[P, I any](ctx context.Context, pager *azruntime.Pager[P], items func(P) []I) (gathered []I) {
	for pager.More() {
		gathered = append(gathered, items(must(pager.NextPage(ctx)))...)
	}
	return gathered
}

func names(ctx context.Context, client *azsecrets.Client) []string {
	items := all(ctx, client.NewListSecretPropertiesPager(nil),
		func(page azsecrets.ListSecretPropertiesResponse) []*azsecrets.SecretProperties { return page.Value })
	return sorted(items, func(item *azsecrets.SecretProperties) string { return item.ID.Name() })
}

func versions(ctx context.Context, client *azsecrets.Client, name string) []string {
	items := all(ctx, client.NewListSecretPropertiesVersionsPager(name, nil),
		func(page azsecrets.ListSecretPropertiesVersionsResponse) []*azsecrets.SecretProperties {
			return page.Value
		})
	return sorted(items, func(item *azsecrets.SecretProperties) string { return item.ID.Version() })
}

func deletedNames(ctx context.Context, client *azsecrets.Client) []string {
	items := all(ctx, client.NewListDeletedSecretPropertiesPager(nil),
		func(page azsecrets.ListDeletedSecretPropertiesResponse) []*azsecrets.DeletedSecretProperties {
			return page.Value
		})
	return sorted(items, func(item *azsecrets.DeletedSecretProperties) string { return item.ID.Name() })
}

func sorted[T any](items []T, text func(T) string) []string {
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, text(item))
	}
	slices.Sort(texts)
	return texts
}

func keys[V any](values map[string]V) (found []string) {
	for key := range values {
		found = append(found, key)
	}
	slices.Sort(found)
	return found
}

func value(text string) azsecrets.SetSecretParameters {
	return azsecrets.SetSecretParameters{Value: &text}
}

func pointer[T any](value T) *T { return &value }
