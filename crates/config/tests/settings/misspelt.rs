//! A slip of the pen in a name of ours is an error with a suggestion.

use crate::{assert_error, load};

#[test]
fn in_a_key_of_each_section() {
    for (text, line, key, suggestion) in [
        (
            "secretsManagerConfiguration:\n  secretManager: db",
            2,
            "secretsManagerConfiguration.secretManager",
            "secretsManager",
        ),
        ("secretsManagerConfiguration:\n  tag: []", 2, "secretsManagerConfiguration.tag", "tags"),
        (
            "secretsManagerConfiguration:\n  parameters:\n    vaultname: v",
            3,
            "secretsManagerConfiguration.parameters.vaultname",
            "vaultName",
        ),
        (
            "secretsManagerConfiguration:\n  parameters:\n    clientSecrt: v",
            3,
            "secretsManagerConfiguration.parameters.clientSecrt",
            "clientSecret",
        ),
        ("server:\n  aplicationConnectors: []", 2, "server.aplicationConnectors", "applicationConnectors"),
        (
            "server:\n  applicationConnectors:\n    - prot: 1",
            3,
            "server.applicationConnectors[0].prot",
            "port",
        ),
        ("database:\n  ulr: sqlite:x", 2, "database.ulr", "url"),
        ("database:\n  maxsize: 3", 2, "database.maxsize", "maxSize"),
        ("fernetConfiguration:\n  fernetKeys: x", 2, "fernetConfiguration.fernetKeys", "fernetKey"),
        (
            "jwtTokenConfiguration:\n  rsaPublicKeyPath: x",
            2,
            "jwtTokenConfiguration.rsaPublicKeyPath",
            "rsapublicKeyFilePath",
        ),
        ("jwtTokenConfiguration:\n  jwt_issuer: x", 2, "jwtTokenConfiguration.jwt_issuer", "jwtissuer"),
        (
            "authorizerConfiguration:\n  adminPrincipal: [a]",
            2,
            "authorizerConfiguration.adminPrincipal",
            "adminPrincipals",
        ),
        ("authenticationConfiguration:\n  providr: x", 2, "authenticationConfiguration.providr", "provider"),
        (
            "pipelineServiceClientConfiguration:\n  secretManagerLoader: env",
            2,
            "pipelineServiceClientConfiguration.secretManagerLoader",
            "secretsManagerLoader",
        ),
        ("strongroom:\n  namimg: guide", 2, "strongroom.namimg", "naming"),
        ("strongroom:\n  intents:\n    leaseSecond: 3", 3, "strongroom.intents.leaseSecond", "leaseSeconds"),
        ("strongroom:\n  admin:\n    pasword: x", 3, "strongroom.admin.pasword", "password"),
    ] {
        assert_error(load(text, &[]), Some(line), Some(key), &[&format!("did you mean {suggestion}?")]);
    }
}

#[test]
fn in_the_name_of_a_section() {
    for (name, suggestion) in [
        ("secretManagerConfiguration", "secretsManagerConfiguration"),
        ("secretsmanagerconfiguration", "secretsManagerConfiguration"),
        ("fernetConfig", "fernetConfiguration"),
        ("clustername", "clusterName"),
        ("datbase", "database"),
        ("strong-room", "strongroom"),
        ("jwtTokenConfigurtion", "jwtTokenConfiguration"),
    ] {
        let text = format!("# first\n{name}: {{}}\n");
        assert_error(load(&text, &[]), Some(2), Some(name), &[&format!("did you mean {suggestion}?")]);
    }
}

#[test]
fn a_key_that_is_like_none_is_refused_where_all_keys_are_known() {
    for (text, key, knows) in [
        (
            "secretsManagerConfiguration: {vault: x}",
            "secretsManagerConfiguration.vault",
            "secretsManager, prefix, tags, parameters",
        ),
        ("fernetConfiguration: {rotation: x}", "fernetConfiguration.rotation", "fernetKey"),
        ("strongroom: {vault: x}", "strongroom.vault", "naming, references, intents, admin, dataDir"),
    ] {
        assert_error(load(text, &[]), Some(1), Some(key), &[knows]);
    }
}

#[test]
fn keys_that_only_the_reference_knows_are_left_alone() {
    let text = "
server: {applicationConnectors: [{type: http, crlPath: x}], somethingNew: 1}
database: {abandonedAction: none, properties: {anything: 1}}
authorizerConfiguration: {somethingNew: 1}
authenticationConfiguration: {oidcConfiguration: {anything: 1}}
pipelineServiceClientConfiguration: {parameters: {anything: 1}}
secretsManagerConfiguration: {parameters: {baoAddress: x, anything: [1]}}
";
    load(text, &[]).unwrap();
}

#[test]
fn in_one_of_our_variables_is_warned_of() {
    let others = [("STRONGROOM_HOME", "x"), ("STRONGROOM_BIN", "x"), ("STRONGROOM_LOG", "info")];
    let settings = load("", &[&[("STRONGROOM_NAMIG", "guide")][..], &others].concat()).unwrap();
    assert_eq!(
        settings.warnings,
        ["environment variable STRONGROOM_NAMIG is not known: did you mean STRONGROOM_NAMING?"]
    );
}
