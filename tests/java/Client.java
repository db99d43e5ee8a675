import com.azure.security.keyvault.secrets.SecretClient;

/** A client of the vault with Azure's packages for Java: the argument names what it does there. */
public final class Client {
    private Client() {}

    public static void main(String[] arguments) {
        SecretClient byDefault = Checks.client(Checks.defaultCredential());
        switch (arguments[0]) {
            case "life-of-a-secret" -> LifeOfASecret.run(byDefault);
            case "backup" -> Backup.run(byDefault);
            case "errors" -> Errors.run(byDefault);
            case "secrets-user" -> SecretsUser.run(byDefault);
            case "pollers" -> Pollers.run(byDefault);
            case "certificate" -> SignIn.certificate();
            case "workload-identity" -> SignIn.workloadIdentity();
            case "app-service", "imds" -> SignIn.managedIdentity();
            case "own-tenant" -> SignIn.ownTenant();
            default -> throw new IllegalArgumentException(arguments[0]);
        }
        System.out.println("passed");
        // The threads of the HTTP client would keep the program waiting.
        System.exit(0);
    }
}
