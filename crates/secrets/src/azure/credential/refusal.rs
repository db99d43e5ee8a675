//! Why there is no token: the one place that looks at the answers of token endpoints.
//!
//! Of an answer only the error's code and description are repeated, shortened, and not at all if they hold a secret. The
//! SDK's own error texts can hold whole bodies; they are never passed on.

use std::error::Error as StdError;
use std::fmt;

use azure_core::error::{Error as AzureError, ErrorKind as AzureErrorKind};
use azure_core::http::RawResponse;
use azure_core::http::headers::HeaderName;
use azure_core::time::parse_rfc7231;
use serde::Deserialize;

use crate::azure::channel::{Failure, Peer, find};
use crate::azure::failure::find_answer;
use crate::azure::meaning::{Asked, Meaning, presentable};
use crate::{ErrorKind, SecretValue};

/// From how many seconds on the clocks of two machines differ by more than a slow answer.
const SKEW: i64 = 60;

/// There is no token. It travels inside the SDK's error and is found there again.
#[derive(Debug, Clone)]
pub(in crate::azure) struct NoToken {
    pub(in crate::azure) meaning: Meaning,
    /// Whether this credential is not there at all, so that another may be tried in its place.
    pub(super) declined: bool,
}

impl NoToken {
    pub(super) fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Meaning::new(kind, why).into()
    }

    #[must_use]
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { meaning: self.meaning.with_hint(hint), ..self }
    }

    /// The same, of a credential that is not there.
    #[must_use]
    pub(super) fn declined(self) -> Self {
        Self { declined: true, ..self }
    }

    pub(super) fn into_azure(self) -> AzureError {
        AzureError::new(AzureErrorKind::Credential, self)
    }
}

impl From<Meaning> for NoToken {
    fn from(meaning: Meaning) -> Self {
        Self { meaning, declined: false }
    }
}

impl From<crate::Error> for NoToken {
    /// Why a credential cannot even be set up.
    fn from(error: crate::Error) -> Self {
        let mut no_token = Self::new(error.kind(), error.message());
        no_token.meaning.hint = error.hint().map(str::to_owned);
        no_token
    }
}

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.meaning.why)
    }
}

impl StdError for NoToken {}

/// Who was asked for a token.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) peer: Peer,
    /// The host, without a port.
    pub(super) host: String,
    /// As it is shown: a URL, or a name.
    pub(super) shown: String,
    /// What to look at if a token is refused for no reason that is known.
    pub(super) hint: &'static str,
    /// Texts that no message may hold.
    pub(super) secrets: Vec<SecretValue>,
    /// Whether somebody else may have the address: then who answers something that is not understood is not there.
    pub(super) may_be_foreign: bool,
}

impl Asking {
    /// What the SDK's `error` means, met at `now` by this machine's clock, in Unix seconds.
    pub(super) fn explain(&self, error: &AzureError, now: i64) -> NoToken {
        if let Some(no_token) = find::<NoToken>(error) {
            return no_token.clone();
        }
        if let Some(failure) = find::<Failure>(error) {
            let asked = Asked { peer: self.peer, host: &self.host, url: &self.shown };
            return asked.unanswered(&failure.cause).into();
        }
        match find_answer(error) {
            Some(answer) => self.explain_answer(answer, now),
            None => self.not_understood(),
        }
    }

    fn not_understood(&self) -> NoToken {
        let why = format!("{} gave no token, and no reason that can be understood", self.shown);
        let hint = match self.peer {
            Peer::Authority => "is the authority host right?",
            _ => self.hint,
        };
        let no_token = NoToken::new(ErrorKind::Unauthenticated, why).with_hint(hint);
        if self.may_be_foreign { no_token.declined() } else { no_token }
    }

    fn explain_answer(&self, answer: &RawResponse, now: i64) -> NoToken {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Refusal {
            error: String,
            error_description: String,
            error_codes: Vec<u32>,
            /// App Service and some others.
            message: String,
        }

        let Ok(refusal) = serde_json::from_slice::<Refusal>(answer.body().as_ref()) else {
            return self.not_understood();
        };
        let first = refusal.error_codes.first();
        let known = match first {
            Some(7_000_215) => Some((
                "the client secret is wrong",
                "use the secret's value, not its id; it may have been replaced",
            )),
            Some(7_000_222) => {
                Some(("the client secret has expired", "make a new one for the app registration"))
            }
            Some(700_016) => {
                Some(("the client id is not known in this tenant", "check client id and tenant id"))
            }
            Some(90_002) => Some(("the tenant is not known", "check the tenant id and the authority host")),
            Some(700_027) => {
                Some(("the certificate is not one of the app's", "add it to the app registration"))
            }
            Some(700_024) => Some(("the assertion is out of its time", "check this machine's clock")),
            Some(500_011) => Some((
                "the tenant does not know the vault's service",
                "the tenant must be the one that the vault belongs to",
            )),
            Some(70_021 | 70_025 | 700_211..=700_213) => Some((
                "the app has no federated credential for this token",
                "compare issuer, subject and audience, letter for letter",
            )),
            _ => None,
        };
        let code = match first {
            Some(code) => format!("AADSTS{code}"),
            None => presentable(&refusal.error, &self.secrets),
        };
        let from = if code.is_empty() { self.shown.clone() } else { format!("{code} from {}", self.shown) };
        let why = match known {
            Some((why, _)) => format!("{why} ({from})"),
            None => {
                let said = [&refusal.error_description, &refusal.message]
                    .into_iter()
                    .find(|text| !text.is_empty())
                    .map_or_else(String::new, |text| presentable(first_line(text), &self.secrets));
                let separator = if said.is_empty() { "" } else { ": " };
                format!("no token was given ({from}){separator}{said}")
            }
        };
        let skew = if first == Some(&700_024) { self.skew(answer, now) } else { None };
        let hint = skew.unwrap_or_else(|| known.map_or(self.hint, |(_, hint)| hint).to_owned());
        let refused = NoToken::new(ErrorKind::Unauthenticated, why).with_hint(hint);
        // A virtual machine's endpoint says so if it has no such identity.
        let absent = self.peer == Peer::ManagedIdentity && u16::from(answer.status()) == 400;
        if absent { refused.declined() } else { refused }
    }

    /// What to do about the clock, if the answer tells that it is wrong.
    fn skew(&self, answer: &RawResponse, now: i64) -> Option<String> {
        let date = answer.headers().get_optional_str(&HeaderName::from_static("date"))?;
        let ahead = now - parse_rfc7231(date).ok()?.unix_timestamp();
        if ahead.abs() < SKEW {
            return None;
        }
        let direction = if ahead > 0 { "ahead of" } else { "behind" };
        let (host, minutes) = (&self.host, (ahead.abs() + 30) / 60);
        Some(format!("set this machine's clock: it is {minutes} min {direction} that of {host}"))
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use azure_core::http::StatusCode;
    use azure_core::http::headers::Headers;

    use super::*;
    use crate::azure::channel::Cause;

    const SECRET: &str = "hunter2-Grüße";

    fn asking(peer: Peer) -> Asking {
        Asking {
            peer,
            host: "login.microsoftonline.com".into(),
            shown: "https://login.microsoftonline.com".into(),
            hint: "check tenant id, client id and client secret",
            secrets: vec![SECRET.into()],
            may_be_foreign: false,
        }
    }

    fn refused_at(now: i64, peer: Peer, status: u16, body: &str) -> NoToken {
        let status = StatusCode::from(status);
        let mut headers = Headers::new();
        headers.insert("date", "Sun, 06 Nov 1994 08:49:37 GMT");
        let raw_response = Some(Box::new(RawResponse::from_bytes(status, headers, body.to_owned())));
        let kind = AzureErrorKind::HttpResponse { status, error_code: None, raw_response };
        let answer = AzureError::with_message(kind, body.to_owned());
        let error = AzureError::with_error(AzureErrorKind::Credential, answer, body.to_owned());
        asking(peer).explain(&error, now)
    }

    fn refused(body: &str) -> NoToken {
        refused_at(0, Peer::Authority, 400, body)
    }

    #[test]
    fn each_refusal_has_its_reason() {
        for (code, reason) in [
            (7_000_215, "client secret is wrong"),
            (7_000_222, "client secret has expired"),
            (700_016, "client id is not known"),
            (90_002, "tenant is not known"),
            (700_027, "not one of the app's"),
            (700_024, "out of its time"),
            (700_212, "no federated credential"),
            (53_003, "blocked by a policy"),
        ] {
            let no_token = refused(&format!(
                r#"{{"error":"e","error_description":"blocked by a policy\nTrace","error_codes":[{code}]}}"#
            ));
            assert_eq!(no_token.meaning.kind, ErrorKind::Unauthenticated);
            let why = no_token.meaning.why;
            assert!(
                why.contains(reason) && why.contains(&format!("AADSTS{code} from https://login")),
                "{why}"
            );
            assert!(!why.contains("Trace") && no_token.meaning.hint.is_some(), "{why}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_with_how_much() {
        const ANSWERED: i64 = 784_111_777;
        let out_of_time = r#"{"error":"invalid_client","error_codes":[700024]}"#;
        for (now, says) in [
            (ANSWERED + 3600, "60 min ahead of that of login.microsoftonline.com"),
            (ANSWERED - 5400, "90 min behind"),
            (ANSWERED + 10, "check this machine's clock"),
        ] {
            let hint = refused_at(now, Peer::Authority, 401, out_of_time).meaning.hint.unwrap();
            assert!(hint.contains(says), "{hint}");
        }
    }

    #[test]
    fn an_answer_that_repeats_a_secret_is_not_repeated() {
        for body in [
            SECRET.to_owned(),
            format!(r#"{{"error":"{SECRET}","error_description":"{SECRET}","message":"{SECRET}"}}"#),
        ] {
            let no_token = refused(&body);
            assert!(!format!("{no_token} {no_token:?}").contains(SECRET), "{no_token}");
        }
    }

    #[test]
    fn only_a_machine_without_the_identity_declines() {
        let body = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
        let absent = refused_at(0, Peer::ManagedIdentity, 400, body);
        assert!(absent.declined && absent.meaning.why.contains("Identity not found"), "{absent}");
        assert!(!refused_at(0, Peer::ManagedIdentity, 403, body).declined);
        assert!(!refused(body).declined);
    }

    #[test]
    fn who_answers_in_no_known_form_at_an_address_that_others_have_too_declines() {
        let page = AzureError::with_message(AzureErrorKind::DataConversion, "<html>");
        let of_anyone = Asking { may_be_foreign: true, ..asking(Peer::ManagedIdentity) };
        assert!(of_anyone.explain(&page, 0).declined);
        assert!(!asking(Peer::ManagedIdentity).explain(&page, 0).declined);
    }

    #[test]
    fn a_token_endpoint_that_is_not_reached_is_named() {
        let failure = Failure { peer: Peer::Authority, cause: Cause::NotConnected("refused".into()) };
        let no_token = asking(Peer::Authority).explain(&failure.into_azure(), 0);
        assert_eq!(no_token.meaning.kind, ErrorKind::Unavailable);
        assert!(no_token.meaning.why.contains("https://login.microsoftonline.com cannot be reached"));
    }
}
