//! What a migration leaves where it is, and what moves only on demand: unknown types, options, settings; and references as
//! OpenMetadata's own server writes them.

use serde_json::{Value, json};
use strongroom_entities::EntityKind;
use strongroom_manager::Keeping;
use strongroom_manager::migrate::{MigrateOptions, Plan, Report, StopFlag};
use strongroom_secrets::{Provider, SecretValue};
use uuid::Uuid;

use crate::harness::{KIND, World, fernet, id_of, name, service};

async fn plan(world: &World, options: &MigrateOptions) -> Plan {
    world.manager.plan_migration(options, &StopFlag::default()).await.unwrap()
}

async fn migrate(world: &World, options: &MigrateOptions) -> Report {
    let plan = plan(world, options).await;
    world.manager.apply_migration(&plan, options, &StopFlag::default()).await.unwrap()
}

fn encrypt(value: &str) -> String {
    fernet().encrypt(&SecretValue::new(value))
}

async fn document(world: &World, kind: EntityKind, id: Uuid) -> Value {
    world.store.get(kind, id).await.unwrap().unwrap().json
}

/// What the only field of an entity that refers to a secret resolves to.
async fn resolved(world: &World, text: &Value) -> String {
    let name = name(text.as_str().unwrap().strip_prefix("secret:").expect("a reference"));
    world.vault.get(&name, None).await.unwrap().value.expose().to_owned()
}

#[tokio::test]
async fn a_connection_of_an_unknown_type_is_reported_and_left_untouched() {
    let world = World::new().await;
    let mut brandnew = service(1, "new", &encrypt("p"));
    brandnew["serviceType"] = json!("Brandnew");
    world.plant(KIND, &brandnew).await;
    world.plant(KIND, &service(2, "known", &encrypt("q"))).await;
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!(document(&world, KIND, id_of(&brandnew)).await, brandnew);
    let [unknown] = &report.left.unknown_types[..] else { panic!("{report:?}") };
    assert_eq!(unknown.entity, "databaseService new");
    assert_eq!(unknown.connection_type, "Brandnew");
    assert_eq!(unknown.fields, ["connection.config.authType.password"]);
    assert_eq!((report.entities.changed, report.entities.unchanged, report.secrets.written), (1, 1, 1));
    assert!(report.failures.is_empty());
}

fn with_options(number: u128, options: Value) -> Value {
    let mut document = service(number, "options", &encrypt("p"));
    document["connection"]["config"]["connectionOptions"] = options;
    document
}

#[tokio::test]
async fn secrets_in_options_are_reported_and_move_on_demand() {
    let world = World::new().await;
    let options = json!({"sslmode": "require", "sslpassword": "dummy-ssl", "application_name": "om"});
    let before = with_options(1, options.clone());
    let (id, at) = (id_of(&before), "/connection/config/connectionOptions");
    world.plant(KIND, &before).await;
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!(document(&world, KIND, id).await.pointer(at), Some(&options));
    let [left] = &report.left.options[..] else { panic!("{report:?}") };
    assert_eq!(left.field, "connection.config.connectionOptions.sslpassword");

    let included = MigrateOptions { include_options: true, ..MigrateOptions::default() };
    let report = migrate(&world, &included).await;
    assert!(report.left.options.is_empty(), "{report:?}");
    let after = document(&world, KIND, id).await;
    let moved = after.pointer(at).unwrap();
    assert_eq!(moved["sslmode"], "require");
    assert_eq!(moved["sslpassword"], "secret:openmetadata-database-options-connectionoptions-sslpassword");
    assert_eq!(resolved(&world, &moved["sslpassword"]).await, "dummy-ssl");
    // A second run finds it where it is, with the option or without.
    for options in [&included, &MigrateOptions::default()] {
        let again = migrate(&world, options).await;
        assert_eq!((again.entities.changed, again.secrets.written), (0, 0));
        assert!(again.left.is_empty());
    }
    // An edit of something else does not lose the secret.
    let mut edited = after.clone();
    edited["description"] = json!("edited");
    world.replace(edited).await.unwrap();
    assert_eq!(resolved(&world, &moved["sslpassword"]).await, "dummy-ssl");
    // Back in the database it is what it was: nobody decrypts what stands there.
    let back = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    let report = migrate(&back, &MigrateOptions::default()).await;
    assert!(report.failures.is_empty() && report.conflicts.is_empty(), "{report:?}");
    assert_eq!(document(&back, KIND, id).await.pointer(at), Some(&options));
}

#[tokio::test]
async fn nobody_types_a_reference_to_anothers_secret_into_an_option() {
    let world = World::new().await;
    world.create(&service(1, "victim", "the-dummy")).await.unwrap();
    let name = "secret:openmetadata-database-victim-authtype-password";
    let mut attack = with_options(2, json!({"whatever": name}));
    attack["connection"]["config"]["authType"]["password"] = json!("own");
    let error = world.create(&attack).await.unwrap_err();
    assert!(matches!(error, strongroom_manager::WriteError::ForbiddenReference { .. }), "{error}");
}

fn subscription() -> Value {
    json!({
        "id": Uuid::from_u128(7).to_string(), "name": "hook", "fullyQualifiedName": "hook",
        "destinations": [{"config": {"endpoint": "https://example.org", "secretKey": encrypt("dummy-hook")}}],
    })
}

#[tokio::test]
async fn settings_stay_encrypted_and_are_listed_and_move_on_demand() {
    let world = World::new().await;
    let kind = EntityKind::EventSubscription;
    world.plant(kind, &subscription()).await;
    let before = subscription();
    let mail = json!({"password": encrypt("dummy-smtp"), "username": "u"});
    world.plant_setting("emailConfiguration", &mail).await;
    world.plant_setting("theme", &json!({"color": "blue"})).await;
    let stored = document(&world, kind, id_of(&before)).await;
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!(document(&world, kind, id_of(&before)).await, stored);
    let listed: Vec<_> =
        report.left.settings.iter().map(|left| format!("{}: {}", left.entity, left.field)).collect();
    assert_eq!(
        listed,
        ["settings emailConfiguration: password", "eventSubscription hook: destinations[0].config.secretKey"]
    );
    assert_eq!(report.entities.seen, 0);

    let included = MigrateOptions { include_settings: true, ..MigrateOptions::default() };
    let report = migrate(&world, &included).await;
    assert!(report.failures.is_empty() && report.left.is_empty(), "{report:?}");
    assert_eq!(report.secrets.written, 2);
    let after = document(&world, kind, id_of(&before)).await;
    assert_eq!(resolved(&world, &after["destinations"][0]["config"]["secretKey"]).await, "dummy-hook");
    assert_eq!(resolved(&world, &world.setting("emailConfiguration").await["password"]).await, "dummy-smtp");
    let again = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((again.entities.changed, again.secrets.written), (0, 0));

    let back = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    let report = migrate(&back, &MigrateOptions::default()).await;
    assert_eq!(report.secrets.returned, 2, "{report:?}");
    let returned = back.setting("emailConfiguration").await;
    assert_eq!(fernet().decrypt(returned["password"].as_str().unwrap()).unwrap().expose(), "dummy-smtp");
}

#[tokio::test]
async fn what_that_server_keeps_in_clear_text_in_its_settings_comes_back_in_clear_text() {
    let world = World::new().await;
    let sign_in =
        json!({"provider": "custom-oidc", "oidcConfiguration": {"id": "i", "secret": "dummy-oidc"}});
    world.plant_setting("authenticationConfiguration", &sign_in).await;
    let slack = json!(encrypt("{\"clientSecret\":\"dummy-slack\"}"));
    world.plant_setting("slackAppConfiguration", &slack).await;
    let mut hook = subscription();
    hook["destinations"][0]["config"]["headers"] = json!({"Authorization": "Bearer dummy", "Accept": "*/*"});
    world.plant(EntityKind::EventSubscription, &hook).await;
    let report = migrate(&world, &MigrateOptions::default()).await;
    let listed: Vec<_> = report.left.settings.iter().map(|left| left.field.as_str()).collect();
    let (key, header) = ("destinations[0].config.secretKey", "destinations[0].config.headers.Authorization");
    assert_eq!(listed.len(), 4, "{listed:?}");
    for field in ["oidcConfiguration.secret", "", key, header] {
        assert!(listed.contains(&field), "{field} in {listed:?}");
    }

    let included = MigrateOptions { include_settings: true, ..MigrateOptions::default() };
    let report = migrate(&world, &included).await;
    assert!(report.failures.is_empty() && report.left.is_empty(), "{report:?}");
    let moved = world.setting("authenticationConfiguration").await;
    assert_eq!(resolved(&world, &moved["oidcConfiguration"]["secret"]).await, "dummy-oidc");

    let back = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    let report = migrate(&back, &MigrateOptions::default()).await;
    assert_eq!(report.secrets.returned, 4, "{report:?}");
    assert_eq!(back.setting("authenticationConfiguration").await, sign_in);
    let returned = back.setting("slackAppConfiguration").await;
    let opened = fernet().decrypt(returned.as_str().unwrap()).unwrap();
    assert_eq!(opened.expose(), "{\"clientSecret\":\"dummy-slack\"}");
    let after = document(&back, EntityKind::EventSubscription, id_of(&hook)).await;
    let config = &after["destinations"][0]["config"];
    assert_eq!(config["headers"], hook["destinations"][0]["config"]["headers"]);
    assert_eq!(fernet().decrypt(config["secretKey"].as_str().unwrap()).unwrap().expose(), "dummy-hook");
}

#[tokio::test]
async fn what_lies_in_tables_that_nobody_knows_is_counted_and_stays() {
    let world = World::new().await;
    world.plant(KIND, &service(1, "a", &encrypt("p"))).await;
    world.run("CREATE TABLE scheduler_jobs (id varchar(36), data text)").await;
    world
        .run(&format!("INSERT INTO scheduler_jobs VALUES ('a', '{}'), ('b', 'x')", encrypt("dummy-job")))
        .await;
    let told = |report: &Report| {
        let [left] = &report.left.elsewhere[..] else { panic!("{report:?}") };
        assert!(report.left.unread.is_empty(), "{report:?}");
        (left.table.clone(), left.column.clone(), left.rows, left.in_clear_text)
    };
    let expected = ("scheduler_jobs".to_owned(), "data".to_owned(), 1, false);
    assert_eq!(told(&plan(&world, &MigrateOptions::default()).await.report), expected);
    assert_eq!(told(&migrate(&world, &MigrateOptions::default()).await), expected);
}

#[tokio::test]
async fn references_are_wrapped_for_who_wants_them_so() {
    let world = World::new().await;
    world.plant(KIND, &service(1, "a", &encrypt("p"))).await;
    migrate(&world, &MigrateOptions::default()).await;
    let plain = world.password_in_row(Uuid::from_u128(1)).await;
    assert!(plain.starts_with("secret:"));
    let world = world.as_other("migration:wrapping").await.wrapping();
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((report.entities.changed, report.secrets.written), (1, 0), "{report:?}");
    let wrapped = world.password_in_row(Uuid::from_u128(1)).await;
    assert_eq!(fernet().decrypt(&wrapped).unwrap().expose(), plain);
    // As does the server from now on.
    world.replace(service(1, "a", "changed")).await.unwrap();
    let wrapped = world.password_in_row(Uuid::from_u128(1)).await;
    assert_eq!(fernet().decrypt(&wrapped).unwrap().expose(), plain);
    assert_eq!(resolved(&world, &json!(plain)).await, "changed");
    let again = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!(again.entities.changed, 0);
    assert_eq!(world.password_in_row(Uuid::from_u128(1)).await, wrapped);
}

/// A service as a text that a parser would not write again as it stands.
fn written(number: u128, password: &str) -> String {
    let id = Uuid::from_u128(number);
    format!(
        "{{ \"updatedBy\":\"admin\",\"zz\":1.10, \"big\":[1e400,12345678901234567890123 ],\"serviceType\":\"Postgres\",\n\
         \"name\":\"n{number}\",\"id\":\"{id}\",\"connection\":{{\"config\":{{\"authType\" : {{\"x\":-0.0,\"password\":\"{password}\" }},\"caf\\u00e9\":1E5}}}},\
         \"updatedAt\":1,\"fullyQualifiedName\":\"n{number}\"}}"
    )
}

#[tokio::test]
async fn every_byte_but_the_password_goes_there_and_back_as_it_is_written() {
    let world = World::new().await;
    if !world.keeps_bytes() {
        return;
    }
    world.plant_text(KIND, &written(1, "dummy"), "1").await;
    let id = Uuid::from_u128(1);
    migrate(&world, &MigrateOptions::default()).await;
    let reference = "secret:openmetadata-database-n1-authtype-password";
    assert_eq!(world.row(id).await.unwrap().text, written(1, reference));
    let back = world.under("db", Keeping::InDatabase(None), &[&world.vault]).await;
    migrate(&back, &MigrateOptions::default()).await;
    let row = back.row(id).await.unwrap();
    let token = row.json["connection"]["config"]["authType"]["password"].as_str().unwrap();
    assert_eq!(fernet().decrypt(token).unwrap().expose(), "dummy");
    assert_eq!(row.text, written(1, token));
}

#[tokio::test]
async fn what_cannot_be_written_without_a_loss_is_reported_and_left() {
    let world = World::new().await;
    if !world.keeps_bytes() {
        return;
    }
    let twice = written(1, "dummy").replace("\"zz\":1.10", "\"zz\":1.10,\"z\\u007a\":2");
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let deep = written(2, "dummy").replace("1.10", &deep);
    world.plant_text(KIND, &twice, "1").await;
    world.plant_text(KIND, &deep, "2").await;
    world.plant_text(KIND, &written(3, "dummy"), "3").await;
    let report = migrate(&world, &MigrateOptions::default()).await;
    assert_eq!((report.entities.changed, report.entities.failed, report.secrets.written), (1, 2, 1));
    let errors: Vec<_> = report.failures.iter().map(|failure| failure.error.as_str()).collect();
    assert!(errors[0].contains("zz twice") && errors[1].contains("deeper than 128"), "{errors:?}");
    assert_eq!(
        world.stored_texts(KIND).await,
        [twice, deep, written(3, "secret:openmetadata-database-n3-authtype-password")]
    );
}
