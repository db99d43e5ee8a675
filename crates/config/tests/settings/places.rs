//! Where settings were found, for who tells what to change.

use strongroom_config::{Place, Settings};

use crate::load;

const FILE: &str = "\
fernetConfiguration:
  fernetKey: ${FERNET_KEY:-in-the-file}
secretsManagerConfiguration:
  parameters:
    clientId: c
    clientSecret: ${SECRET:-}
authorizerConfiguration:
  adminPrincipals: ['admin:pa55', other]
pipelineServiceClientConfiguration:
  apiEndpoint: http://airflow:8080
  parameters: {username: admin, password: plain}
";

fn line(settings: &Settings, key: &str) -> Option<usize> {
    match settings.origins.place(key) {
        Some(Place::File { line, .. }) => Some(*line),
        _ => None,
    }
}

#[test]
fn a_setting_knows_the_line_or_the_variable_that_it_comes_from() {
    let settings = load(FILE, &[("OM_SM_TENANT_ID", "t")]).unwrap();
    assert_eq!(line(&settings, "fernetConfiguration.fernetKey"), Some(2));
    assert_eq!(line(&settings, "secretsManagerConfiguration.parameters.clientId"), Some(5));
    assert_eq!(
        settings.origins.place("secretsManagerConfiguration.parameters.tenantId"),
        Some(&Place::Variable("OM_SM_TENANT_ID".to_owned()))
    );
    assert_eq!(settings.origins.place("secretsManagerConfiguration.prefix"), None);
}

#[test]
fn secrets_that_stand_in_the_file_are_told_from_those_in_variables() {
    let standing =
        |variables: &[(&str, &str)]| load(FILE, variables).unwrap().origins.secrets_in_file().to_vec();
    let always = [
        "authorizerConfiguration.adminPrincipals[0]",
        "fernetConfiguration.fernetKey",
        "pipelineServiceClientConfiguration.parameters.password",
    ];
    assert_eq!(standing(&[]), always);
    let set = [("FERNET_KEY", "from-outside"), ("SECRET", "hunter2")];
    assert_eq!(standing(&set), [always[0], always[2]]);
}

#[test]
fn the_plugin_in_airflow_is_known_unless_it_is_switched_off() {
    let airflow = load(FILE, &[]).unwrap().pipeline.airflow;
    assert_eq!(airflow.endpoint.as_deref(), Some("http://airflow:8080"));
    assert_eq!((airflow.user.as_deref(), airflow.password), (Some("admin"), Some("plain".into())));
    let off = load(FILE, &[("PIPELINE_SERVICE_CLIENT_ENABLED", "false")]).unwrap().pipeline.airflow;
    assert_eq!(off.endpoint, None);
}

#[test]
fn what_is_read_for_warnings_only_is_never_an_error() {
    for text in
        ["parameters: x", "parameters: {password: '${NOT_SET}'}", "apiEndpoint: [a]", "enabled: maybe"]
    {
        assert!(load(&format!("pipelineServiceClientConfiguration:\n  {text}\n"), &[]).is_ok(), "{text}");
    }
}
