//! `strongroom secrets`, in all its ways, where all is well and where nothing is: with another Fernet key, as somebody whom the vault does
//! not know or does not let write, and with no vault at all.

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, FernetKeys, name_hash};
use strongroom_metastore::testing::TestDatabase;
use strongroom_metastore::{Access, Location, Metastore, Options};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{Random, SecretName, SecretValue};
use strongroom_tests::canary::{Canary, ProcessWatch};
use strongroom_tests::fixtures::services;
use strongroom_tests::metadata::CONFIG;
use strongroom_tests::vault::USER;
use uuid::Uuid;

use super::scene::Scene;
use super::secret;

/// What looks and changes nothing.
const LOOKS: &[&[&str]] = &[
    &["list"],
    &["list", "--json"],
    &["list", "--exact"],
    &["list", "--exact", "--json"],
    &["verify"],
    &["verify", "--json"],
    &["orphans"],
    &["orphans", "--json"],
    &["expiring", "--within", "3650d"],
    &["expiring", "--json"],
    &["rotate-fernet-key", "--plan"],
    &["rotate-fernet-key", "--plan", "--json"],
];

/// What changes something, and what tells most, where it has to fail.
const FAILING: &[&[&str]] = &[
    &["list", "--exact"],
    &["list", "--json"],
    &["verify", "--json"],
    &["verify", "--accept"],
    &["orphans", "--delete"],
    &["expiring"],
];

/// What is planted, by what it is.
struct Planted {
    in_row: String,
    drifted: String,
    orphaned: String,
    late: String,
    strange: String,
    malformed: String,
    mail: String,
    earlier: String,
    event: String,
    oauth: String,
    /// It stands in clear text in the database.
    option: String,
}

impl Planted {
    fn new() -> Self {
        Self {
            in_row: secret("Aw1Qp"),
            drifted: secret("Bx2Ro"),
            orphaned: secret("Cy3Sn"),
            late: secret("Dz4Tm"),
            strange: secret("Ea5Ul"),
            malformed: secret("Fb6Vk"),
            mail: secret("Gc7Wj"),
            earlier: secret("Hd8Xi"),
            event: secret("Ie9Yh"),
            oauth: secret("Jf1Zg"),
            option: secret("Kg2Af"),
        }
    }

    fn canaries(&self) -> Vec<Canary> {
        let all = [
            ("the password of a row that moved", &self.in_row),
            ("the value of a drifted secret", &self.drifted),
            ("the value of an orphan", &self.orphaned),
            ("the password of a row", &self.late),
            ("a value that no key opens", &self.strange),
            ("what begins like a reference", &self.malformed),
            ("the mail server's password", &self.mail),
            ("a password of the history", &self.earlier),
            ("a password of an event", &self.event),
            ("an OAuth client's secret", &self.oauth),
        ];
        all.map(|(what, value)| Canary::new(what, value)).to_vec()
    }
}

fn name_of(service: &str) -> String {
    format!("openmetadata-database-{service}-authtype-password")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_after_secrets_shows_none_of_them() {
    let watch = ProcessWatch::start();
    let mut scene = Scene::set_up().await;
    let planted = Planted::new();
    scene.all.extend(planted.canaries());
    let other = FernetKeys::generate(&SystemRandom);
    scene.all.push(Canary::new("another Fernet key", other.expose()));
    scene.plant("warehouse", &planted.in_row).await;
    scene.plant("forgotten", &planted.orphaned).await;
    scene.migrate(0, &[]).await;
    scene.leave(&planted, &FernetKeys::parse(&other).unwrap()).await;

    for command in LOOKS {
        scene.look_after(command).await;
    }
    scene.look_after_in_trouble(other.expose()).await;

    // And now everything that can be done.
    let own = scene.secrets.fernet_key.clone();
    scene.configure(|file| {
        file["fernetConfiguration"]["fernetKey"] = json!(format!("{},{own}", other.expose()));
    });
    for command in [
        &["rotate-fernet-key"][..],
        &["rotate-fernet-key", "--json"],
        &["verify", "--accept"],
        &["verify", "--accept", "--json"],
        &["orphans", "--delete"],
        &["orphans", "--delete", "--json"],
    ] {
        scene.look_after(command).await;
    }
    assert_eq!(scene.vault.secret(&name_of("forgotten")).await, None, "the orphan was deleted");
    assert_eq!(scene.vault.secret(&name_of("warehouse")).await, Some(planted.drifted.clone()));
    scene.look_at_files();
    assert!(scene.server.running().stop().await.success());
    assert!(scene.vault.running().stop().await.success());
    scene.look_at_files();
    for line in watch.end() {
        scene.look("the arguments of a process", &String::from_utf8_lossy(&line), &[]);
    }
    assert_eq!(scene.findings, []);
}

impl Scene {
    /// One of the commands, which ends in order, whatever it says, and says all that it can.
    async fn look_after(&mut self, command: &[&str]) {
        let program = self.program(&["secrets"]).args(command).args(["-c", CONFIG, "--data-dir", "data"]);
        let finished = program.run().await;
        assert!(
            matches!(finished.code, Some(0 | 1)),
            "{command:?} ended with {:?}: {}",
            finished.code,
            finished.stderr
        );
        self.look_at_output(&format!("what secrets {} prints", command.join(" ")), &finished);
    }

    async fn look_after_in_trouble(&mut self, other_key: &str) {
        self.configure(|file| file["fernetConfiguration"]["fernetKey"] = json!(other_key));
        for command in LOOKS.iter().chain(&[&["orphans", "--delete"][..], &["rotate-fernet-key"]]) {
            self.look_after(command).await;
        }
        let wrong = self.secrets.wrong_client_secret.clone();
        let troubles: [&dyn Fn(&mut Value); 3] = [
            &|parameters| parameters["clientSecret"] = json!(wrong),
            &|parameters| {
                parameters["clientId"] = json!(USER.client_id);
                parameters["clientSecret"] = json!(USER.client_secret);
            },
            &|parameters| parameters["vaultUrl"] = json!("https://v1.vault.localhost:1"),
        ];
        for trouble in troubles {
            self.configure(|file| trouble(&mut file["secretsManagerConfiguration"]["parameters"]));
            for command in FAILING {
                self.look_after(command).await;
            }
        }
        self.configure(|_| ());
    }

    /// What others leave behind after a migration: in the vault, in rows, and beside them.
    async fn leave(&self, planted: &Planted, strangers: &FernetKeys) {
        let random: &dyn Random = &SystemRandom;
        let sealed = |keys: &FernetKeys, value: &str| keys.encrypt(&SecretValue::new(value));
        self.vault.set(&name_of("warehouse"), &planted.drifted).await;
        let store = Metastore::open(&Options::new(self.database(), Access::ReadWrite)).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        let row =
            store.get_by_hash(EntityKind::DatabaseService, &name_hash("forgotten")).await.unwrap().unwrap();
        transaction.delete(EntityKind::DatabaseService, row.id).await.unwrap();
        transaction.forget_owner(&SecretName::new(name_of("forgotten")).unwrap()).await.unwrap();
        let mut late = services::postgres(random.uuid(), "late", &sealed(&self.keys, &planted.late));
        late["connection"]["config"]["connectionOptions"] = json!({"password": planted.option});
        let strange = services::postgres(random.uuid(), "strange", &sealed(strangers, &planted.strange));
        let malformed = format!("secret:{}", planted.malformed);
        let malformed = services::postgres(random.uuid(), "malformed", &sealed(&self.keys, &malformed));
        for (name, document) in [("late", &late), ("strange", &strange), ("malformed", &malformed)] {
            transaction.insert(EntityKind::DatabaseService, &name_hash(name), document).await.unwrap();
        }
        let mail = json!({"password": sealed(&self.keys, &planted.mail)});
        transaction.insert(EntityKind::Setting, "emailConfiguration", &mail).await.unwrap();
        let id: Uuid = late["id"].as_str().unwrap().parse().unwrap();
        let earlier = services::postgres(id, "late", &sealed(&self.keys, &planted.earlier));
        transaction.keep_version(EntityKind::DatabaseService, id, &earlier).await.unwrap();
        transaction.commit().await.unwrap();
        store.close().await;

        let database = TestDatabase::at(&Location::Sqlite(self.database()));
        let entity = services::postgres(id, "late", &sealed(&self.keys, &planted.event)).to_string();
        let event = json!({"eventType": "entityUpdated", "entityType": "databaseService", "userName": "a", "timestamp": 1, "entity": entity});
        let oauth = sealed(&self.keys, &planted.oauth);
        database
            .run(&format!(
                "INSERT INTO change_event (json) VALUES ({})",
                database.literal(&event.to_string())
            ))
            .await;
        database
            .run(&format!(
                "CREATE TABLE oauth_clients (id TEXT, client_secret_encrypted TEXT); INSERT INTO oauth_clients VALUES ('a', '{oauth}')"
            ))
            .await;
    }
}
