// Azure's own Go modules, unmodified, against `strongroom vault`. The first argument names the part to run; the last line on
// stdout is "passed" if all of it held.
package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// A part gets the time that all its calls may take together.
const patience = time.Minute

var parts = map[string]func(context.Context){
	"backup":            backup,
	"app-service":       appService,
	"life-of-a-secret":  lifeOfASecret,
	"errors":            errorsAsAzures,
	"secrets-user":      secretsUser,
	"certificate":       certificate,
	"workload-identity": workloadIdentity,
	"own-tenant":        ownTenant,
}

func main() {
	if len(os.Args) != 2 || parts[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "the argument names one of the parts:", keys(parts))
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	parts[os.Args[1]](ctx)
	fmt.Println("passed")
}
