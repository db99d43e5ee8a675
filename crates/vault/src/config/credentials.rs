//! What a principal can sign in with, read and checked.

use axum::http::Uri;

use super::{FederatedSettings, PrincipalSettings};
use crate::access::{Certificate, Credentials, FederatedCredential, IssuerKeys, KeySource};
use crate::error::{Error, Result};
use crate::folder;

/// Reads and checks all credentials of a principal. There must be one, unless it is a managed identity.
pub(super) fn check(settings: &PrincipalSettings, is_managed_identity: bool) -> Result<Credentials> {
    let name = &settings.name;
    let mut credentials = match &settings.client_secret {
        Some(secret) if !secret.is_empty() => Credentials::of_secret(secret),
        Some(_) => {
            return Err(Error::configuration(format!("principals: the client secret of {name:?} is empty")));
        }
        None if settings.certificates.is_empty()
            && settings.federated_credentials.is_empty()
            && !is_managed_identity =>
        {
            return Err(Error::configuration(format!(
                "principals: {name:?} has no client secret, nor another way to sign in"
            ))
            .with_hint("give it clientSecret, clientSecretFile, certificates or federatedCredentials, or name it in managedIdentity"));
        }
        None => Credentials::default(),
    };
    for path in &settings.certificates {
        let unusable = |why| {
            Error::configuration(format!(
                "principals: {name:?} names the file {}, which {why}",
                path.display()
            ))
        };
        let pem = folder::read_if_present(path)?.ok_or_else(|| unusable("does not exist"))?;
        credentials.add_certificate(
            Certificate::from_pem(zeroize::Zeroizing::new(pem).as_bytes()).map_err(unusable)?,
        );
    }
    for federated in &settings.federated_credentials {
        credentials.add_federated(check_federated(federated).map_err(|why| {
            Error::configuration(format!("principals: a federated credential of {name:?} {why}"))
        })?);
    }
    Ok(credentials)
}

/// Checks a foreign identity; a refusal is the rest of a sentence.
pub(crate) fn check_federated(settings: &FederatedSettings) -> Result<FederatedCredential, &'static str> {
    let FederatedSettings { issuer, subject, audience, jwks_file, jwks_url } = settings;
    if issuer.is_empty() || subject.is_empty() || audience.is_empty() {
        return Err("has an empty issuer, subject or audience");
    }
    let source = match (jwks_file, jwks_url) {
        (Some(file), None) => KeySource::File(file.clone()),
        (None, Some(url)) => KeySource::Url(check_url(url)?),
        _ => return Err("needs either jwksFile or jwksUrl"),
    };
    Ok(FederatedCredential {
        issuer: issuer.clone(),
        subject: subject.clone(),
        audience: audience.clone(),
        keys: IssuerKeys::new(source),
    })
}

fn check_url(text: &str) -> Result<Uri, &'static str> {
    let url: Uri = text.parse().map_err(|_| "has a jwksUrl that is no address")?;
    if url.scheme_str() != Some("https") || url.host().is_none_or(str::is_empty) {
        return Err("has a jwksUrl that does not start with https:// and a host name");
    }
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("has a jwksUrl with a user name in it");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn federated(file: Option<&str>, url: Option<&str>) -> FederatedSettings {
        FederatedSettings {
            issuer: "https://cluster".into(),
            subject: "system:serviceaccount:ns:name".into(),
            audience: "api://AzureADTokenExchange".into(),
            jwks_file: file.map(Into::into),
            jwks_url: url.map(Into::into),
        }
    }

    fn principal(federated: FederatedSettings) -> PrincipalSettings {
        PrincipalSettings {
            name: "pod".into(),
            federated_credentials: vec![federated],
            ..PrincipalSettings::default()
        }
    }

    #[test]
    fn a_federated_credential_needs_no_secret_and_one_place_for_its_keys() {
        for good in
            [federated(Some("jwks.json"), None), federated(None, Some("https://cluster:6443/openid/v1/jwks"))]
        {
            assert_eq!(check(&principal(good), false).unwrap().federated().len(), 1);
        }
        for (bad, part) in [
            (federated(None, None), "either jwksFile or jwksUrl"),
            (federated(Some("a"), Some("https://cluster/")), "either jwksFile or jwksUrl"),
            (federated(None, Some("http://cluster/keys")), "does not start with https://"),
            (federated(None, Some("/keys")), "does not start with https://"),
            (federated(None, Some("https://user:word@cluster/keys")), "user name"),
            (federated(None, Some("https://clus ter/")), "no address"),
            (FederatedSettings { subject: String::new(), ..federated(Some("a"), None) }, "empty"),
        ] {
            let error = check(&principal(bad), false).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{error}");
            assert!(!error.to_string().contains("word"), "{error}");
        }
    }

    #[test]
    fn a_certificate_that_cannot_be_used_is_named_by_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.pem");
        let principal = PrincipalSettings {
            name: "app".into(),
            certificates: vec![path.clone()],
            ..PrincipalSettings::default()
        };
        let missing = check(&principal, false).unwrap_err().to_string();
        assert!(missing.contains("client.pem") && missing.contains("does not exist"), "{missing}");
        std::fs::write(&path, "hunter2").unwrap();
        let wrong = check(&principal, false).unwrap_err().to_string();
        assert!(wrong.contains("holds no PEM certificate") && !wrong.contains("hunter2"), "{wrong}");
    }
}
