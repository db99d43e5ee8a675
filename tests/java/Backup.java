import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A backup brings a secret back with all its versions, under the name that it had, and only if that is free. */
final class Backup {
    private Backup() {}

    static void run(SecretClient client) {
        List<KeyVaultSecret> made = new ArrayList<>();
        for (int number = 0; number < 3; number++) {
            made.add(client.setSecret("kept", "value " + number + " ü"));
        }
        byte[] backup = client.backupSecret("kept");
        Checks.insist(!new String(backup, StandardCharsets.UTF_8).contains("value"), "a backup shows no value");
        Checks.fails(() -> client.restoreSecretBackup(backup), 409, "Conflict");
        Checks.purge(client, "kept");

        Checks.same(client.restoreSecretBackup(backup).getId(), made.get(2).getId());
        for (KeyVaultSecret secret : made) {
            KeyVaultSecret read = client.getSecret("kept", secret.getProperties().getVersion());
            Checks.same(read.getValue(), secret.getValue());
            Checks.same(read.getProperties().getCreatedOn(), secret.getProperties().getCreatedOn());
        }
        Checks.same(client.listPropertiesOfSecretVersions("kept").stream().count(), 3L);

        Checks.purge(client, "kept");
        byte[] altered = backup.clone();
        altered[altered.length / 2] ^= 1;
        byte[] cut = Arrays.copyOfRange(backup, 1, backup.length);
        for (byte[] wrong : List.of(altered, cut, "no backup at all".getBytes(StandardCharsets.UTF_8))) {
            Checks.fails(() -> client.restoreSecretBackup(wrong), 400, "BadParameter");
        }
        Checks.fails(() -> client.backupSecret("kept"), 404, "SecretNotFound");
    }
}
