//! What every failure means: the one place that looks at the status, code and text of an answer.
//!
//! Of a server's answer only the error's code and message are repeated, shortened, and not at all if they hold the value
//! that was sent or the client's secret. The SDK's own error texts can hold whole bodies; they are never passed on.

use std::error::Error as StdError;

use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::RawResponse;
use serde::Deserialize;

use super::channel::{Cause, Failure, Peer, find};
use super::credential::TokenSource;
use super::{AuthorityHost, VaultUrl};
use crate::{Error, ErrorKind, SecretValue};

/// The longest message of a server that is repeated, in characters.
const MAX_MESSAGE: usize = 400;

/// What was being done when it failed.
#[derive(Debug, Clone)]
pub(super) struct Doing<'a> {
    /// Such as `read secret a`.
    pub(super) what: String,
    /// The role that allows it.
    pub(super) role: Role,
    pub(super) vault: &'a VaultUrl,
    pub(super) authority: &'a AuthorityHost,
    /// Who gives the tokens.
    pub(super) tokens: &'a TokenSource,
    /// Texts that no message may hold.
    pub(super) secrets: Vec<&'a SecretValue>,
}

/// A role of Azure's that lets one use secrets.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// May read values and list names.
    User,
    /// May do everything with secrets.
    Officer,
}

impl Role {
    fn hint(self) -> &'static str {
        match self {
            Self::User => {
                "give the identity the role Key Vault Secrets User (or Key Vault Secrets Officer, to write too) on this \
                 vault; a new assignment takes some minutes"
            }
            Self::Officer => {
                "give the identity the role Key Vault Secrets Officer on this vault; a new assignment takes some minutes"
            }
        }
    }
}

impl Doing<'_> {
    /// An error of `kind` about what was being done.
    pub(super) fn fail(&self, kind: ErrorKind, why: &str) -> Error {
        Error::new(kind, format!("cannot {} in Azure Key Vault {}: {why}", self.what, self.vault))
    }

    /// The call took too long.
    pub(super) fn timed_out(&self, seconds: f64) -> Error {
        let why = format!("no answer within {seconds} s; whether it took effect is not known");
        self.fail(ErrorKind::TimedOut, &why)
    }

    /// What the SDK's `error` means.
    pub(super) fn explain(&self, error: &AzureError) -> Error {
        if let Some(failure) = find::<Failure>(error) {
            return self.explain_failure(failure);
        }
        let answer = find_answer(error);
        if matches!(error.kind(), AzureErrorKind::Credential) {
            return self.explain_token(answer);
        }
        if let Some(answer) = answer {
            return self.explain_answer(answer);
        }
        // The SDK refuses by itself to send a token without TLS, or for a resource that the vault does not lie below.
        if matches!(error.kind(), AzureErrorKind::Other) {
            let why = "no token was sent, for the answer asks for one for another service or without TLS";
            let hint =
                "the vault's host must lie below the resource that its challenge names: <vault>.<domain>";
            return self.fail(ErrorKind::Configuration, why).with_hint(hint);
        }
        let why = "the answer cannot be understood";
        self.fail(ErrorKind::Other, why)
            .with_hint("is there a Key Vault behind that URL, or a proxy in between?")
    }

    fn explain_failure(&self, failure: &Failure) -> Error {
        let (host, url, whose) = match failure.peer {
            Peer::Vault => (self.vault.host(), self.vault.to_string(), "the vault"),
            Peer::Authority => (self.authority.host(), self.authority.to_string(), "the token endpoint"),
            Peer::ManagedIdentity => ("its host", self.tokens.name.clone(), "the managed identity endpoint"),
        };
        match &failure.cause {
            Cause::UnknownHost => {
                let error = self.fail(ErrorKind::Unavailable, &format!("no address is known for {host}"));
                error.with_hint(match failure.peer {
                    Peer::Vault => "is the vault's name right (parameters.vaultName, AZURE_KEY_VAULT_NAME), and does DNS work?",
                    Peer::Authority => "is the authority host right (AZURE_AUTHORITY_HOST), and does DNS work?",
                    Peer::ManagedIdentity => "is IDENTITY_ENDPOINT right?",
                })
            }
            Cause::Untrusted(reason) => {
                let why = format!("the certificate of {url} is not trusted ({reason})");
                self.fail(ErrorKind::Untrusted, &why).with_hint(
                    "name its certificate authority in parameters.caFile (OM_SM_CA_FILE) or SSL_CERT_FILE",
                )
            }
            Cause::NoToken(said) => {
                let why = format!("{} gave no token ({})", self.tokens.name, self.presentable(said));
                self.fail(ErrorKind::Unauthenticated, &why).with_hint(self.tokens.hint)
            }
            Cause::NotConnected(reason) if failure.peer == Peer::ManagedIdentity => {
                let why = format!("{url} cannot be reached ({reason})");
                self.fail(ErrorKind::Unauthenticated, &why)
                    .with_hint("this machine has no managed identity, or IDENTITY_ENDPOINT is wrong")
            }
            Cause::NotConnected(reason) => {
                let error = self.fail(ErrorKind::Unavailable, &format!("{url} cannot be reached ({reason})"));
                error.with_hint("is it running, is the port right, does a firewall stand in between?")
            }
            Cause::Lost(reason) => {
                self.fail(ErrorKind::Unavailable, &format!("the connection to {url} was lost ({reason})"))
            }
            Cause::TooLong => {
                self.fail(ErrorKind::Other, &format!("{whose} answered more than can be right"))
            }
            Cause::ForeignOrigin(origin) => {
                let why = format!("{whose} sent a link to {origin}, which is not followed");
                self.fail(ErrorKind::Other, &why).with_hint("tokens go to the configured hosts only")
            }
            Cause::Redirect(origin) => {
                let why = format!("{url} redirects to {origin}, which is not followed");
                self.fail(ErrorKind::Configuration, &why).with_hint("configure the final URL")
            }
            Cause::Refused(429) => {
                let error =
                    self.fail(ErrorKind::Throttled, &format!("{whose} takes no more requests for now (429)"));
                error.with_hint("its quota is used up; try again later or with fewer requests at a time")
            }
            Cause::Refused(status) => {
                self.fail(ErrorKind::Unavailable, &format!("{whose} cannot serve now ({status})"))
            }
        }
    }

    /// The token endpoint refused, or answered something else than a token.
    fn explain_token(&self, answer: Option<&RawResponse>) -> Error {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Refusal {
            error: String,
            error_description: String,
            error_codes: Vec<u32>,
        }

        let refusal: Option<Refusal> =
            answer.and_then(|answer| serde_json::from_slice(answer.body().as_ref()).ok());
        let Some(refusal) = refusal else {
            let why = format!("{} gave no token, and no reason that can be understood", self.tokens.name);
            return self.fail(ErrorKind::Unauthenticated, &why).with_hint("is the authority host right?");
        };
        let (why, hint) = match refusal.error_codes.first() {
            Some(7_000_215) => (
                "the client secret is wrong",
                "use the secret's value, not its id; it may have been replaced",
            ),
            Some(7_000_222) => ("the client secret has expired", "make a new one for the app registration"),
            Some(700_016) => ("the client id is not known in this tenant", "check client id and tenant id"),
            Some(90_002) => ("the tenant is not known", "check the tenant id and the authority host"),
            Some(700_027) => ("the certificate is not one of the app's", "add it to the app registration"),
            Some(700_024) => ("the assertion is out of its time", "check this machine's clock"),
            Some(70_021 | 700_211..=700_213) => (
                "the app has no federated credential for this token",
                "compare issuer, subject and audience, letter for letter",
            ),
            _ => ("no token was given", self.tokens.hint),
        };
        let code = match refusal.error_codes.first() {
            Some(code) => format!("AADSTS{code}"),
            None => self.presentable(&refusal.error),
        };
        let known = why != "no token was given";
        let description =
            if known { String::new() } else { self.presentable(first_line(&refusal.error_description)) };
        let separator = if description.is_empty() { "" } else { ": " };
        let why = format!("{why} ({code} from {}){separator}{description}", self.tokens.name);
        self.fail(ErrorKind::Unauthenticated, &why).with_hint(hint)
    }

    /// The vault answered with an error.
    fn explain_answer(&self, answer: &RawResponse) -> Error {
        #[derive(Deserialize, Default)]
        struct Body {
            error: Option<Detail>,
        }
        #[derive(Deserialize, Default)]
        struct Detail {
            code: Option<String>,
            message: Option<String>,
            innererror: Option<Box<Detail>>,
        }

        let status = u16::from(answer.status());
        let body: Body = serde_json::from_slice(answer.body().as_ref()).unwrap_or_default();
        let detail = body.error.unwrap_or_default();
        let code = detail.code.unwrap_or_default();
        let inner = detail.innererror.and_then(|inner| inner.code).unwrap_or_default();
        let most_specific = if inner.is_empty() { &code } else { &inner };
        let said = match (
            self.presentable(most_specific),
            self.presentable(detail.message.as_deref().unwrap_or_default()),
        ) {
            (code, message) if code.is_empty() && message.is_empty() => format!("status {status}"),
            (code, message) if message.is_empty() => format!("{status} {code}"),
            (code, message) => format!("{status} {code}: {message}"),
        };
        match (status, code.as_str(), inner.as_str()) {
            (401, _, _) => {
                let error = self.fail(
                    ErrorKind::Unauthenticated,
                    &format!("the vault does not accept the token ({said})"),
                );
                error
                    .with_hint("the tenant and the authority host must be those of the vault's own directory")
            }
            (403, _, "SecretDisabled") => self
                .fail(ErrorKind::Disabled, "the secret is disabled")
                .with_hint("enable it, or write a new version"),
            (403, _, "ForbiddenByFirewall" | "ForbiddenByConnection") => self
                .fail(
                    ErrorKind::PermissionDenied,
                    &format!("the vault's network rules do not let us in ({said})"),
                )
                .with_hint("allow this address, or go through the vault's private endpoint"),
            (400 | 403, "NotSupported", _) => self
                .fail(ErrorKind::Unsupported, &format!("the vault does not allow it ({said})"))
                .with_hint("with purge protection a deleted secret stays until its retention is over"),
            (403, ..) => self
                .fail(ErrorKind::PermissionDenied, &format!("the identity may not do that ({said})"))
                .with_hint(self.role.hint()),
            (404, "SecretNotFound", _) => {
                self.fail(ErrorKind::NotFound, "there is no such secret or version")
            }
            (_, "VaultNotFound", _) | (404, ..) => self
                .fail(ErrorKind::Configuration, &format!("there is no such vault ({said})"))
                .with_hint("check the vault's name or URL"),
            (409, _, "ObjectIsDeletedButRecoverable") => self
                .fail(ErrorKind::Deleted, "a secret of that name is soft-deleted and still holds the name")
                .with_hint("recover it, or purge it"),
            (409, _, "ObjectIsBeingDeleted" | "ObjectIsBeingRecovered") => self
                .fail(ErrorKind::Busy, "the secret is being deleted or recovered right now")
                .with_hint("try again in some seconds"),
            (400, ..) => self.fail(ErrorKind::InvalidInput, &format!("the vault refuses it ({said})")),
            (429, ..) => {
                self.fail(ErrorKind::Throttled, &format!("the vault takes no more requests for now ({said})"))
            }
            (408 | 500..=599, ..) => {
                self.fail(ErrorKind::Unavailable, &format!("the vault cannot serve now ({said})"))
            }
            _ => self.fail(ErrorKind::Other, &format!("the vault answered {said}")),
        }
    }

    /// A server's text as it may be shown: one line, not too long, and nothing at all if it holds a secret.
    fn presentable(&self, text: &str) -> String {
        let holds_secret = |secret: &&SecretValue| !secret.is_empty() && text.contains(secret.expose());
        if self.secrets.iter().any(holds_secret) {
            return String::new();
        }
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match line.char_indices().nth(MAX_MESSAGE) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }
}

/// The innermost answer in a chain of the SDK's errors.
fn find_answer(error: &AzureError) -> Option<&RawResponse> {
    let mut found = None;
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(AzureErrorKind::HttpResponse { raw_response: Some(answer), .. }) =
            error.downcast_ref::<AzureError>().map(AzureError::kind)
        {
            found = Some(&**answer);
        }
        next = error.source();
    }
    found
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use azure_core::http::StatusCode;
    use azure_core::http::headers::Headers;

    use super::*;

    const VALUE: &str = "hunter2-Grüße";

    fn explain(status: u16, body: &str) -> Error {
        explain_as(status, body, AzureErrorKind::Other)
    }

    /// The meaning of an answer, which for `Credential` comes from the token endpoint.
    fn explain_as(status: u16, body: &str, outer: AzureErrorKind) -> Error {
        let status = StatusCode::from(status);
        let raw_response = Some(Box::new(RawResponse::from_bytes(status, Headers::new(), body.to_owned())));
        let kind = AzureErrorKind::HttpResponse { status, error_code: None, raw_response };
        let answer = AzureError::with_message(kind, body.to_owned());
        let error = match outer {
            AzureErrorKind::Credential => AzureError::with_error(outer, answer, body.to_owned()),
            _ => answer,
        };
        explain_error(&error)
    }

    fn explain_error(error: &AzureError) -> Error {
        let value = SecretValue::new(VALUE);
        let doing = Doing {
            what: "write secret a".to_owned(),
            role: Role::Officer,
            vault: &"https://v1.vault.azure.net".parse().unwrap(),
            authority: &AuthorityHost::default(),
            tokens: &TokenSource {
                name: AuthorityHost::PUBLIC_CLOUD.to_owned(),
                hint: "check tenant id, client id and client secret",
            },
            secrets: vec![&value],
        };
        doing.explain(error)
    }

    fn body(code: &str, inner: &str, message: &str) -> String {
        format!(r#"{{"error":{{"code":"{code}","message":"{message}","innererror":{{"code":"{inner}"}}}}}}"#)
    }

    #[test]
    fn each_answer_of_a_key_vault_has_its_meaning() {
        for (status, code, inner, kind) in [
            (401, "Unauthorized", "", ErrorKind::Unauthenticated),
            (403, "Forbidden", "ForbiddenByRbac", ErrorKind::PermissionDenied),
            (403, "Forbidden", "ForbiddenByFirewall", ErrorKind::PermissionDenied),
            (403, "Forbidden", "SecretDisabled", ErrorKind::Disabled),
            (404, "SecretNotFound", "", ErrorKind::NotFound),
            (400, "VaultNotFound", "", ErrorKind::Configuration),
            (404, "", "", ErrorKind::Configuration),
            (409, "Conflict", "ObjectIsDeletedButRecoverable", ErrorKind::Deleted),
            (409, "Conflict", "ObjectIsBeingDeleted", ErrorKind::Busy),
            (409, "Conflict", "ObjectIsBeingRecovered", ErrorKind::Busy),
            (409, "Conflict", "SomethingElse", ErrorKind::Other),
            (400, "BadParameter", "", ErrorKind::InvalidInput),
            (400, "NotSupported", "", ErrorKind::Unsupported),
            (429, "Throttled", "", ErrorKind::Throttled),
            (500, "InternalServerError", "", ErrorKind::Unavailable),
            (418, "Teapot", "", ErrorKind::Other),
        ] {
            let error = explain(status, &body(code, inner, "why"));
            assert_eq!(error.kind(), kind, "{status} {code} {inner}");
            assert!(
                error.to_string().contains("write secret a in Azure Key Vault https://v1.vault.azure.net"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_role_is_named() {
        let error = explain(403, &body("Forbidden", "ForbiddenByRbac", "no"));
        assert!(error.hint().is_some_and(|hint| hint.contains("Key Vault Secrets Officer")), "{error}");
    }

    #[test]
    fn each_refusal_of_a_token_has_its_reason() {
        for (code, reason) in [
            (7_000_215, "client secret is wrong"),
            (7_000_222, "client secret has expired"),
            (700_016, "client id is not known"),
            (90_002, "tenant is not known"),
            (53_003, "blocked by a policy"),
        ] {
            let body = format!(
                r#"{{"error":"e","error_description":"blocked by a policy\nTrace","error_codes":[{code}]}}"#
            );
            let error = explain_as(400, &body, AzureErrorKind::Credential);
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            let text = error.to_string();
            assert!(text.contains(reason) && text.contains(&format!("AADSTS{code}")), "{text}");
            assert!(!text.contains("Trace"), "{text}");
        }
    }

    #[test]
    fn an_answer_that_repeats_the_value_is_not_repeated() {
        for error in [
            explain(400, &body("BadParameter", "", &format!("cannot store {VALUE}"))),
            explain(400, &body(VALUE, VALUE, "no")),
            explain(502, &format!("<html>{VALUE}</html>")),
            explain(418, VALUE),
            explain_as(400, VALUE, AzureErrorKind::Credential),
            explain_as(
                400,
                &format!(r#"{{"error":"{VALUE}","error_description":"{VALUE}"}}"#),
                AzureErrorKind::Credential,
            ),
            explain_error(&AzureError::with_message(AzureErrorKind::DataConversion, VALUE)),
        ] {
            assert!(!format!("{error} {error:?}").contains(VALUE), "{error}");
        }
    }

    #[test]
    fn a_servers_message_is_one_short_line() {
        let error = explain(400, &body("BadParameter", "", &"é".repeat(5_000))).to_string();
        assert!(error.chars().count() < 700, "{error}");
    }

    #[test]
    fn each_failure_on_the_way_has_its_meaning_and_names_the_host() {
        for (cause, kind) in [
            (Cause::UnknownHost, ErrorKind::Unavailable),
            (Cause::Untrusted("UnknownIssuer".into()), ErrorKind::Untrusted),
            (Cause::NotConnected("refused".into()), ErrorKind::Unavailable),
            (Cause::Lost("reset".into()), ErrorKind::Unavailable),
            (Cause::Redirect("https://evil.example".into()), ErrorKind::Configuration),
            (Cause::Refused(429), ErrorKind::Throttled),
            (Cause::Refused(503), ErrorKind::Unavailable),
            (Cause::ForeignOrigin("https://evil.example".into()), ErrorKind::Other),
            (Cause::TooLong, ErrorKind::Other),
        ] {
            let vault = Failure { peer: Peer::Vault, cause: cause.clone() }.into_azure();
            assert_eq!(explain_error(&vault).kind(), kind, "{cause:?}");
            let authority = Failure { peer: Peer::Authority, cause }.into_azure();
            let wrapped =
                AzureError::with_error(AzureErrorKind::Credential, authority, "ClientSecretCredential …");
            let error = explain_error(&wrapped);
            assert_eq!(error.kind(), kind);
            let text = error.to_string();
            assert!(text.contains("login.microsoftonline.com") || text.contains("token endpoint"), "{text}");
        }
    }
}
