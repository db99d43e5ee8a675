use proptest::prelude::*;

use super::*;

const SERVER: &str = "
workflowConfig:
  openMetadataServerConfig:
    hostPort: http://localhost:8585/api
    authProvider: openmetadata
    secretsManagerProvider: azure-kv
    secretsManagerLoader: env
    securityConfig: {jwtToken: 'secret:openmetadata-bot-ingestion-bot-config-jwttoken'}
";

const POSTGRES: &str = "
source:
  type: postgres
  serviceName: sales
  serviceConnection:
    config:
      type: Postgres
      username: reader
      authType:
        password: secret:sales-password
  sourceConfig: {config: {type: DatabaseMetadata}}
sink: {type: metadata-rest, config: {}}
";

fn read(text: &str) -> Result<WorkflowFile, ConfigError> {
    WorkflowFile::parse(Path::new("w.yaml"), text, &Environment::default())
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

fn run_of(source: &str, steps: &str) -> Run {
    read(&format!("source: {{serviceName: s, {source}}}\n{steps}\n{SERVER}")).unwrap().run()
}

#[test]
fn every_kind_of_run_is_known() {
    let sink = "sink: {type: metadata-rest, config: {}}";
    let with = |processor: &str| format!("processor: {{type: {processor}, config: {{}}}}\n{sink}");
    let config = |source: &str, config: &str| {
        format!("type: {source}, sourceConfig: {{config: {{type: {config}, other: 1}}}}")
    };
    assert_eq!(run_of(&config("postgres", "DatabaseMetadata"), sink), Run::Ingest);
    assert_eq!(run_of(&config("superset", "DashboardMetadata"), sink), Run::Ingest);
    assert_eq!(run_of("type: postgres, sourceConfig: {config: {}}", sink), Run::Ingest);
    assert_eq!(run_of(&config("postgres-lineage", "DatabaseLineage"), sink), Run::Lineage);
    assert_eq!(
        run_of(
            &config("postgres-usage", "DatabaseUsage"),
            "processor: {type: query-parser, config: {}}\nstage: {type: table-usage, config: {filename: /tmp/u}}\n\
             bulkSink: {type: metadata-usage, config: {filename: /tmp/u}}"
        ),
        Run::Usage
    );
    assert_eq!(run_of(&config("postgres", "Profiler"), &with("orm-profiler")), Run::Profile);
    assert_eq!(run_of(&config("postgres", "AutoClassification"), &with("orm-profiler")), Run::Classify);
    assert_eq!(run_of(&config("TestSuite", "TestSuite"), &with("orm-test-runner")), Run::Test);
}

#[test]
fn a_step_that_a_run_needs_is_named_with_the_place_of_its_source() {
    let usage = "source: {type: postgres-usage, sourceConfig: {config: {type: DatabaseUsage}}}\nprocessor: {type: query-parser}\n";
    assert_eq!(
        message(&format!("{usage}{SERVER}")),
        "w.yaml, line 1, column 1: stage: a run of the kind usage needs stage\n  \
         hint: it consists of source, processor, stage, bulkSink"
    );
    assert!(message(&POSTGRES.replace("sink:", "bulkSink:").replace("\n\n", "\n")).contains("needs sink"));
}

#[test]
fn unknown_keys_are_refused_with_their_place_and_a_suggestion() {
    for (text, says) in [
        (
            format!("{POSTGRES}{SERVER}sinks: {{}}"),
            "line 21, column 1: sinks: there is no such key\n  hint: did you mean sink?",
        ),
        (
            format!("{}{SERVER}", POSTGRES.replace("serviceName", "service_name")),
            "line 4, column 3: source.service_name: there is no such key\n  hint: did you mean serviceName?",
        ),
        (
            format!("{POSTGRES}{}", SERVER.replace("secretsManagerLoader", "secretManagerLoader")),
            "line 19, column 5: workflowConfig.openMetadataServerConfig.secretManagerLoader: there is no such key\n  \
             hint: did you mean secretsManagerLoader?",
        ),
        (
            format!("{}{SERVER}", POSTGRES.replace("    config:\n", "    other: 1\n    config:\n")),
            "line 6, column 5: source.serviceConnection.other: there is no such key",
        ),
        (
            format!("{}{SERVER}", POSTGRES.replace("config: {}}", "conf: {}}")),
            "sink.conf: there is no such key",
        ),
    ] {
        let message = message(&text);
        assert!(message.contains(says), "{message}\nin the place of\n{says}");
    }
}

#[test]
fn the_key_that_is_gone_since_1_1_is_refused_with_what_to_do() {
    let old = SERVER.replace("secretsManagerLoader: env", "secretsManagerCredentials: {vaultName: v}");
    let message = message(&format!("{POSTGRES}{old}"));
    assert!(message.contains("line 19, column 5"), "{message}");
    assert!(message.contains("secretsManagerCredentials: this key is gone"), "{message}");
    assert!(message.contains("secretsManagerLoader says where"), "{message}");
}

#[test]
fn what_is_missing_is_named() {
    for (key, text) in [
        ("source", SERVER.to_owned()),
        ("workflowConfig", POSTGRES.to_owned()),
        ("source.type", format!("{}{SERVER}", POSTGRES.replace("  type: postgres\n", ""))),
        (
            "source.sourceConfig",
            format!(
                "{}{SERVER}",
                POSTGRES.replace("sourceConfig: {config: {type: DatabaseMetadata}}", "sourceConfig:")
            ),
        ),
        ("sink.type", format!("{}{SERVER}", POSTGRES.replace("type: metadata-rest, ", ""))),
        (
            "workflowConfig.openMetadataServerConfig",
            format!("{POSTGRES}\nworkflowConfig: {{loggerLevel: INFO}}"),
        ),
        (
            "workflowConfig.openMetadataServerConfig.hostPort",
            format!("{POSTGRES}{}", SERVER.replace("hostPort: http", "clusterName: http")),
        ),
    ] {
        assert_eq!(read(&text).unwrap_err().key_path(), Some(key), "{text}");
    }
    assert!(message("").contains("the file is empty"));
    assert!(message("# nothing\n").contains("the file is empty"));
    assert!(message("- a").contains("must be a mapping, not a list"));
}

#[test]
fn a_choice_that_there_is_not_is_answered_with_those_there_are() {
    for (from, to, key) in [
        ("authProvider: openmetadata", "authProvider: no-auth", "authProvider"),
        ("secretsManagerLoader: env", "secretsManagerLoader: enviroment", "secretsManagerLoader"),
        ("secretsManagerProvider: azure-kv", "secretsManagerProvider: azure", "secretsManagerProvider"),
        ("authProvider: openmetadata", "verifySSL: yes", "verifySSL"),
    ] {
        let error = read(&format!("{POSTGRES}{}", SERVER.replace(from, to))).unwrap_err();
        assert!(error.key_path().is_some_and(|path| path.ends_with(key)), "{error}");
        assert!(error.place().is_some() && error.advice().is_some(), "{error}");
    }
    for (key, wrong) in [("loggerLevel", "INFOO"), ("successThreshold", "101")] {
        let server = SERVER.replace("workflowConfig:", &format!("workflowConfig:\n  {key}: {wrong}"));
        assert_eq!(
            read(&format!("{POSTGRES}{server}")).unwrap_err().key_path(),
            Some(format!("workflowConfig.{key}").as_str())
        );
    }
}

#[test]
fn the_vault_and_the_loader_are_as_the_file_says_or_none() {
    let file = read(&format!("{POSTGRES}{SERVER}")).unwrap();
    assert_eq!((file.provider(), file.loader()), (SecretsManager::AzureKv, SecretsManagerLoader::Env));
    assert_eq!(file.place_of_provider().to_string(), "w.yaml, line 18, column 29");
    let silent = SERVER.replace("    secretsManagerProvider: azure-kv\n    secretsManagerLoader: env\n", "");
    let file = read(&format!("{POSTGRES}{silent}")).unwrap();
    assert_eq!((file.provider(), file.loader()), (SecretsManager::Db, SecretsManagerLoader::Noop));
    assert_eq!(file.place_of_provider().to_string(), "w.yaml, line 15, column 3");
}

#[test]
fn every_value_has_its_path_its_place_and_its_text() {
    let text = "source: {type: x, sourceConfig: {config: {a: [1, {b: two}], n: null}}}\nsink: {type: y}"
        .to_owned()
        + SERVER;
    let file = read(&text).unwrap();
    let entries = file.entries();
    let path = |keys: &[PathStep<'static>]| entries.iter().find(|entry| entry.path == keys);
    use PathStep::{Index, Key};
    let two =
        path(&[Key("source"), Key("sourceConfig"), Key("config"), Key("a"), Index(1), Key("b")]).unwrap();
    assert_eq!(
        (two.text.unwrap().expose(), two.place.to_string().as_str()),
        ("two", "w.yaml, line 1, column 54")
    );
    assert!(path(&[Key("source"), Key("sourceConfig"), Key("config"), Key("a")]).unwrap().text.is_none());
    assert!(path(&[Key("source"), Key("sourceConfig"), Key("config"), Key("n")]).is_none());
}

#[test]
fn variables_are_put_in_by_pythons_rules_before_the_file_is_parsed() {
    let environment =
        Environment::from([("TYPE", "postgres"), ("HOME", "/root"), ("SINK", "sink: {type: metadata-rest}")]);
    let text = "source:\n  type: $TYPE\n  serviceName: pa$HOME\n  serviceConnection: {config: {a: '${UNSET:-d} $HOME', b: $$NOT}}\n  \
                sourceConfig: {config: {}}\n$SINK"
        .to_owned()
        + SERVER;
    let file = WorkflowFile::parse(Path::new("w.yml"), &text, &environment).unwrap();
    let entries = file.entries();
    let text_of = |name: &str| {
        let entry = entries.iter().find(|entry| entry.path.last() == Some(&PathStep::Key(name))).unwrap();
        (entry.text.unwrap().expose(), entry.left)
    };
    assert_eq!(text_of("serviceName"), ("pa/root", None));
    assert_eq!(text_of("a"), ("${UNSET:-d} /root", Some("${UNSET:-d}")));
    assert_eq!(text_of("b"), ("$$NOT", Some("$NOT")));
}

#[test]
fn a_value_that_breaks_the_file_is_told_with_its_line_and_not_shown() {
    let environment = Environment::from([("P", "hunter2: \"x")]);
    for (name, text) in [("w.yaml", "a: 1\nb: $P\n"), ("w.json", "{\"a\": 1,\n\"b\": \"$P\"}")] {
        let error = WorkflowFile::parse(Path::new(name), text, &environment).unwrap_err();
        assert_eq!(error.place().unwrap().to_string(), format!("{name}, line 2"));
        assert!(error.advice().is_some_and(|hint| hint.contains("the variable in this line")), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn json_is_read_like_yaml() {
    let text = r#"{
  "source": {
    "type": "postgres",
    "serviceName": "sales",
    "sourceConfig": {"config": {"type": "Profiler"}}
  },
  "processor": {"type": "orm-profiler", "config": {}},
  "sink": {"type": "metadata-rest", "config": {}},
  "workflowConfig": {"openMetadataServerConfig": {"hostPort": "http://h/api", "enableVersionValidation": false}}
}"#;
    let read = |text: &str| WorkflowFile::parse(Path::new("w.json"), text, &Environment::default());
    assert_eq!(read(text).unwrap().run(), Run::Profile);
    let error = read(&text.replace("serviceName", "servceName")).unwrap_err().to_string();
    assert!(error.contains("w.json, line 4, column 5: source.servceName: there is no such key"), "{error}");
    let error = read(&text.replace("\"postgres\",", "\"postgres\"")).unwrap_err().to_string();
    assert!(
        error.contains("w.json, line 4, column 5: a comma or a closing brace is expected here"),
        "{error}"
    );
}

#[test]
fn a_key_that_stands_twice_anywhere_is_refused() {
    let twice = POSTGRES.replace("        password:", "        password: a\n        password:");
    assert!(
        message(&format!("{twice}{SERVER}")).contains("line 11, column 9: the key stands here a second time")
    );
    let text = r#"{"a": {"b": 1, "b": 2}}"#;
    let error = WorkflowFile::parse(Path::new("w.json"), text, &Environment::default()).unwrap_err();
    assert!(error.to_string().contains("column 16: the key stands here a second time"), "{error}");
}

#[test]
fn merge_keys_bring_their_fields_with_them() {
    let merged = POSTGRES
        .replace("source:", "sink: &rest {type: metadata-rest}\nsource:")
        .replace("sink: {type: metadata-rest, config: {}}", "processor: {<<: *rest}");
    assert!(read(&format!("{merged}{SERVER}")).is_ok(), "{merged}");
}

#[test]
fn only_the_endings_that_the_ingestion_knows_are_read() {
    for name in ["w", "w.txt", "w.YAML", "w.toml", ".yaml"] {
        let error = WorkflowFile::parse(Path::new(name), POSTGRES, &Environment::default()).unwrap_err();
        assert!(error.to_string().contains(".yaml, .yml or .json"), "{name}: {error}");
    }
}

#[test]
fn the_outline_has_no_text_but_types() {
    let file = read(&format!("{POSTGRES}{SERVER}")).unwrap();
    let outline = file.outline();
    assert_eq!(outline["source"]["serviceConnection"]["config"]["type"], "Postgres");
    assert_eq!(outline["source"]["serviceConnection"]["config"]["authType"]["password"], "");
    assert!(!format!("{outline} {file:?}").contains("secret:"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = WorkflowFile::load(Path::new("/nowhere/w.yaml"), &Environment::default()).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/w.yaml: the file cannot be read"), "{error}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_shows_in_its_message(
        text in "(source|sink|workflowConfig|type|config|<<|&a|\\*a|[\\-:{}\\[\\],\"'$ \n]|hunter2){0,40}",
        json in any::<bool>(),
    ) {
        let name = if json { "w.json" } else { "w.yaml" };
        if let Err(error) = WorkflowFile::parse(Path::new(name), &text, &Environment::default()) {
            // Keys are named; what stands behind them is not.
            prop_assert!(error.key_path().is_some() || !error.to_string().contains("hunter2"), "{}", error);
        }
    }
}
