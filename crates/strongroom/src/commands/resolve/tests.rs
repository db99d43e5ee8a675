use super::*;

fn args(references: &[&str]) -> ResolveArgs {
    ResolveArgs {
        references: references.iter().map(|text| (*text).to_owned()).collect(),
        config: None,
        check: false,
        loader: None,
        provider: None,
        json: false,
        show: false,
    }
}

fn gathered(args: &ResolveArgs, stdin: &str) -> Result<Asked, Refusal> {
    asked::gather(args, stdin.as_bytes(), &Environment::default())
}

fn printed(args: &ResolveArgs, values: &[&str], terminal: bool) -> String {
    let values: Vec<SecretValue> = values.iter().map(|text| (*text).into()).collect();
    let asked = gathered(args, "").unwrap();
    let mut out = Vec::new();
    print(&mut out, args, &asked, &values, terminal).unwrap();
    String::from_utf8(out).unwrap()
}

async fn refused(args: &ResolveArgs, stdin: &str, variables: &[(&str, &str)]) -> Refusal {
    let environment: Environment = variables.iter().copied().collect();
    match gathered(args, stdin) {
        Ok(asked) => values(args, &asked, &environment).await.unwrap_err(),
        Err(refusal) => refusal,
    }
}

#[test]
fn one_value_is_printed_as_it_is_and_only_a_terminal_gets_a_newline() {
    assert_eq!(printed(&args(&["a"]), &["x \n"], false), "x \n");
    assert_eq!(printed(&args(&["a"]), &["x"], false), "x");
    assert_eq!(printed(&args(&["a"]), &["x"], true), "x\n");
}

#[test]
fn json_has_each_reference_as_it_was_typed() {
    let args = ResolveArgs { json: true, ..args(&["secret:b", "a"]) };
    assert_eq!(printed(&args, &["1\n\"", "2"], false), "{\"secret:b\":\"1\\n\\\"\",\"a\":\"2\"}\n");
}

#[tokio::test]
async fn several_references_need_json() {
    let refusal = refused(&args(&["a", "b"]), "", &[]).await;
    assert_eq!(refusal.code, USAGE);
    assert!(refusal.messages[0].contains("--json"));
    // With it, the next thing that is missing is the vault.
    let refusal = refused(&ResolveArgs { json: true, ..args(&["a", "b"]) }, "", &[]).await;
    assert!(refusal.messages[0].contains("AZURE_KEY_VAULT_NAME"), "{refusal:?}");
}

#[test]
fn a_terminal_needs_show_or_check() {
    for json in [false, true] {
        let hidden = ResolveArgs { json, ..args(&["a"]) };
        let refusal = guard(&hidden, true).unwrap_err();
        assert_eq!(refusal.code, USAGE);
        assert!(refusal.messages[0].contains("--show"));
        assert!(guard(&ResolveArgs { show: true, ..hidden }, true).is_ok());
        assert!(guard(&ResolveArgs { check: true, json, ..args(&["a"]) }, true).is_ok());
    }
}

#[tokio::test]
async fn what_is_no_reference_is_counted_not_repeated() {
    let args = ResolveArgs { json: true, ..args(&["a", "hunter_2", "secret:"]) };
    let refusal = refused(&args, "", &[]).await;
    assert_eq!((refusal.code, refusal.messages.len()), (USAGE, 2));
    assert!(refusal.messages[0].starts_with("REF 2 "), "{refusal:?}");
    assert!(!refusal.messages.concat().contains("hunter"), "{refusal:?}");
}

#[tokio::test]
async fn references_come_from_standard_input_too_each_once() {
    let both = ResolveArgs { json: true, ..args(&["z", "-", "a"]) };
    let asked = gathered(&both, "secret:a\r\n\na\nsecret:a\nb").unwrap();
    let fields: Vec<_> = asked.wanted().into_iter().map(|wanted| wanted.field).collect();
    assert_eq!(fields, ["z", "secret:a", "a", "b"]);
    let refusal = refused(&both, "a\n\n hunter2\n", &[]).await;
    assert!(refusal.messages[0].starts_with("line 3 of standard input is no reference"), "{refusal:?}");
    assert!(!refusal.messages.concat().contains("hunter"), "{refusal:?}");
    assert!(refused(&args(&["-"]), "", &[]).await.messages[0].contains("holds no reference"));
    assert!(refused(&args(&["-", "-"]), "a", &[]).await.messages[0].contains("only once"));
}

#[tokio::test]
async fn an_environment_without_a_vault_is_wrong_usage() {
    let refusal = refused(&args(&["a"]), "", &[]).await;
    assert_eq!(refusal.code, USAGE);
    assert!(refusal.messages[0].contains("AZURE_KEY_VAULT_NAME"), "{refusal:?}");
    let airflow = ResolveArgs { loader: Some(Loader::Airflow), ..args(&["a"]) };
    let refusal = refused(&airflow, "", &[("AIRFLOW_HOME", "/nowhere")]).await;
    assert_eq!(refusal.code, USAGE);
    assert!(
        refusal.messages[0].contains("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME"),
        "{refusal:?}"
    );
    for args in [
        ResolveArgs { loader: Some(Loader::Noop), ..args(&["a"]) },
        ResolveArgs { provider: Some(SecretsManager::Db), ..args(&["a"]) },
    ] {
        assert_eq!(refused(&args, "", &[("AZURE_KEY_VAULT_NAME", "sales")]).await.code, USAGE);
    }
}
