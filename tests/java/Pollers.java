import com.azure.core.util.polling.LongRunningOperationStatus;
import com.azure.core.util.polling.SyncPoller;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.models.DeletedSecret;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;

/** Where deletions and recoveries take their time, pollers wait for them, and who does not wait is refused. */
final class Pollers {
    private Pollers() {}

    static void run(SecretClient client) {
        client.setSecret("slow", "x");
        SyncPoller<DeletedSecret, Void> deletion = client.beginDeleteSecret("slow").setPollInterval(Checks.POLLING);
        Checks.same(deletion.poll().getStatus(), LongRunningOperationStatus.IN_PROGRESS);
        Checks.fails(() -> client.getDeletedSecret("slow"), 404, "SecretNotFound");
        Checks.fails(() -> client.setSecret("slow", "y"), 409, "Conflict", "ObjectIsBeingDeleted");
        Checks.same(deletion.waitForCompletion().getStatus(), LongRunningOperationStatus.SUCCESSFULLY_COMPLETED);
        Checks.same(client.getDeletedSecret("slow").getName(), "slow");

        SyncPoller<KeyVaultSecret, Void> recovery =
                client.beginRecoverDeletedSecret("slow").setPollInterval(Checks.POLLING);
        Checks.same(recovery.poll().getStatus(), LongRunningOperationStatus.IN_PROGRESS);
        Checks.fails(() -> client.purgeDeletedSecret("slow"), 409, "Conflict", "ObjectIsBeingRecovered");
        Checks.same(recovery.waitForCompletion().getStatus(), LongRunningOperationStatus.SUCCESSFULLY_COMPLETED);
        Checks.same(client.getSecret("slow").getValue(), "x");
    }
}
