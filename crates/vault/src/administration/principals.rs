//! Principals that are made at run time, and their client secrets.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_secrets::SecretValue;

use super::COMMAND;
use super::order::{NewPrincipal, NewSecret};
use crate::access::{Certificate, Principal, SecretDigest};
use crate::config::{PrincipalSettings, VaultConfig, check_client_id, check_federated, suggest};
use crate::directory::Entry;
use crate::directory::stored::{PRINCIPAL, Stored, StoredPrincipal, StoredProof, StoredSecret};
use crate::error::{Error, ErrorKind, Result};
use crate::service::Service;

/// How many client secrets a principal may have: two are enough to change one without a gap.
const MAX_SECRETS: usize = 10;

/// What people may choose, in characters: a shorter one is guessed, a longer one is a mistake.
const CHOSEN: std::ops::RangeInclusive<usize> = 8..=256;

pub(super) async fn add(service: &Service, new: NewPrincipal) -> Result<Value> {
    let NewPrincipal { name, client_id, secret, certificates, federated_credentials } = new;
    check_name(&name)?;
    let client_id = client_id.unwrap_or_else(|| service.random().uuid().to_string());
    check_client_id(&name, &client_id)?;
    if secret.is_none() && certificates.is_empty() && federated_credentials.is_empty() {
        return Err(Error::configuration(format!("{name:?} would have nothing to sign in with"))
            .with_hint("give it a secret, a certificate or a federated credential"));
    }
    for pem in &certificates {
        Certificate::from_pem(pem.as_bytes())
            .map_err(|why| Error::configuration(format!("the file with the certificate {why}")))?;
    }
    for federated in &federated_credentials {
        check_federated(federated)
            .map_err(|why| Error::configuration(format!("the federated credential {why}")))?;
    }
    let made = match secret {
        Some(secret) => Some(make_secret(service, secret).await?),
        None => None,
    };
    let principal = StoredPrincipal {
        name: name.clone(),
        client_id,
        created: service.clock().now_seconds(),
        secrets: made.iter().map(|made| made.stored.clone()).collect(),
        certificates,
        federated_credentials,
        roles: vec![],
    };
    let mut shown = shown(&principal);
    service
        .change_directory(|stored, config| {
            let names = config.principals.iter().map(|known| (&known.name, &known.client_id));
            let made = stored.principals.iter().map(|known| (&known.name, &known.client_id));
            for (known, id) in names.chain(made) {
                if known.eq_ignore_ascii_case(&name) {
                    return Err(Error::configuration(format!("there is a principal {known:?} already")));
                }
                if id.eq_ignore_ascii_case(&principal.client_id) {
                    return Err(Error::configuration(format!(
                        "the principal {known:?} has the client id {id}"
                    )));
                }
            }
            let entry = entry(&principal)?;
            stored.principals.push(principal.clone());
            Ok(entry)
        })
        .await?;
    tracing::info!(principal = name, "a principal was made");
    if let Some(made) = made {
        made.show(&mut shown);
    }
    Ok(shown)
}

pub(super) async fn list(service: &Service) -> Result<Value> {
    let (stored, config) = service.stored_directory().await?;
    let of_file = config.principals.iter().map(of_file);
    let mut all: Vec<_> = of_file.chain(stored.principals.iter().map(shown)).collect();
    all.sort_by_key(|principal| principal["name"].as_str().unwrap_or_default().to_lowercase());
    Ok(all.into())
}

pub(super) async fn show(service: &Service, name: &str) -> Result<Value> {
    let (stored, config) = service.stored_directory().await?;
    if let Some(principal) = stored.principal(name) {
        return Ok(shown(principal));
    }
    config
        .principals
        .iter()
        .find(|known| known.name.eq_ignore_ascii_case(name))
        .map(of_file)
        .ok_or_else(|| unknown(name, &stored, &config))
}

pub(super) async fn remove(service: &Service, name: &str) -> Result<Value> {
    let mut gone = Value::Null;
    service
        .change_directory(|stored, config| {
            let known = find(stored, config, name)?;
            let key = known.name.to_lowercase();
            gone = json!({ "removed": known.name });
            stored.principals.retain(|known| known.name.to_lowercase() != key);
            Ok(Entry::delete(PRINCIPAL, &key))
        })
        .await?;
    tracing::info!(principal = name, "a principal was removed");
    Ok(gone)
}

pub(super) async fn add_secret(service: &Service, name: &str, secret: NewSecret) -> Result<Value> {
    let made = make_secret(service, secret).await?;
    let shown = change(service, name, |known| {
        if known.secrets.len() >= MAX_SECRETS {
            return Err(Error::configuration(format!(
                "{:?} has {MAX_SECRETS} client secrets, and that is all that a principal may have",
                known.name
            ))
            .with_hint("remove one that is no longer used"));
        }
        known.secrets.push(made.stored.clone());
        Ok(())
    })
    .await;
    let mut shown = shown?;
    tracing::info!(principal = name, secret = made.stored.id, "a client secret was made");
    made.show(&mut shown);
    Ok(shown)
}

pub(super) async fn remove_secret(service: &Service, name: &str, id: &str) -> Result<Value> {
    let shown = change(service, name, |known| {
        let before = known.secrets.len();
        known.secrets.retain(|secret| secret.id != id);
        if known.secrets.len() < before {
            return Ok(());
        }
        Err(Error::configuration(format!("{:?} has no client secret with the id {id:?}", known.name))
            .with_hint(suggest(id, known.secrets.iter().map(|secret| secret.id.as_str()))))
    })
    .await?;
    tracing::info!(principal = name, secret = id, "a client secret was removed");
    Ok(shown)
}

/// Changes a principal and shows it as it is then.
pub(super) async fn change(
    service: &Service,
    name: &str,
    mut change: impl FnMut(&mut StoredPrincipal) -> Result<()>,
) -> Result<Value> {
    let mut after = Value::Null;
    service
        .change_directory(|stored, config| {
            let known = find(stored, config, name)?;
            change(known)?;
            after = shown(known);
            entry(known)
        })
        .await?;
    Ok(after)
}

fn find<'a>(stored: &'a mut Stored, config: &VaultConfig, name: &str) -> Result<&'a mut StoredPrincipal> {
    if config.principals.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
        return Err(Error::configuration(format!("the principal {name:?} stands in vault.yaml"))
            .with_hint("change it there, and reload the configuration"));
    }
    match stored.principals.iter().position(|known| known.name.eq_ignore_ascii_case(name)) {
        Some(at) => Ok(&mut stored.principals[at]),
        None => Err(unknown(name, stored, config)),
    }
}

fn unknown(name: &str, stored: &Stored, config: &VaultConfig) -> Error {
    let of_file = config.principals.iter().map(|known| known.name.as_str());
    let known = of_file.chain(stored.principals.iter().map(|known| known.name.as_str()));
    Error::configuration(format!("there is no principal {name:?}")).with_hint(suggest(name, known))
}

fn entry(principal: &StoredPrincipal) -> Result<Entry> {
    Entry::put(PRINCIPAL, &principal.name.to_lowercase(), principal)
}

fn check_name(name: &str) -> Result<()> {
    if name.trim() != name
        || name.is_empty()
        || name.chars().count() > 100
        || name.chars().any(char::is_control)
    {
        return Err(Error::configuration(format!("{name:?} cannot be the name of a principal"))
            .with_hint("it has 1 to 100 characters, and no space at its ends"));
    }
    Ok(())
}

/// A secret with all that is kept of it and, if it was drawn here, the text that is shown once.
struct Made {
    stored: StoredSecret,
    value: Option<SecretValue>,
}

impl Made {
    fn show(&self, shown: &mut Value) {
        let mut secret = json!({"id": self.stored.id, "expires": self.stored.expires});
        if let Some(value) = &self.value {
            secret["value"] = value.expose().into();
        }
        shown["secret"] = secret;
    }
}

async fn make_secret(service: &Service, new: NewSecret) -> Result<Made> {
    let now = service.clock().now_seconds();
    if new.expires.is_some_and(|end| end <= now) {
        return Err(Error::configuration("the client secret would be over from the start")
            .with_hint("name a time that is still to come"));
    }
    let (proof, value) = match new.chosen {
        Some(chosen) => {
            if !CHOSEN.contains(&chosen.expose().chars().count()) {
                return Err(Error::configuration(format!(
                    "a chosen client secret has {} to {} characters",
                    CHOSEN.start(),
                    CHOSEN.end()
                ))
                .with_hint("or leave it out: a good one is drawn then"));
            }
            let hash = service.slow_checks.hash(chosen, service.random()).await.map_err(|_| {
                Error::new(ErrorKind::Busy, "too many client secrets are being checked right now")
                    .with_hint("try again")
            })?;
            (StoredProof::Argon2id(hash), None)
        }
        None => {
            let value = SecretValue::new(URL_SAFE_NO_PAD.encode(service.random().bytes::<32>()));
            (StoredProof::Sha256(SecretDigest::of(&value).to_text()), Some(value))
        }
    };
    let id = service.random().uuid().to_string();
    Ok(Made { stored: StoredSecret { id, created: now, expires: new.expires, proof }, value })
}

fn shown(principal: &StoredPrincipal) -> Value {
    let secrets = principal.secrets.iter().map(|secret| {
        let origin = match secret.proof {
            StoredProof::Sha256(_) => "drawn",
            StoredProof::Argon2id(_) => "chosen",
        };
        json!({"id": secret.id, "created": secret.created, "expires": secret.expires, "origin": origin})
    });
    json!({
        "name": principal.name,
        "clientId": principal.client_id,
        "objectId": Principal::object_id_of(&principal.client_id),
        "from": COMMAND,
        "created": principal.created,
        "secrets": secrets.collect::<Vec<_>>(),
        "certificates": principal.certificates.len(),
        "federatedCredentials": principal.federated_credentials,
        "roles": principal.roles,
    })
}

fn of_file(principal: &PrincipalSettings) -> Value {
    json!({
        "name": principal.name,
        "clientId": principal.client_id,
        "objectId": Principal::object_id_of(&principal.client_id),
        "from": "vault.yaml",
        "certificates": principal.certificates.len(),
        "federatedCredentials": principal.federated_credentials,
        "roles": principal.roles,
    })
}
