//! Reading the file. A value may be a client secret: errors are made from line numbers and from the names of keys only.

use std::path::Path;

use serde::de::DeserializeOwned;
use strongroom_yaml::typed::{self, Fault};

use crate::error::{Error, Result};

/// Parses the text of the file at `path`.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T> {
    typed::read(text).map_err(|typed::Error { line, fault }| {
        let described = Error::configuration(format!("{}, line {line}: {fault}", path.display()));
        match &fault {
            Fault::Syntax(_) => described.with_hint("check indentation and quotes"),
            Fault::UnknownKey { given, known } => described.with_hint(suggest(given, known.iter().copied())),
            Fault::UnknownChoice { known } => described.with_hint(suggest("", known.iter().copied())),
            _ => described,
        }
    })
}

/// What the user may have meant, or what there is to choose from.
pub(crate) fn suggest<'a>(given: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let lower = given.to_lowercase();
    let nearest = known
        .clone()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().div_ceil(3))
        .min();
    match nearest {
        Some((_, candidate)) => format!("did you mean {candidate:?}?"),
        None => {
            let known: Vec<_> = known.map(|known| format!("{known:?}")).collect();
            if known.is_empty() {
                "there is none to choose from".to_owned()
            } else {
                format!("there is {}", known.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::VaultConfig;
    use super::*;

    fn parse(text: &str, path: &Path) -> Result<VaultConfig> {
        super::parse(text, path)
    }

    fn fails(text: &str) -> String {
        parse(text, Path::new("vault.yaml")).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_file_is_read_as_it_stands() {
        let config = parse(
            "listen: 127.0.0.1:8443
domain: vault.localhost          # vault v1 answers at https://v1.vault.localhost:8443
tenant: adfs
vaults:
  - {name: v1, softDeleteRetentionInDays: 90, enablePurgeProtection: false}
principals:
  - name: server
    clientId: 11111111-1111-1111-1111-111111111111
    clientSecret: s3rver         # or clientSecretFile
    roles: [{vault: v1, role: Key Vault Secrets Officer}]
  - name: ingestion
    clientId: 22222222-2222-2222-2222-222222222222
    clientSecret: r3ader
    roles: [{vault: v1, role: Key Vault Secrets User}]
",
            Path::new("vault.yaml"),
        )
        .unwrap();
        assert_eq!(config.vaults[0].soft_delete_retention_in_days, 90);
        assert_eq!(config.principals[0].client_secret.as_ref().unwrap().expose(), "s3rver");
        assert_eq!(config.principals[1].roles[0].role, "Key Vault Secrets User");
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = parse("# nothing\n", Path::new("vault.yaml")).unwrap();
        assert_eq!(config.listen, "127.0.0.1:8443");
        assert_eq!(config.tenant, "adfs");
    }

    #[test]
    fn a_misspelt_key_is_refused_with_its_line_and_a_suggestion() {
        let message = fails("tenant: adfs\nvaults:\n  - name: v1\n    softDeleteRetentionDays: 7\n");
        assert_eq!(
            message,
            "vault.yaml, line 4: there is no key \"softDeleteRetentionDays\" here \
             (did you mean \"softDeleteRetentionInDays\"?)"
        );
    }

    #[test]
    fn a_secret_of_digits_is_a_text() {
        let text = "principals:\n  - {name: a, clientId: 1, clientSecret: 0123}\n";
        let config = parse(text, Path::new("vault.yaml")).unwrap();
        assert_eq!(config.principals[0].client_secret.as_ref().unwrap().expose(), "0123");
    }

    #[test]
    fn a_missing_key_is_named() {
        assert!(fails("principals:\n  - name: server\n").contains("\"clientId\" is missing"));
    }

    #[test]
    fn no_value_is_quoted_in_a_message() {
        for text in [
            "principals: hunter2\n",
            "principals:\n  - hunter2\n",
            "principals:\n  - name: a\n    clientId: b\n    clientSecret: [hunter2]\n",
            "principals:\n  - name: a\n    clientId: b\n    clientSecret: \"hunter2\n",
            "vaults:\n  - name: v1\n    enablePurgeProtection: hunter2\n",
            "vaults:\n  - name: v1\n    softDeleteRetentionInDays: hunter2\n",
            "principals:\n  - {name: a, clientId: b, clientSecret: hunter2, clientSecret: hunter2}\n",
        ] {
            let message = fails(text);
            assert!(!message.contains("hunter2"), "{message}");
            assert!(message.starts_with("vault.yaml, line "), "{message}");
        }
    }
}
