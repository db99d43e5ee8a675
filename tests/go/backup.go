package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// backup brings a secret back with all its versions, under the name that it had, and only if that is free.
func backup(ctx context.Context) {
	client := defaultClient()
	purge := func() {
		must(client.DeleteSecret(ctx, "kept", nil))
		must(client.PurgeDeletedSecret(ctx, "kept", nil))
	}
	restore := func(blob []byte) (azsecrets.RestoreSecretResponse, error) {
		return client.RestoreSecret(ctx, azsecrets.RestoreSecretParameters{SecretBackup: blob}, nil)
	}
	var made []azsecrets.SetSecretResponse
	for number := range 3 {
		made = append(made, must(client.SetSecret(ctx, "kept", value(fmt.Sprintf("value %d ü", number)), nil)))
	}
	blob := must(client.BackupSecret(ctx, "kept", nil)).Value
	insist(len(blob) > 0 && !bytes.Contains(blob, []byte("value")), "a backup shows no value")
	_, err := restore(blob)
	fails(err, 409, "Conflict", "")
	purge()

	restored := must(restore(blob))
	insist(*restored.ID == *made[2].ID, "%s", *restored.ID)
	for _, version := range made {
		read := must(client.GetSecret(ctx, "kept", version.ID.Version(), nil))
		insist(*read.Value == *version.Value, "%s", *read.ID)
		insist(read.Attributes.Created.Equal(*version.Attributes.Created), "%s", *read.ID)
	}
	insist(len(versions(ctx, client, "kept")) == len(made), "%v", versions(ctx, client, "kept"))

	purge()
	altered := bytes.Clone(blob)
	altered[len(altered)/2] ^= 1
	for _, wrong := range [][]byte{altered, blob[1:], []byte("no backup at all")} {
		_, err := restore(wrong)
		fails(err, 400, "BadParameter", "")
	}
	_, err = client.BackupSecret(ctx, "kept", nil)
	fails(err, 404, "SecretNotFound", "")
}
