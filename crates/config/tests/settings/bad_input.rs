//! Files that cannot be read as configuration, and what their errors must not show.

use std::path::Path;

use strongroom_config::{Environment, Place, Settings};
use tempfile::TempDir;

use crate::{assert_error, load, write};

fn error_of(path: &Path) -> String {
    Settings::load(Some(path), &Environment::default(), None).unwrap_err().to_string()
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let text = error_of(Path::new("/nowhere/openmetadata.yaml"));
    assert!(text.starts_with("/nowhere/openmetadata.yaml: the file cannot be read"), "{text}");
    assert!(text.contains("\n  hint: "), "{text}");
}

#[test]
fn what_is_no_text_or_too_long_is_refused() {
    let folder = TempDir::new().unwrap();
    assert!(error_of(&write(&folder, "latin1", b"a: \xe9")).contains("not UTF-8"));
    assert!(error_of(&write(&folder, "large", vec![b'#'; (1 << 20) + 1])).contains("1 MiB"));
    assert!(error_of(folder.path()).contains("cannot be read"));
}

#[test]
fn broken_yaml_tells_line_and_column_and_no_text() {
    for (text, line, column) in [
        ("a: b\nclientSecret: hunter2: x\n", 2, Some(22)),
        ("a: [hunter2\nb: c", 2, None),
        ("a: \"hunter2", 1, None),
        ("a:\n\thunter2: c", 2, None),
        ("hunter2", 1, None),
        ("- hunter2", 1, None),
        ("a: *hunter2", 1, Some(4)),
    ] {
        let error = load(text, &[]).unwrap_err();
        let Some(Place::File { line: at, column: col, .. }) = error.place() else { panic!("{error}") };
        assert_eq!(*at, line, "{text:?}: {error}");
        assert!(column.is_none() || *col == column, "{text:?}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn yaml_that_a_value_breaks_points_at_the_line_of_its_variable() {
    let text = "a: b\nsecretsManagerConfiguration:\n  prefix: ${SECRET_MANAGER_PREFIX}\n";
    assert_error(
        load(text, &[("SECRET_MANAGER_PREFIX", "hunter2: x: y")]),
        Some(3),
        None,
        &["put ${…} in quotes"],
    );
    let text = "a: [\nb, ${UNSET_ONE}]";
    assert_error(load(text, &[]), Some(2), None, &["UNSET_ONE in this line is not set"]);
}

#[test]
fn lines_after_a_value_of_several_lines_are_the_written_ones() {
    let text = "a: |\n  ${PEM}\nserver:\n  portt: 1\n  applicationConector: 2\n";
    assert_error(
        load(text, &[("PEM", "-----BEGIN\n  x\n  -----END")]),
        Some(5),
        Some("server.applicationConector"),
        &["applicationConnectors"],
    );
}

#[test]
fn a_loop_of_variables_is_an_error() {
    let result = load("a: b\nclusterName: ${A}", &[("A", "${B}"), ("B", "${A}")]);
    assert_error(result, Some(2), None, &["hold each other: A → B → A"]);
}

#[test]
fn a_key_or_section_that_stands_twice_is_an_error() {
    let text = "secretsManagerConfiguration:\n  prefix: a\n  prefix: b";
    assert_error(load(text, &[]), Some(3), Some("secretsManagerConfiguration.prefix"), &["a second time"]);
    let text = "clusterName: a\nserver:\nclusterName: b";
    assert_error(load(text, &[]), Some(3), Some("clusterName"), &["a second time"]);
}

#[test]
fn no_error_shows_a_secret() {
    // The secret in the place of every value that a key of ours can have, one at a time.
    for text in [
        "clusterName: [V]",
        "server: V",
        "server: {applicationConnectors: [{port: V}]}",
        "server: {applicationConnectors: [{type: V}]}",
        "database: {url: V}",
        "fernetConfiguration: {fernetKey: [V]}",
        "jwtTokenConfiguration: {rsapublicKeyFilePath: V}",
        "jwtTokenConfiguration: {rsaprivateKeyFilePath: V}",
        "authorizerConfiguration: {adminPrincipals: V}",
        "authorizerConfiguration: {enforcePrincipalDomain: V}",
        "authenticationConfiguration: {enableSelfSignup: V}",
        "authenticationConfiguration: {publicKeyUrls: V}",
        "secretsManagerConfiguration: {secretsManager: V}",
        "secretsManagerConfiguration: {tags: [V]}",
        "secretsManagerConfiguration: {parameters: V}",
        "secretsManagerConfiguration: {parameters: {clientSecret: [V]}}",
        "secretsManagerConfiguration: {parameters: {vaultName: V V}}",
        "secretsManagerConfiguration: {parameters: {vaultUrl: http://V}}",
        "secretsManagerConfiguration: {parameters: {authorityHost: V/V}}",
        "pipelineServiceClientConfiguration: {secretsManagerLoader: V}",
        "strongroom: {naming: V}",
        "strongroom: {intents: {leaseSeconds: V}}",
        "strongroom: {admin: {passwordFile: V}}",
    ] {
        for (text, variables) in
            [(text.replace('V', "hunter2"), &[][..]), (text.replace('V', "${X}"), &[("X", "hunter2")][..])]
        {
            let text = text.replace("hunter2Name", "vaultName").replace("hunter2Url", "vaultUrl");
            let error = load(&text, variables).expect_err(&text);
            assert!(!error.to_string().contains("hunter2"), "{text}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{text}: {error:?}");
        }
    }
}
