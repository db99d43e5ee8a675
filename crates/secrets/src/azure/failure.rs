//! What every failure means: the one place that looks at the status, code and text of a vault's answer. Why there is no
//! token, [`NoToken`] says.
//!
//! Of a server's answer only the error's code and message are repeated, shortened, and not at all if they hold the value
//! that was sent or the client's secret. The SDK's own error texts can hold whole bodies; they are never passed on.

use std::error::Error as StdError;

use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::RawResponse;
use serde::Deserialize;

use super::VaultUrl;
use super::channel::{Failure, find};
use super::credential::NoToken;
use super::meaning::{Asked, Meaning, presentable};
use crate::{Error, ErrorKind, SecretValue};

/// What was being done when it failed.
#[derive(Debug, Clone)]
pub(super) struct Doing<'a> {
    /// Such as `read secret a`.
    pub(super) what: String,
    /// The role that allows it.
    pub(super) role: Role,
    pub(super) vault: &'a VaultUrl,
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
        if let Some(no_token) = find::<NoToken>(error) {
            return self.mean(no_token.meaning.clone());
        }
        if let Some(failure) = find::<Failure>(error) {
            let url = self.vault.to_string();
            let asked = Asked { peer: failure.peer, host: self.vault.host(), url: &url };
            return self.mean(asked.unanswered(&failure.cause));
        }
        if let Some(answer) = find_answer(error) {
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

    /// An error about what was being done that means `meaning`.
    fn mean(&self, meaning: Meaning) -> Error {
        let error = self.fail(meaning.kind, &meaning.why);
        match meaning.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
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

    /// A server's text as it may be shown.
    fn presentable(&self, text: &str) -> String {
        presentable(text, self.secrets.iter().copied())
    }
}

/// The innermost answer in a chain of the SDK's errors.
pub(super) fn find_answer(error: &AzureError) -> Option<&RawResponse> {
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

#[cfg(test)]
mod tests {
    use azure_core::http::StatusCode;
    use azure_core::http::headers::Headers;

    use super::*;
    use crate::azure::channel::{Cause, Peer};

    const VALUE: &str = "hunter2-Grüße";

    fn explain(status: u16, body: &str) -> Error {
        let status = StatusCode::from(status);
        let raw_response = Some(Box::new(RawResponse::from_bytes(status, Headers::new(), body.to_owned())));
        let kind = AzureErrorKind::HttpResponse { status, error_code: None, raw_response };
        explain_error(&AzureError::with_message(kind, body.to_owned()))
    }

    fn explain_error(error: &AzureError) -> Error {
        let value = SecretValue::new(VALUE);
        let doing = Doing {
            what: "write secret a".to_owned(),
            role: Role::Officer,
            vault: &"https://v1.vault.azure.net".parse().unwrap(),
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
    fn an_answer_that_repeats_the_value_is_not_repeated() {
        for error in [
            explain(400, &body("BadParameter", "", &format!("cannot store {VALUE}"))),
            explain(400, &body(VALUE, VALUE, "no")),
            explain(502, &format!("<html>{VALUE}</html>")),
            explain(418, VALUE),
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
    fn a_failure_on_the_way_names_the_vault_and_what_was_being_done() {
        let error = explain_error(&Failure { peer: Peer::Vault, cause: Cause::Refused(503) }.into_azure());
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error.to_string().starts_with("cannot write secret a in Azure Key Vault https://v1"),
            "{error}"
        );
    }
}
