//! The guide from its own file contents, as whoever follows it in Azure has them: the vault is known by its bare name, and Azure's
//! names are reached. Here they lead to the embedded vault, through a proxy that ends up there whatever it is asked for.

use reqwest::Method;
use serde_json::{Value, json};
use strongroom_tests::api::{self, ADMIN};
use strongroom_tests::metadata::{ADMIN_PASSWORD, CONFIG};
use strongroom_tests::proxy::Proxy;
use strongroom_tests::vault::{OFFICER, Principal, TENANT, USER};
use strongroom_tests::{MetadataServer, Program, VaultServer, scratch};
use tempfile::TempDir;

use super::{BOT_PATH, PASSWORD_NAME, PASSWORD_PATH};

/// The server's file, with a client secret.
const SERVER: &str = include_str!("../../../crates/config/tests/fixtures/guide-client-secret.yaml");

/// What is added to a workflow file.
const WORKFLOW: &str = "workflowConfig:
  openMetadataServerConfig:
    secretsManagerProvider: azure-kv
    secretsManagerLoader: <loader>
    hostPort: <OpenMetadata host and port>
    authProvider: <OpenMetadata auth provider>
";

/// The section of `airflow.cfg`.
const AIRFLOW: &str = "[openmetadata_secrets_manager]
azure_key_vault_name = <Key Vault Name>
azure_tenant_id = <Tenant / Directory ID>
azure_client_id = <App Registration ID>
azure_client_secret = <App Registration Secret>
";

/// The variables in its place, as they are written there.
const VARIABLES: &str = "AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME= <Key Vault Name>
AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_TENANT_ID= <Tenant / Directory ID>
AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_ID= <App Registration ID>
AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_SECRET= <App Registration Secret>
";

/// The vault's name, as Azure allows it.
const NAME: &str = "sales-vault";

const DATABASE_PASSWORD: &str = "dummy-sales";

/// A piece of the guide with what is a principal's in the place of what stands in angle brackets.
fn filled_in(text: &str, principal: &Principal) -> String {
    [
        ("<Key Vault Name>", NAME),
        ("<Tenant / Directory ID>", TENANT),
        ("<App Registration ID>", principal.client_id),
        ("<App Registration Secret>", principal.client_secret),
        ("<OpenMetadata host and port>", "http://localhost:8585/api"),
        ("<OpenMetadata auth provider>", "openmetadata"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
}

/// Azure, as far as anybody can tell from here.
struct Azure {
    folder: TempDir,
    _vault: VaultServer,
    proxy: Proxy,
    /// The way there, and the authority that vouches for it.
    network: Vec<(&'static str, String)>,
}

impl Azure {
    async fn set_up() -> Self {
        let folder = scratch();
        let named = |config: &mut Value| {
            config["vaults"][0]["name"] = NAME.into();
            for principal in config["principals"].as_array_mut().unwrap() {
                principal["roles"][0]["vault"] = NAME.into();
            }
        };
        let vault = VaultServer::start_by(folder.path(), named, &["--answer-as-azure"], &[]).await;
        let proxy = Proxy::start(Some(vault.port())).await;
        let ca = vault.data_dir().join("azure-ca.pem").display().to_string();
        let network = vec![("HTTPS_PROXY", proxy.url()), ("OM_SM_CA_FILE", ca)];
        Self { folder, _vault: vault, proxy, network }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The server by the guide's file, as a principal.
    async fn server(&self, principal: &Principal) -> MetadataServer {
        self.write(CONFIG, SERVER);
        let own = [
            ("OM_SM_VAULT_NAME", NAME),
            ("OM_SM_TENANT_ID", TENANT),
            ("OM_SM_CLIENT_ID", principal.client_id),
            ("OM_SM_CLIENT_SECRET", principal.client_secret),
        ];
        let network = self.network.iter().map(|(name, value)| (*name, value.as_str()));
        MetadataServer::start(self.folder.path(), &own.into_iter().chain(network).collect::<Vec<_>>()).await
    }

    fn program(&self, arguments: &[&str]) -> Program {
        let network = self.network.iter().map(|(name, value)| (*name, value.as_str()));
        Program::new(self.folder.path()).args(arguments).envs(network)
    }

    /// The variables of Azure's own clients.
    fn as_principal(&self, principal: &Principal, arguments: &[&str]) -> Program {
        self.program(arguments)
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", principal.client_id)
            .env("AZURE_CLIENT_SECRET", principal.client_secret)
    }

    /// What the vault holds, as the server's principal reads it; `None` if it holds nothing of this name.
    async fn secret(&self, name: &str) -> Option<String> {
        let program = self.as_principal(&OFFICER, &["vault", "get", name]).env("AZURE_KEY_VAULT_NAME", NAME);
        let read = program.run().await;
        match read.code {
            Some(0) => Some(read.stdout),
            _ => {
                assert!(read.stderr.contains("there is no such secret"), "{}", read.stderr);
                None
            }
        }
    }

    /// Under which name the server keeps the token of the ingestion's bot.
    async fn name_of_the_bots_token(&self) -> String {
        let list = ["vault", "list", "--json"];
        let program = self.as_principal(&OFFICER, &list).env("AZURE_KEY_VAULT_NAME", NAME);
        let listed = program.run().await.ended_with(0).json().to_string();
        let begin = listed.find("openmetadata-bot-ingestion-bot").expect("the bot's token");
        let known = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        listed[begin..].chars().take_while(|letter| known(*letter)).collect()
    }

    /// The workflow file of a run, with the guide's part.
    fn write_workflow(&self, loader: &str, bot_name: &str) {
        let added = filled_in(WORKFLOW, &USER).replace("<loader>", loader);
        let text = format!(
            "source:\n  type: postgres\n  serviceName: sales\n  serviceConnection:\n    config:\n      type: Postgres\n      \
             username: reader\n      authType:\n        password: secret:{PASSWORD_NAME}\n      hostPort: localhost:5432\n  \
             sourceConfig:\n    config:\n      type: DatabaseMetadata\nsink:\n  type: metadata-rest\n  config: {{}}\n\
             {added}    securityConfig:\n      jwtToken: secret:{bot_name}\n"
        );
        self.write("sales.yaml", &text);
    }

    /// Sends a password to a server, and says what it answered.
    async fn send_password(&self, server: &MetadataServer, service: &str) -> api::Answer {
        let signed_in = server.sign_in(ADMIN, ADMIN_PASSWORD).await.expect(200);
        let token = signed_in["accessToken"].as_str().unwrap();
        server.send_service(Method::POST, token, &api::postgres(service, DATABASE_PASSWORD)).await
    }
}

const RESOLVE: [&str; 3] = ["resolve", "-c", "sales.yaml"];

#[tokio::test(flavor = "multi_thread")]
async fn a_password_goes_from_the_server_to_the_vault_of_this_name_and_from_there_to_who_may_read() {
    let azure = Azure::set_up().await;
    let mut server = azure.server(&OFFICER).await;
    azure.send_password(&server, "sales").await.expect(201);
    assert!(server.running().stop().await.success());
    assert_eq!(azure.secret(PASSWORD_NAME).await.as_deref(), Some(DATABASE_PASSWORD));
    let bot_name = azure.name_of_the_bots_token().await;
    let bot = azure.secret(&bot_name).await.unwrap();
    let wanted = json!({PASSWORD_PATH: DATABASE_PASSWORD, BOT_PATH: bot});
    let resolved = async |program: Program| -> Value { program.run().await.ended_with(0).json() };

    // The command line.
    azure.write_workflow("env", &bot_name);
    let named = azure.as_principal(&USER, &RESOLVE).env("AZURE_KEY_VAULT_NAME", NAME);
    assert_eq!(resolved(named).await, wanted);
    let unnamed = azure.as_principal(&USER, &RESOLVE).run().await.ended_with(2);
    assert!(unnamed.stderr.contains("AZURE_KEY_VAULT_NAME is not set"), "{}", unnamed.stderr);

    // Airflow: by its variables, by its file, and with the vault's name alone, which leaves the rest to the default credential.
    azure.write_workflow("airflow", &bot_name);
    let filled = filled_in(VARIABLES, &USER);
    let variables: Vec<_> = filled.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!(resolved(azure.program(&RESOLVE).envs(variables.iter().copied())).await, wanted);
    let alone = azure.as_principal(&USER, &RESOLVE).envs(variables.first().copied());
    assert_eq!(resolved(alone).await, wanted);
    azure.write("airflow/airflow.cfg", &filled_in(AIRFLOW, &USER));
    assert_eq!(resolved(azure.program(&RESOLVE)).await, wanted);
    let section: String = AIRFLOW.lines().take(2).map(|line| filled_in(line, &USER) + "\n").collect();
    azure.write("airflow/airflow.cfg", &section);
    assert_eq!(resolved(azure.as_principal(&USER, &RESOLVE)).await, wanted);
    azure.write("airflow/airflow.cfg", "[openmetadata_secrets_manager]\n");
    let missing = azure.as_principal(&USER, &RESOLVE).run().await.ended_with(2);
    let key = "AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME is not set";
    assert!(missing.stderr.contains(key), "{}", missing.stderr);

    let expected = [format!("{NAME}.vault.azure.net:443"), "login.microsoftonline.com:443".to_owned()];
    let hosts = azure.proxy.hosts();
    assert!(hosts.iter().all(|host| expected.contains(host)), "{hosts:?}");
    assert!(expected.iter().all(|host| hosts.contains(host)), "{hosts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_principal_that_may_read_is_told_the_role_wherever_it_would_write() {
    let azure = Azure::set_up().await;
    // The guide's other principal made what the first start makes.
    let mut server = azure.server(&OFFICER).await;
    assert!(server.running().stop().await.success());

    let put = ["vault", "put", "a"];
    let named = || azure.as_principal(&USER, &put).env("AZURE_KEY_VAULT_NAME", NAME);
    let refused = named().stdin("x").run().await.ended_with(1);
    for part in ["Key Vault Secrets Officer", "sales-vault.vault.azure.net", " a "] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }

    let mut server = azure.server(&USER).await;
    let refused = azure.send_password(&server, "sales").await.refusal(502);
    assert!(refused.contains("Key Vault Secrets Officer"), "{refused}");
    assert!(!refused.contains(DATABASE_PASSWORD), "{refused}");
    assert!(server.running().stop().await.success());
    assert_eq!(azure.secret(PASSWORD_NAME).await, None);
}
