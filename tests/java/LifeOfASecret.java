import static java.time.ZoneOffset.UTC;

import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.models.DeletedSecret;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;
import com.azure.security.keyvault.secrets.models.SecretProperties;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

/** The life of a secret, from its first version to its purge, as a Key Vault Secrets Officer sees it. */
final class LifeOfASecret {
    private static final String NAME = "db-password";

    private LifeOfASecret() {}

    static void run(SecretClient client) {
        String first = setAndGet(client);
        update(client, first);
        list(client);
        deleteAndRecover(client, first);
    }

    private static String setAndGet(SecretClient client) {
        SecretProperties properties = new SecretProperties().setContentType("text/plain").setTags(Map.of("team", "data"));
        KeyVaultSecret first = client.setSecret(new KeyVaultSecret(NAME, "first").setProperties(properties));
        String version = first.getProperties().getVersion();
        Checks.same(first.getValue(), "first");
        Checks.same(first.getId(), Checks.VAULT + "/secrets/" + NAME + "/" + version);
        Checks.same(first.getProperties().getTags(), Map.of("team", "data"));
        Checks.same(first.getProperties().getContentType(), "text/plain");
        Checks.same(first.getProperties().isEnabled(), true);
        Checks.same(first.getProperties().getRecoveryLevel(), "Recoverable+Purgeable");
        Checks.same(first.getProperties().getRecoverableDays(), 90);

        KeyVaultSecret second = client.setSecret(NAME, "second ü €");
        Checks.insist(!second.getProperties().getVersion().equals(version), "a new version");
        Checks.same(client.getSecret(NAME).getValue(), "second ü €");
        Checks.same(client.getSecret("DB-Password", version).getValue(), "first");
        Checks.same(client.setSecret("empty", "").getValue(), "");
        Checks.same(client.getSecret("empty").getValue(), "");
        return version;
    }

    private static void update(SecretClient client, String first) {
        OffsetDateTime expires = OffsetDateTime.of(2037, 1, 1, 0, 0, 0, 0, UTC);
        SecretProperties latest = client.getSecret(NAME).getProperties();
        SecretProperties changed =
                client.updateSecretProperties(latest.setTags(Map.of("owner", "me")).setExpiresOn(expires));
        Checks.same(changed.getVersion(), latest.getVersion());
        Checks.same(changed.getTags(), Map.of("owner", "me"));
        Checks.same(changed.getExpiresOn(), expires);
        SecretProperties older = client.getSecret(NAME, first).getProperties();
        changed = client.updateSecretProperties(older.setContentType("old"));
        Checks.same(changed.getContentType(), "old");
        Checks.same(changed.getTags(), Map.of("team", "data"));
        Checks.same(client.getSecret(NAME).getValue(), "second ü €");

        SecretProperties empty = client.getSecret("empty").getProperties();
        client.updateSecretProperties(empty.setEnabled(false));
        Checks.fails(() -> client.getSecret("empty"), 403, "Forbidden", "SecretDisabled");
        client.updateSecretProperties(empty.setEnabled(true));
        client.getSecret("empty");
    }

    private static void list(SecretClient client) {
        List<String> expected = new ArrayList<>(List.of(NAME, "empty"));
        for (int number = 0; number < 60; number++) {
            client.setSecret("page-" + number, "x");
            expected.add("page-" + number);
        }
        expected.sort(null);
        Checks.same(Checks.all(client.listPropertiesOfSecrets(), SecretProperties::getName), expected);
        Checks.insist(client.listPropertiesOfSecrets().streamByPage().count() >= 3, "at most 25 on a page");
        for (int number = 0; number < 30; number++) {
            client.setSecret("page-0", "again");
        }
        List<String> versions = versions(client, "page-0");
        Checks.same(new HashSet<>(versions).size(), 31);
        Checks.same(versions.size(), 31);
        Checks.same(versions(client, "no-such-secret"), List.of());
    }

    private static List<String> versions(SecretClient client, String name) {
        return Checks.all(client.listPropertiesOfSecretVersions(name), SecretProperties::getVersion);
    }

    private static List<String> deleted(SecretClient client) {
        return Checks.all(client.listDeletedSecrets(), DeletedSecret::getName);
    }

    private static void deleteAndRecover(SecretClient client, String first) {
        DeletedSecret deleted =
                client.beginDeleteSecret(NAME).setPollInterval(Checks.POLLING).waitForCompletion().getValue();
        Checks.same(deleted.getName(), NAME);
        Checks.same(Duration.between(deleted.getDeletedOn(), deleted.getScheduledPurgeDate()), Duration.ofDays(90));
        Checks.insist(deleted.getRecoveryId().startsWith(Checks.VAULT + "/deletedsecrets/"), deleted.getRecoveryId());
        Checks.fails(() -> client.getSecret(NAME), 404, "SecretNotFound");
        Checks.same(deleted(client), List.of(NAME));
        Checks.same(client.getDeletedSecret(NAME).getProperties().getTags(), Map.of("owner", "me"));
        Checks.fails(() -> client.setSecret(NAME, "x"), 409, "Conflict", "ObjectIsDeletedButRecoverable");

        KeyVaultSecret recovered =
                client.beginRecoverDeletedSecret(NAME).setPollInterval(Checks.POLLING).waitForCompletion().getValue();
        Checks.same(recovered.getName(), NAME);
        Checks.same(client.getSecret(NAME).getValue(), "second ü €");
        Checks.same(client.getSecret(NAME, first).getValue(), "first");
        Checks.purge(client, NAME);
        Checks.same(deleted(client), List.of());
        Checks.fails(() -> client.getDeletedSecret(NAME), 404, "SecretNotFound");
        client.setSecret(NAME, "anew");
        Checks.same(versions(client, NAME).size(), 1);
    }
}
