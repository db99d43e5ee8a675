import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.models.KeyVaultSecret;
import com.azure.security.keyvault.secrets.models.SecretProperties;
import java.util.HashMap;
import java.util.Map;

/** What goes wrong at the vault reaches a program in Java with the status and the codes of Azure's vault. */
final class Errors {
    private Errors() {}

    static void run(SecretClient client) {
        client.setSecret("one", "1");
        Checks.fails(() -> client.getSecret("no-such-secret"), 404, "SecretNotFound");
        Checks.fails(() -> client.getSecret("one", "0123456789abcdef0123456789abcdef"), 404, "SecretNotFound");
        Checks.fails(() -> client.getDeletedSecret("one"), 404, "SecretNotFound");
        Checks.fails(() -> client.setSecret("under_score", "x"), 400, "BadParameter");
        Checks.fails(() -> client.setSecret("a".repeat(128), "x"), 400, "BadParameter");
        Checks.fails(() -> client.setSecret("long", "x".repeat(25_601)), 400, "BadParameter");
        client.setSecret("long", "x".repeat(25_600));
        Map<String, String> tags = new HashMap<>();
        for (int number = 0; number < 16; number++) {
            tags.put("tag" + number, "x");
        }
        KeyVaultSecret tagged = new KeyVaultSecret("tags", "x").setProperties(new SecretProperties().setTags(tags));
        Checks.fails(() -> client.setSecret(tagged), 400, "BadParameter");

        refused(Checks.variable("AZURE_CLIENT_ID"), "7000215");
        refused("33333333-3333-3333-3333-333333333333", "700016");
    }

    private static void refused(String id, String number) {
        SecretClient stranger = Checks.client(new ClientSecretCredentialBuilder()
                .tenantId(Checks.variable("AZURE_TENANT_ID")).clientId(id).clientSecret("wrong").build());
        try {
            stranger.getSecret("one");
        } catch (RuntimeException error) {
            Checks.insist(String.valueOf(error).contains(number) || String.valueOf(error.getCause()).contains(number), error);
            return;
        }
        throw new AssertionError("a stranger was let in");
    }
}
