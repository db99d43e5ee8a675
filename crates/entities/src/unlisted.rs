//! Secrets that no schema lists: entries of a connection's free maps, and what stands in settings, event subscriptions and
//! applications.
//!
//! There a secret is known by its key (`sslpassword`, `secretKey`), or because it is encrypted or refers to a secret already.

use serde_json::Value;

use crate::catalogue::FREE_MAPS;
use crate::fernet;
use crate::kind::EntityKind;
use crate::path::{FieldPath, Step};
use crate::reference::{FieldText, classify};

/// What the key of a secret ends with, in lower case and without anything but letters and digits.
const ENDINGS: [&str; 16] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "credentials",
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "accountkey",
    "sharedkey",
    "signingkey",
    // A header, of HTTP.
    "authorization",
];

/// Whether the name of an option says that its value is secret.
pub fn looks_secret(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| plain.ends_with(ending))
}

/// The entries of the free maps (`connectionOptions`, `connectionArguments`) of a document that hold a secret, or refer to one.
/// Only entries that are texts, and not those in lists or objects within the map.
pub fn secret_options(document: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    each_text(document, &mut Vec::new(), &mut |steps, text| {
        let [.., Step::Key(map), Step::Key(key)] = steps else { return };
        let holds = !text.is_empty() && (looks_secret(key) || is_marked(text));
        if FREE_MAPS.contains(&map.as_str()) && holds {
            found.push(FieldPath::new(steps.to_vec()));
        }
    });
    found
}

/// Whether this is the place of an entry that [`secret_options`] could find.
pub fn is_option(field: &FieldPath) -> bool {
    matches!(field.steps(), [.., Step::Key(map), Step::Key(_)] if FREE_MAPS.contains(&map.as_str()))
}

/// The secrets of a document that is none of the services', bots', pipelines' or workflows'.
pub(crate) fn secrets_of_setting(kind: EntityKind, document: &Value) -> Vec<FieldPath> {
    let mut found = Vec::new();
    each_text(document, &mut Vec::new(), &mut |steps, text| {
        let is_secret = match (kind, steps) {
            // The mail server's password, and those of the ways to sign in; Slack's is a text as a whole.
            (EntityKind::Setting, [.., Step::Key(key)]) => looks_secret(key),
            (EntityKind::Setting, []) => true,
            (EntityKind::EventSubscription, [Step::Key(root), .., Step::Key(key)]) => {
                root == "destinations" && looks_secret(key)
            }
            (EntityKind::App | EntityKind::AppDefinition, [Step::Key(root), .., Step::Key(key)]) => {
                ["appConfiguration", "privateConfiguration", "openMetadataServerConnection"]
                    .contains(&root.as_str())
                    && looks_secret(key)
            }
            _ => false,
        };
        if !text.is_empty() && (is_secret || is_marked(text)) {
            found.push(FieldPath::new(steps.to_vec()));
        }
    });
    found
}

/// Whether a text says itself that it is, or refers to, a secret.
fn is_marked(text: &str) -> bool {
    text.starts_with(fernet::PREFIX) || matches!(classify(text), FieldText::Reference(_))
}

/// Goes through all texts of a document, with the way to each. A document that was read is bounded in depth.
pub fn each_text(value: &Value, at: &mut Vec<Step>, visit: &mut dyn FnMut(&[Step], &str)) {
    match value {
        Value::String(text) => visit(at, text),
        Value::Array(list) => {
            for (index, element) in list.iter().enumerate() {
                at.push(Step::Index(index));
                each_text(element, at, visit);
                at.pop();
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                at.push(Step::Key(key.clone()));
                each_text(member, at, visit);
                at.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(paths: &[FieldPath]) -> Vec<String> {
        paths.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_key_tells_whether_its_value_is_secret() {
        for secret in [
            "password",
            "sslpassword",
            "SSL_Password",
            "aws_session_token",
            "secretKey",
            "private-key",
            "apiKey",
            "clientSecret",
            "sharedAccessKey",
            "private_key_passphrase",
            "Proxy-Authorization",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
        for open in [
            "",
            "sslmode",
            "sslkey",
            "tokenizer",
            "secretName",
            "passwordFile",
            "key",
            "authenticator",
            "keyspace",
        ] {
            assert!(!looks_secret(open), "{open}");
        }
    }

    #[test]
    fn options_are_found_by_their_key_or_by_what_they_hold() {
        let document = json!({"connection": {"config": {
            "connectionOptions": {
                "sslpassword": "p", "sslmode": "require", "ca": "secret:mine", "empty_token": "", "port_secret": 1,
                "deep": {"password": "not an entry"},
            },
            "password": "a field of the schema",
            "connection": {"connectionArguments": {"token": "t"}},
        }}});
        assert_eq!(
            texts(&secret_options(&document)),
            [
                "connection.config.connectionOptions.sslpassword",
                "connection.config.connectionOptions.ca",
                "connection.config.connection.connectionArguments.token",
            ]
        );
        assert!(secret_options(&document).iter().all(is_option));
        assert!(!is_option(&"connection.config.password".parse().unwrap()));
    }

    #[test]
    fn settings_have_the_password_of_the_mail_server_and_what_is_encrypted() {
        let kind = EntityKind::Setting;
        let mail = json!({"password": "p", "username": "u", "other": {"x": "fernet:t"}});
        assert_eq!(texts(&secrets_of_setting(kind, &mail)), ["password", "other.x"]);
        for slack in ["fernet:t", "in clear"] {
            assert_eq!(secrets_of_setting(kind, &json!(slack)), [FieldPath::default()]);
        }
        assert!(secrets_of_setting(kind, &json!({"password": ""})).is_empty());
    }

    #[test]
    fn settings_of_the_sign_in_have_secrets_in_clear_text_further_down() {
        let sign_in = json!({
            "provider": "custom-oidc", "publicKeyUrls": ["https://i.example/keys"], "tokenValidity": "3600",
            "oidcConfiguration": {"id": "i", "secret": "s", "scope": "openid"},
            "ldapConfiguration": {"dnAdminPrincipal": "cn=a", "dnAdminPassword": "p"},
            "samlConfiguration": {"sp": {"spPrivateKey": "k"}, "security": {"keyStorePassword": "p", "tokenValidity": 1}},
        });
        assert_eq!(
            texts(&secrets_of_setting(EntityKind::Setting, &sign_in)),
            [
                "oidcConfiguration.secret",
                "ldapConfiguration.dnAdminPassword",
                "samlConfiguration.sp.spPrivateKey",
                "samlConfiguration.security.keyStorePassword",
            ]
        );
    }

    #[test]
    fn subscriptions_and_applications_have_what_their_keys_call_secret() {
        let subscription = json!({"destinations": [{"config": {
                "endpoint": "e", "secretKey": "k", "headers": {"Authorization": "Bearer b", "Accept": "*/*"},
            }}], "token": "no"});
        assert_eq!(
            texts(&secrets_of_setting(EntityKind::EventSubscription, &subscription)),
            ["destinations[0].config.secretKey", "destinations[0].config.headers.Authorization"]
        );
        let app = json!({"appConfiguration": {"botToken": "b", "type": "Slack"}, "clientSecret": "no"});
        assert_eq!(texts(&secrets_of_setting(EntityKind::App, &app)), ["appConfiguration.botToken"]);
    }
}
