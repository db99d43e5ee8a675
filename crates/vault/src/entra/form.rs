//! What a client sends to a token endpoint.

use serde::Deserialize;
use strongroom_secrets::SecretValue;

use super::fault::Fault;

/// The one kind of client assertion that Entra ID knows (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What OpenID Connect puts beside a scope. It asks for nothing that an application can get, and is not looked at.
const OPENID: [&str; 3] = ["openid", "offline_access", "profile"];

/// The longest client assertion: Kubernetes' tokens have some hundred bytes, those with a certificate chain a few thousand.
const MAX_ASSERTION: usize = 16 * 1024;

/// Which endpoint is asked: they name the resource differently, and answer in different forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `/{tenant}/oauth2/v2.0/token`: a scope.
    V2,
    /// `/{tenant}/oauth2/token`: a resource.
    V1,
    /// `/adfs/oauth2/token`: either.
    Adfs,
}

/// A request for a token by the client credentials grant.
#[derive(Debug)]
pub(crate) struct TokenRequest {
    pub(super) client_id: String,
    /// What the token is to be for.
    pub(super) resource: String,
    pub(super) proof: Proof,
}

/// How a client means to prove who it is.
#[derive(Debug)]
pub(crate) enum Proof {
    Secret(SecretValue),
    /// A signed statement, not looked at yet.
    Assertion(SecretValue),
}

/// The fields as they come. Others that clients add (`client_info`, telemetry) mean nothing here.
#[derive(Deserialize)]
struct Fields {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretValue>,
    client_assertion: Option<SecretValue>,
    client_assertion_type: Option<String>,
    scope: Option<String>,
    resource: Option<String>,
}

impl TokenRequest {
    /// Reads the body of a request. Nothing of it is repeated in the error but names of parameters.
    pub(crate) fn parse(body: &[u8], endpoint: Endpoint) -> Result<Self, Fault> {
        // The parser's message could quote the body, and with it the secret.
        let fields: Fields = serde_urlencoded::from_bytes(body).map_err(|_| Fault::MalformedForm)?;
        match given(fields.grant_type).as_deref() {
            None => return Err(Fault::MissingParameter("grant_type")),
            Some("client_credentials") => {}
            Some(_) => return Err(Fault::UnsupportedGrant),
        }
        let client_id = given(fields.client_id).ok_or(Fault::MissingParameter("client_id"))?;
        let resource = resource(endpoint, given(fields.scope), given(fields.resource))?;
        let proof = match (filled(fields.client_assertion), filled(fields.client_secret)) {
            (Some(assertion), _) => match given(fields.client_assertion_type).as_deref() {
                Some(JWT_BEARER) if assertion.expose().len() <= MAX_ASSERTION => Proof::Assertion(assertion),
                Some(JWT_BEARER) => return Err(Fault::MalformedAssertion),
                Some(_) => return Err(Fault::UnknownAssertionType),
                None => return Err(Fault::MissingParameter("client_assertion_type")),
            },
            (None, Some(secret)) => Proof::Secret(secret),
            (None, None) => return Err(Fault::MissingSecret),
        };
        Ok(Self { client_id, resource, proof })
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

fn filled(value: Option<SecretValue>) -> Option<SecretValue> {
    value.filter(|value| !value.is_empty())
}

fn resource(endpoint: Endpoint, scope: Option<String>, resource: Option<String>) -> Result<String, Fault> {
    let resource = match (endpoint, scope, resource) {
        (Endpoint::V2, _, Some(_)) => return Err(Fault::ResourceAtVersion2),
        (Endpoint::V1, _, None) => return Err(Fault::MissingParameter("resource")),
        (Endpoint::V2 | Endpoint::Adfs, Some(scope), _) => resource_of(&scope)?,
        (Endpoint::V1 | Endpoint::Adfs, _, Some(resource)) => resource,
        (Endpoint::V2 | Endpoint::Adfs, None, None) => return Err(Fault::MissingParameter("scope")),
    };
    let printable = resource.bytes().all(|byte| byte.is_ascii_graphic());
    if resource.is_empty() || resource.len() > 512 || !printable {
        return Err(Fault::InvalidScope);
    }
    Ok(resource)
}

/// The one resource of a scope. An application gets all that it may do there: it cannot ask for a part.
fn resource_of(scope: &str) -> Result<String, Fault> {
    // MSAL for Go sends OpenID Connect's scopes with every request.
    let mut scopes = scope.split_ascii_whitespace().filter(|scope| !OPENID.contains(scope));
    match (scopes.next(), scopes.next()) {
        (Some(scope), None) => {
            scope.strip_suffix("/.default").map(str::to_owned).ok_or(Fault::ScopeWithoutDefault)
        }
        _ => Err(Fault::InvalidScope),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "grant_type=client_credentials&client_id=c";

    fn parse(rest: &str, endpoint: Endpoint) -> Result<TokenRequest, Fault> {
        TokenRequest::parse(format!("{START}&{rest}").as_bytes(), endpoint)
    }

    fn resource(rest: &str, endpoint: Endpoint) -> Result<String, Fault> {
        parse(&format!("client_secret=s&{rest}"), endpoint).map(|request| request.resource)
    }

    #[test]
    fn the_resource_is_the_scopes_at_version_2_and_a_parameter_at_version_1() {
        let vault = "https://vault.azure.net".to_owned();
        let scope = "scope=https%3A%2F%2Fvault.azure.net%2F.default";
        let parameter = "resource=https://vault.azure.net";
        assert_eq!(resource(scope, Endpoint::V2).as_ref(), Ok(&vault));
        assert_eq!(resource(scope, Endpoint::Adfs).as_ref(), Ok(&vault));
        assert_eq!(resource(scope, Endpoint::V1), Err(Fault::MissingParameter("resource")));
        assert_eq!(resource(parameter, Endpoint::V1).as_ref(), Ok(&vault));
        assert_eq!(resource(parameter, Endpoint::Adfs).as_ref(), Ok(&vault));
        assert_eq!(resource(parameter, Endpoint::V2), Err(Fault::ResourceAtVersion2));
        assert_eq!(resource("", Endpoint::V2), Err(Fault::MissingParameter("scope")));
        // A resource may end with a slash, as Resource Manager's does.
        assert_eq!(resource("scope=https://a//.default", Endpoint::V2).unwrap(), "https://a/");
    }

    #[test]
    fn a_scope_is_one_resource_with_default_behind_it() {
        for (scope, fault) in [
            ("https://vault.azure.net", Fault::ScopeWithoutDefault),
            ("https://vault.azure.net/user_impersonation", Fault::ScopeWithoutDefault),
            ("a/.default+b/.default", Fault::InvalidScope),
            ("/.default", Fault::InvalidScope),
            ("%C3%A4/.default", Fault::InvalidScope),
            ("openid+offline_access+profile", Fault::InvalidScope),
        ] {
            assert_eq!(resource(&format!("scope={scope}"), Endpoint::V2), Err(fault), "{scope}");
        }
    }

    #[test]
    fn the_scopes_of_openid_connect_beside_the_resource_mean_nothing() {
        for scope in [
            "https://a/.default+openid+offline_access+profile",
            "profile+https://a/.default",
            "openid+https://a/.default",
        ] {
            assert_eq!(
                resource(&format!("scope={scope}"), Endpoint::V2).as_deref(),
                Ok("https://a"),
                "{scope}"
            );
        }
    }

    #[test]
    fn an_assertion_goes_before_a_secret_and_has_a_type() {
        let scope = "scope=https://a/.default";
        let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
        let proof = |rest: &str| parse(&format!("{scope}&{rest}"), Endpoint::V2).map(|request| request.proof);
        assert!(matches!(proof("client_secret=s"), Ok(Proof::Secret(_))));
        assert!(matches!(
            proof(&format!("client_secret=s&client_assertion=a&{kind}")),
            Ok(Proof::Assertion(_))
        ));
        assert!(matches!(proof(kind), Err(Fault::MissingSecret)));
        assert!(matches!(proof("client_assertion=a"), Err(Fault::MissingParameter("client_assertion_type"))));
        assert!(matches!(
            proof("client_assertion=a&client_assertion_type=saml"),
            Err(Fault::UnknownAssertionType)
        ));
        let long = format!("client_assertion={}&{kind}", "a".repeat(MAX_ASSERTION + 1));
        assert!(matches!(proof(&long), Err(Fault::MalformedAssertion)));
    }

    #[test]
    fn no_body_is_too_strange() {
        for body in [&b""[..], b"&&&", b"=", b"\xff\xfe=%zz", b"client_id=a&client_id=b", b"grant_type"] {
            assert!(TokenRequest::parse(body, Endpoint::V2).is_err());
        }
    }
}
