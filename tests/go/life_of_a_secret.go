package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// lifeOfASecret goes from a first version to the purge, as a Key Vault Secrets Officer. (This module has no pollers.)
func lifeOfASecret(ctx context.Context) {
	client := defaultClient()
	setAndGet(ctx, client)
	update(ctx, client)
	list(ctx, client)
	deleteAndRecover(ctx, client)
}

func setAndGet(ctx context.Context, client *azsecrets.Client) {
	parameters := value("first")
	parameters.ContentType, parameters.Tags = pointer("text/plain"), map[string]*string{"team": pointer("data")}
	first := must(client.SetSecret(ctx, "db-password", parameters, nil))
	insist(*first.Value == "first" && *first.ContentType == "text/plain", "%v", first)
	insist(len(first.Tags) == 1 && *first.Tags["team"] == "data", "%v", first.Tags)
	id := vaultURL + "/secrets/db-password/" + first.ID.Version()
	insist(string(*first.ID) == id && len(first.ID.Version()) == 32, "%s", *first.ID)
	attributes := first.Attributes
	insist(*attributes.Enabled && *attributes.RecoverableDays == 90, "%v", attributes)
	insist(*attributes.RecoveryLevel == "Recoverable+Purgeable", "%v", *attributes.RecoveryLevel)
	insist(time.Since(*attributes.Created).Abs() < 5*time.Minute, "%v", *attributes.Created)

	second := must(client.SetSecret(ctx, "db-password", value("second ü €"), nil))
	insist(second.ID.Version() != first.ID.Version() && second.Tags == nil, "%v", second)
	insist(*must(client.GetSecret(ctx, "db-password", "", nil)).Value == "second ü €", "the latest version")
	insist(*must(client.GetSecret(ctx, "DB-Password", first.ID.Version(), nil)).Value == "first", "the first version")
	must(client.SetSecret(ctx, "empty", value(""), nil))
	insist(*must(client.GetSecret(ctx, "empty", "", nil)).Value == "", "an empty value")

	// Not before, and not after: neither keeps anyone from reading it.
	now := time.Now().Truncate(time.Second)
	for name, attributes := range map[string]azsecrets.SecretAttributes{
		"expired": {NotBefore: pointer(now.AddDate(0, 0, -2)), Expires: pointer(now.AddDate(0, 0, -1))},
		"unborn":  {NotBefore: pointer(now.AddDate(0, 0, 1)), Expires: pointer(now.AddDate(100, 0, 0))},
	} {
		parameters := value(name)
		parameters.SecretAttributes = &attributes
		must(client.SetSecret(ctx, name, parameters, nil))
		read := must(client.GetSecret(ctx, name, "", nil))
		insist(*read.Value == name, "%s has the value %s", name, *read.Value)
		insist(read.Attributes.NotBefore.Equal(*attributes.NotBefore), "%v", *read.Attributes.NotBefore)
		insist(read.Attributes.Expires.Equal(*attributes.Expires), "%v", *read.Attributes.Expires)
	}
}

// update changes what is given and leaves the rest.
func update(ctx context.Context, client *azsecrets.Client) {
	both := versions(ctx, client, "db-password")
	latest := must(client.GetSecret(ctx, "db-password", "", nil)).ID.Version()
	older := both[1-slices.Index(both, latest)]
	expires := time.Date(2037, 1, 1, 0, 0, 0, 0, time.UTC)
	changed := must(client.UpdateSecretProperties(ctx, "db-password", "", azsecrets.UpdateSecretPropertiesParameters{
		SecretAttributes: &azsecrets.SecretAttributes{Expires: &expires},
		Tags:             map[string]*string{"owner": pointer("me")},
	}, nil))
	insist(changed.ID.Version() == latest && changed.Value == nil, "%v", changed)
	insist(*changed.Tags["owner"] == "me" && changed.Attributes.Expires.Equal(expires), "%v", changed)
	changed = must(client.UpdateSecretProperties(ctx, "db-password", older,
		azsecrets.UpdateSecretPropertiesParameters{ContentType: pointer("old")}, nil))
	insist(*changed.ContentType == "old" && *changed.Tags["team"] == "data", "%v", changed)

	// A disabled secret is not given out, but can be enabled again.
	enable := func(yes bool) {
		must(client.UpdateSecretProperties(ctx, "empty", "", azsecrets.UpdateSecretPropertiesParameters{
			SecretAttributes: &azsecrets.SecretAttributes{Enabled: &yes},
		}, nil))
	}
	enable(false)
	_, err := client.GetSecret(ctx, "empty", "", nil)
	fails(err, 403, "Forbidden", "SecretDisabled")
	enable(true)
	must(client.GetSecret(ctx, "empty", "", nil))
}

// list follows the pages to the end.
func list(ctx context.Context, client *azsecrets.Client) {
	expected := []string{"db-password", "empty", "expired", "unborn"}
	for number := range 60 {
		name := fmt.Sprintf("page-%d", number)
		must(client.SetSecret(ctx, name, value(name), nil))
		expected = append(expected, name)
	}
	slices.Sort(expected)
	insist(slices.Equal(names(ctx, client), expected), "%v", names(ctx, client))
	for range 30 {
		must(client.SetSecret(ctx, "page-0", value("again"), nil))
	}
	found := slices.Compact(versions(ctx, client, "page-0"))
	insist(len(found) == 31, "%d versions, none of them twice", len(found))
	insist(len(versions(ctx, client, "no-such-secret")) == 0, "an unknown secret has no versions")
}

func deleteAndRecover(ctx context.Context, client *azsecrets.Client) {
	before := versions(ctx, client, "db-password")
	deleted := must(client.DeleteSecret(ctx, "db-password", nil))
	insist(deleted.ID.Name() == "db-password" && deleted.Value == nil, "%v", deleted)
	insist(deleted.ScheduledPurgeDate.Sub(*deleted.DeletedDate) == 90*24*time.Hour, "%v", deleted)
	insist(strings.HasPrefix(*deleted.RecoveryID, vaultURL+"/deletedsecrets/"), "%s", *deleted.RecoveryID)
	_, err := client.GetSecret(ctx, "db-password", "", nil)
	fails(err, 404, "SecretNotFound", "")
	insist(slices.Equal(deletedNames(ctx, client), []string{"db-password"}), "%v", deletedNames(ctx, client))
	insist(*must(client.GetDeletedSecret(ctx, "db-password", nil)).Tags["owner"] == "me", "the tags are kept")
	_, err = client.SetSecret(ctx, "db-password", value("x"), nil)
	fails(err, 409, "Conflict", "ObjectIsDeletedButRecoverable")

	recovered := must(client.RecoverDeletedSecret(ctx, "db-password", nil))
	insist(recovered.ID.Name() == "db-password", "%v", recovered)
	insist(*must(client.GetSecret(ctx, "db-password", "", nil)).Value == "second ü €", "it is back")
	insist(slices.Equal(versions(ctx, client, "db-password"), before), "with all its versions")

	must(client.DeleteSecret(ctx, "db-password", nil))
	must(client.PurgeDeletedSecret(ctx, "db-password", nil))
	insist(len(deletedNames(ctx, client)) == 0, "%v", deletedNames(ctx, client))
	_, err = client.GetDeletedSecret(ctx, "db-password", nil)
	fails(err, 404, "SecretNotFound", "")
	must(client.SetSecret(ctx, "db-password", value("anew"), nil))
	insist(len(versions(ctx, client, "db-password")) == 1, "%v", versions(ctx, client, "db-password"))
}
