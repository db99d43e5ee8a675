//! What every failure means; `answer` looks at the vault's own refusals, and why there is no token, [`NoToken`] says.
//!
//! Of a server's answer only the error's code and message are repeated, shortened, and not at all if they hold the value
//! that was sent or the client's secret. The SDK's own error texts can hold whole bodies; they are never passed on.

use std::error::Error as StdError;

use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::RawResponse;

use super::VaultUrl;
use super::action::Action;
use super::channel::{Failure, find};
use super::credential::NoToken;
use super::meaning::{Asked, Meaning, presentable};
use crate::{Error, ErrorKind, SecretName, SecretValue};

/// What was being done when it failed.
#[derive(Debug, Clone)]
pub(super) struct Doing<'a> {
    /// Such as `read secret a`.
    pub(super) what: String,
    pub(super) action: Action,
    /// The secret that it is done with, if it is one.
    pub(super) name: Option<&'a SecretName>,
    pub(super) vault: &'a VaultUrl,
    /// Texts that no message may hold.
    pub(super) secrets: Vec<&'a SecretValue>,
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
            .with_hint("try again; if it stays so, look at the network, or give calls more time")
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
    pub(super) fn mean(&self, meaning: Meaning) -> Error {
        let error = self.fail(meaning.kind, &meaning.why);
        match meaning.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    /// A server's text as it may be shown.
    pub(super) fn presentable(&self, text: &str) -> String {
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
        let (value, name) = (SecretValue::new(VALUE), SecretName::new("a").unwrap());
        let doing = Doing {
            what: "write secret a".to_owned(),
            action: Action::Set,
            name: Some(&name),
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
            (403, "Forbidden", "AccessDenied", ErrorKind::PermissionDenied),
            (403, "Forbidden", "ForbiddenByFirewall", ErrorKind::NetworkDenied),
            (403, "Forbidden", "ForbiddenByConnection", ErrorKind::NetworkDenied),
            (403, "Forbidden", "SecretDisabled", ErrorKind::Disabled),
            (404, "SecretNotFound", "", ErrorKind::NotFound),
            (400, "VaultNotFound", "", ErrorKind::Configuration),
            (404, "", "", ErrorKind::Configuration),
            (409, "Conflict", "ObjectIsDeletedButRecoverable", ErrorKind::Deleted),
            (409, "Conflict", "ObjectIsBeingDeleted", ErrorKind::Busy),
            (409, "Conflict", "ObjectIsBeingRecovered", ErrorKind::Busy),
            (409, "Conflict", "SomethingElse", ErrorKind::AlreadyExists),
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
            assert!(error.hint().is_some(), "it says what to do: {error}");
        }
    }

    #[test]
    fn a_missing_right_is_named_with_what_grants_it() {
        for action in Action::ALL {
            let hint = action.role_hint();
            assert!(hint.contains("Microsoft.KeyVault/vaults/secrets/"), "{hint}");
            let reads = matches!(action, Action::Get | Action::List | Action::GetDeleted);
            assert_eq!(hint.contains("Key Vault Secrets User"), reads, "{hint}");
            assert!(hint.contains("Key Vault Secrets Officer"), "{hint}");
        }
        let by_role = explain(403, &body("Forbidden", "ForbiddenByRbac", "no"));
        let hint = by_role.hint().unwrap();
        assert!(hint.contains("Officer") && hint.contains("secrets/setSecret/action"), "{hint}");
        let by_policy = explain(403, &body("Forbidden", "AccessDenied", "no"));
        let hint = by_policy.hint().unwrap();
        assert!(hint.contains("secret permission set") && hint.contains("access policies"), "{hint}");
    }

    #[test]
    fn a_deleted_name_is_told_with_how_to_get_it_back() {
        let error = explain(409, &body("Conflict", "ObjectIsDeletedButRecoverable", "no"));
        assert!(error.hint().unwrap().contains("strongroom vault recover a"), "{error}");
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
