import com.azure.security.keyvault.secrets.SecretClient;
import java.util.List;

/** A Key Vault Secrets User may read and list. Everything else is refused, whether there is such a secret or not. */
final class SecretsUser {
    private SecretsUser() {}

    static void run(SecretClient client) {
        Checks.fails(() -> client.getSecret("any"), 404, "SecretNotFound");
        Checks.same(client.listPropertiesOfSecrets().stream().count(), 0L);
        Checks.same(client.listPropertiesOfSecretVersions("any").stream().count(), 0L);
        Checks.same(client.listDeletedSecrets().stream().count(), 0L);
        for (Runnable call : List.<Runnable>of(
                () -> client.setSecret("any", "x"),
                () -> client.beginDeleteSecret("any").poll(),
                () -> client.beginRecoverDeletedSecret("any").poll(),
                () -> client.purgeDeletedSecret("any"),
                () -> client.backupSecret("any"),
                () -> client.restoreSecretBackup(new byte[] {1}))) {
            Checks.fails(call, 403, "Forbidden", "ForbiddenByRbac");
        }
    }
}
