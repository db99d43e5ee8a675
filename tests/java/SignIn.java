import com.azure.core.credential.TokenCredential;
import com.azure.core.credential.TokenRequestContext;
import com.azure.identity.ClientCertificateCredentialBuilder;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.identity.DefaultAzureCredentialBuilder;
import com.azure.identity.EnvironmentCredentialBuilder;
import com.azure.identity.ManagedIdentityCredentialBuilder;
import com.azure.identity.WorkloadIdentityCredentialBuilder;
import com.azure.security.keyvault.secrets.SecretClient;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Signing in otherwise than with a client secret at the tenant {@code adfs}. */
final class SignIn {
    private static final TokenRequestContext VAULTS =
            new TokenRequestContext().addScopes("https://vault.azure.net/.default");

    private SignIn() {}

    static void certificate() {
        String id = Checks.variable("AZURE_CLIENT_ID");
        keeps(id, new ClientCertificateCredentialBuilder().tenantId(Checks.variable("AZURE_TENANT_ID")).clientId(id)
                .pemCertificate(Checks.variable("AZURE_CLIENT_CERTIFICATE_PATH")).build());
        keeps(id, new EnvironmentCredentialBuilder().build());
        keeps(id, Checks.defaultCredential());
    }

    static void workloadIdentity() {
        String id = Checks.variable("AZURE_CLIENT_ID");
        keeps(id, new WorkloadIdentityCredentialBuilder().build());
        keeps(id, Checks.defaultCredential());
    }

    /** An identity of the machine, from the one of Azure's two services that the environment names. */
    static void managedIdentity() {
        String worker = Checks.variable("WORKER");
        TokenCredential byClient = new ManagedIdentityCredentialBuilder().clientId(worker).build();
        String objectId = claim(byClient, "oid");
        keeps(Checks.variable("MACHINE"), new ManagedIdentityCredentialBuilder().build());
        keeps(worker, byClient);
        keeps(worker, new ManagedIdentityCredentialBuilder().resourceId(Checks.variable("WORKER_RESOURCE_ID")).build());
        keeps(worker, new ManagedIdentityCredentialBuilder().objectId(objectId).build());
        // It takes the client id from AZURE_CLIENT_ID.
        keeps(Checks.variable("AZURE_CLIENT_ID"), Checks.defaultCredential());
        keeps(worker, new DefaultAzureCredentialBuilder().managedIdentityClientId(worker).build());
    }

    static void ownTenant() {
        String tenant = Checks.variable("AZURE_TENANT_ID");
        Checks.insist(!tenant.equals("adfs"), "the tenant that needs no discovery");
        for (TokenCredential credential : List.of(
                new ClientSecretCredentialBuilder().tenantId(tenant).clientId(Checks.variable("AZURE_CLIENT_ID"))
                        .clientSecret(Checks.variable("AZURE_CLIENT_SECRET")).disableInstanceDiscovery().build(),
                new DefaultAzureCredentialBuilder().disableInstanceDiscovery().build())) {
            Checks.same(Checks.client(credential).listPropertiesOfSecrets().stream().count(), 0L);
        }
    }

    private static void keeps(String id, TokenCredential credential) {
        Checks.insist(System.getenv("AZURE_CLIENT_SECRET") == null, "a client secret is in the environment");
        Checks.same(claim(credential, "appid"), id);
        SecretClient client = Checks.client(credential);
        client.setSecret("kept", id);
        Checks.same(client.getSecret("kept").getValue(), id);
    }

    private static String claim(TokenCredential credential, String name) {
        String payload = credential.getTokenSync(VAULTS).getToken().split("\\.")[1];
        String claims = new String(Base64.getUrlDecoder().decode(payload), StandardCharsets.UTF_8);
        Matcher claim = Pattern.compile("\"" + name + "\":\"([^\"]*)\"").matcher(claims);
        Checks.insist(claim.find(), "no claim " + name);
        return claim.group(1);
    }
}
