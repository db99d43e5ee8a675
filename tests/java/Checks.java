import com.azure.core.credential.TokenCredential;
import com.azure.core.exception.HttpResponseException;
import com.azure.core.http.rest.PagedIterable;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.security.keyvault.secrets.SecretClient;
import com.azure.security.keyvault.secrets.SecretClientBuilder;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/** What the parts share: the client of the vault that the environment names, and how a thing is insisted upon. */
final class Checks {
    static final String VAULT = variable("AZURE_KEY_VAULT_URL");

    /** How often a poller looks: its default would be most of a test's time. */
    static final Duration POLLING = Duration.ofMillis(200);

    private Checks() {}

    static String variable(String name) {
        return Objects.requireNonNull(System.getenv(name), name);
    }

    static TokenCredential defaultCredential() {
        return new DefaultAzureCredentialBuilder().build();
    }

    static SecretClient client(TokenCredential credential) {
        return new SecretClientBuilder().vaultUrl(VAULT).credential(credential).buildClient();
    }

    static void insist(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    static void same(Object found, Object expected) {
        insist(Objects.equals(found, expected), found + " in the place of " + expected);
    }

    static <T> List<String> all(PagedIterable<T> pages, Function<T, String> text) {
        return pages.stream().map(text).sorted().toList();
    }

    static void delete(SecretClient client, String name) {
        client.beginDeleteSecret(name).setPollInterval(POLLING).waitForCompletion();
    }

    static void purge(SecretClient client, String name) {
        delete(client, name);
        client.purgeDeletedSecret(name);
    }

    /** Insists on an error with this status, whose message quotes an answer with each of these codes. */
    static void fails(Runnable call, int status, String... codes) {
        try {
            call.run();
        } catch (HttpResponseException error) {
            same(error.getResponse().getStatusCode(), status);
            for (String code : codes) {
                insist(error.getMessage().contains("\"code\":\"" + code + "\""), error.getMessage());
            }
            return;
        }
        throw new AssertionError("no " + status + " was raised");
    }
}
