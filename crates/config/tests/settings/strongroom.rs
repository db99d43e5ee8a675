//! The section of our own.

use std::path::Path;
use std::time::Duration;

use strongroom_config::{Environment, NamingChoice, Settings};
use strongroom_secrets::SecretValue;
use tempfile::TempDir;

use crate::{assert_error, load, write};

#[test]
fn every_key_is_read() {
    let text = "
strongroom:
  naming: openmetadata
  intents:
    leaseSeconds: 1
    callTimeoutSeconds: 0.25
  admin:
    password: 0123
";
    let ours = load(text, &[]).unwrap().strongroom;
    assert_eq!(ours.naming, Some(NamingChoice::Openmetadata));
    assert_eq!((ours.intent_lease, ours.call_timeout), (Duration::from_secs(1), Duration::from_millis(250)));
    assert_eq!(ours.admin_password, Some(SecretValue::new("0123")));
}

#[test]
fn a_lease_outlasts_two_calls() {
    for (lease, call, line) in [("60", "30", 4), ("1", "0.5", 4), ("59", "", 4), ("", "60", 5)] {
        let text =
            format!("strongroom:\n\n  intents:\n    leaseSeconds: {lease}\n    callTimeoutSeconds: {call}");
        assert_error(
            load(&text, &[]),
            Some(line),
            Some(["strongroom.intents.leaseSeconds", "strongroom.intents.callTimeoutSeconds"][line - 4]),
            &["not more than twice"],
        );
    }
    load("strongroom: {intents: {leaseSeconds: 1.01, callTimeoutSeconds: 0.5}}", &[]).unwrap();
}

#[test]
fn seconds_are_positive_numbers() {
    for wrong in ["0", "-1", "soon", "NaN", "inf", "1e9", "30s"] {
        let result = load("", &[("STRONGROOM_INTENTS_LEASE_SECONDS", wrong)]);
        assert_error(
            result,
            None,
            Some("strongroom.intents.leaseSeconds"),
            &["environment variable STRONGROOM_INTENTS_LEASE_SECONDS", "a number of seconds"],
        );
    }
}

#[test]
fn naming_has_two_schemes() {
    assert_eq!(load("", &[]).unwrap().strongroom.naming, None);
    assert_eq!(
        load("strongroom: {naming: guide}", &[]).unwrap().strongroom.naming,
        Some(NamingChoice::Guide)
    );
    assert_error(
        load("strongroom: {naming: om}", &[]),
        Some(1),
        Some("strongroom.naming"),
        &["guide or openmetadata"],
    );
}

#[test]
fn references_are_plain_unless_they_shall_be_wrapped() {
    assert!(!load("", &[]).unwrap().strongroom.wrapped_references);
    assert!(!load("strongroom: {references: plain}", &[]).unwrap().strongroom.wrapped_references);
    assert!(load("strongroom: {references: wrapped}", &[]).unwrap().strongroom.wrapped_references);
    assert_error(
        load("strongroom: {references: yes}", &[]),
        Some(1),
        Some("strongroom.references"),
        &["plain or wrapped"],
    );
}

#[test]
fn the_first_password_may_lie_in_a_file() {
    let folder = TempDir::new().unwrap();
    let file = write(&folder, "password", "pass word\n");
    let text = format!("strongroom: {{admin: {{passwordFile: '{}'}}}}", file.display());
    let settings = load(&text, &[("STRONGROOM_ADMIN_PASSWORD", "other")]).unwrap();
    assert_eq!(settings.strongroom.admin_password, Some(SecretValue::new("pass word")));
    let both = "strongroom: {admin: {passwordFile: /x, password: y}}";
    assert_error(load(both, &[]), Some(1), Some("strongroom.admin.passwordFile"), &["both set"]);
    let none = "strongroom: {admin: {passwordFile: /nowhere/x}}";
    assert_error(load(none, &[]), Some(1), Some("strongroom.admin.passwordFile"), &["cannot be read"]);
}

#[test]
fn the_data_folder_is_named_by_the_command_line_the_file_or_the_environment() {
    let folder = TempDir::new().unwrap();
    let file = write(&folder, "openmetadata.yaml", "strongroom: {dataDir: /from/file}");
    let environment = Environment::from([("STRONGROOM_DATA_DIR", "/from/environment")]);
    let load =
        |file: Option<&Path>, argument: Option<&Path>| Settings::load(file, &environment, argument).unwrap();
    assert_eq!(load(Some(&file), Some(Path::new("/argument"))).data_dir, Path::new("/argument"));
    assert_eq!(load(Some(&file), None).data_dir, Path::new("/from/file"));
    assert_eq!(load(None, None).data_dir, Path::new("/from/environment"));
    assert_eq!(load(None, None).database.file(), Some(Path::new("/from/environment/metastore.db")));
}
