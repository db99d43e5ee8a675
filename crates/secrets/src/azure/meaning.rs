//! What a request that was never answered usably means, whoever it was for, and how a server's own words may be shown.

use zeroize::Zeroizing;

use super::channel::{Cause, Peer};
use crate::{ErrorKind, SecretValue};

/// The longest message of a server that is repeated, in characters.
const MAX_MESSAGE: usize = 400;

/// What to do about a quota that is used up.
pub(super) const QUOTA: &str = "its quota is used up; try again later or with fewer requests at a time";

/// What went wrong, apart from what was being done.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    pub(super) kind: ErrorKind,
    pub(super) why: String,
    /// What the user can do about it.
    pub(super) hint: Option<String>,
}

impl Meaning {
    pub(super) fn new(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self { kind, why: why.into(), hint: None }
    }

    #[must_use]
    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// Whom a request was for.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    pub(super) peer: Peer,
    pub(super) host: &'a str,
    /// As it is shown: scheme, host and port.
    pub(super) url: &'a str,
}

impl Asked<'_> {
    fn whose(&self) -> &'static str {
        match self.peer {
            Peer::Vault => "the vault",
            Peer::Authority => "the token endpoint",
            Peer::ManagedIdentity => "the managed identity endpoint",
        }
    }

    /// What `cause` means, if this is whom it was met with.
    pub(super) fn unanswered(&self, cause: &Cause) -> Meaning {
        let Self { peer, host, url } = self;
        let whose = self.whose();
        match cause {
            Cause::UnknownHost => {
                let meaning = Meaning::new(ErrorKind::Unavailable, format!("no address is known for {host}"));
                meaning.with_hint(match peer {
                    Peer::Vault => "is the vault's name right (parameters.vaultName, AZURE_KEY_VAULT_NAME), and does DNS work?",
                    Peer::Authority => "is the authority host right (AZURE_AUTHORITY_HOST), and does DNS work?",
                    Peer::ManagedIdentity => "is IDENTITY_ENDPOINT right?",
                })
            }
            Cause::Untrusted(reason) => {
                let why = format!("the certificate of {url} is not trusted ({reason})");
                Meaning::new(ErrorKind::Untrusted, why).with_hint(
                    "name its certificate authority in parameters.caFile (OM_SM_CA_FILE) or SSL_CERT_FILE",
                )
            }
            Cause::OutOfTime(reason) => {
                let why = format!("the certificate of {url} is out of its time ({reason})");
                Meaning::new(ErrorKind::Untrusted, why)
                    .with_hint("is this machine's clock right? Else the server needs a new certificate")
            }
            Cause::OtherName(reason) => {
                let why = format!("the certificate of {url} is for another host ({reason})");
                Meaning::new(ErrorKind::Untrusted, why)
                    .with_hint("is the URL right, and does its name lead to the right server?")
            }
            Cause::OldTls(reason) => {
                let why = format!("{url} does not offer TLS as it must be ({reason})");
                Meaning::new(ErrorKind::Untrusted, why).with_hint(
                    "TLS 1.2 or 1.3 is needed: is the port right, does something stand in between?",
                )
            }
            Cause::NotConnected(reason) if *peer == Peer::ManagedIdentity => {
                let why = format!("{url} cannot be reached ({reason})");
                Meaning::new(ErrorKind::Unauthenticated, why)
                    .with_hint("this machine has no managed identity, or IDENTITY_ENDPOINT is wrong")
            }
            Cause::NotConnected(reason) if reason.contains("tunnel error") => {
                let why = format!("the proxy does not lead to {url} ({reason})");
                Meaning::new(ErrorKind::Unavailable, why)
                    .with_hint("HTTPS_PROXY names the proxy, NO_PROXY the hosts that are reached without one")
            }
            Cause::NotConnected(reason) => {
                Meaning::new(ErrorKind::Unavailable, format!("{url} cannot be reached ({reason})"))
                    .with_hint("is it running, is the port right, does a firewall stand in between?")
            }
            Cause::Lost(reason) => {
                Meaning::new(ErrorKind::Unavailable, format!("the connection to {url} was lost ({reason})"))
                    .with_hint("try again; if it happens often, a proxy or firewall may close connections")
            }
            Cause::Silent => Meaning::new(ErrorKind::TimedOut, format!("no answer of {url} in time"))
                .with_hint("try again; if it stays so, look at the network, or give calls more time"),
            Cause::NoTurn => {
                Meaning::new(ErrorKind::Throttled, "its turn did not come in time, so nothing was sent")
                    .with_hint(QUOTA)
            }
            Cause::ForeignResource(resource) => {
                let why = format!("no token was sent, for the answer asks for one for {resource}");
                Meaning::new(ErrorKind::Configuration, why).with_hint(
                    "a vault may ask for tokens for the domain of its own host only: <vault>.<domain>",
                )
            }
            Cause::TooLong => {
                Meaning::new(ErrorKind::Other, format!("{whose} answered more than can be right"))
                    .with_hint("is the URL right, does something stand in between?")
            }
            Cause::ForeignOrigin(origin) => {
                let why = format!("{whose} sent a link to {origin}, which is not followed");
                Meaning::new(ErrorKind::Other, why).with_hint("tokens go to the configured hosts only")
            }
            Cause::Redirect(origin) => {
                let why = format!("{url} redirects to {origin}, which is not followed");
                Meaning::new(ErrorKind::Configuration, why).with_hint("configure the final URL")
            }
            Cause::Refused(429) => {
                Meaning::new(ErrorKind::Throttled, format!("{whose} takes no more requests for now (429)"))
                    .with_hint(QUOTA)
            }
            Cause::Refused(status) => {
                Meaning::new(ErrorKind::Unavailable, format!("{whose} cannot serve now ({status})"))
                    .with_hint("try again later")
            }
        }
    }
}

/// A server's text as it may be shown: one line, not too long, and nothing at all if it holds one of `secrets`, plainly or as
/// we sent it in JSON, or a token.
pub(super) fn presentable<'a>(text: &str, secrets: impl IntoIterator<Item = &'a SecretValue>) -> String {
    let holds_secret = |secret: &SecretValue| {
        let in_json = Zeroizing::new(serde_json::to_string(secret.expose()).unwrap_or_default());
        let forms = [secret.expose(), in_json.trim_matches('"')];
        forms.iter().any(|form| !form.is_empty() && text.contains(form))
    };
    // Every JSON Web Token begins so.
    if text.contains("eyJ") || secrets.into_iter().any(holds_secret) {
        return String::new();
    }
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_on_the_way_has_its_meaning_and_names_who_was_asked() {
        for (cause, kind) in [
            (Cause::UnknownHost, ErrorKind::Unavailable),
            (Cause::Untrusted("UnknownIssuer".into()), ErrorKind::Untrusted),
            (Cause::OutOfTime("expired".into()), ErrorKind::Untrusted),
            (Cause::OtherName("for a.example".into()), ErrorKind::Untrusted),
            (Cause::OldTls("TLS 1.1".into()), ErrorKind::Untrusted),
            (Cause::Silent, ErrorKind::TimedOut),
            (Cause::NoTurn, ErrorKind::Throttled),
            (Cause::ForeignResource("https://evil.example".into()), ErrorKind::Configuration),
            (Cause::NotConnected("refused".into()), ErrorKind::Unavailable),
            (Cause::Lost("reset".into()), ErrorKind::Unavailable),
            (Cause::Redirect("https://evil.example".into()), ErrorKind::Configuration),
            (Cause::Refused(429), ErrorKind::Throttled),
            (Cause::Refused(503), ErrorKind::Unavailable),
            (Cause::ForeignOrigin("https://evil.example".into()), ErrorKind::Other),
            (Cause::TooLong, ErrorKind::Other),
        ] {
            for (peer, host, whose) in [
                (Peer::Vault, "v1.vault.azure.net", "the vault"),
                (Peer::Authority, "login.x", "the token endpoint"),
            ] {
                let url = format!("https://{host}");
                let meaning = Asked { peer, host, url: &url }.unanswered(&cause);
                assert_eq!(meaning.kind, kind, "{cause:?}");
                let sent = !matches!(cause, Cause::NoTurn | Cause::ForeignResource(_));
                assert!(
                    !sent || meaning.why.contains(host) || meaning.why.contains(whose),
                    "{}",
                    meaning.why
                );
                assert!(meaning.hint.is_some(), "it says what to do: {}", meaning.why);
            }
        }
    }

    #[test]
    fn a_servers_text_is_one_short_line_and_never_one_that_holds_a_secret() {
        let secret = SecretValue::new("hunter2");
        assert_eq!(presentable("a\nb", [&secret]), "a b");
        assert_eq!(presentable("it was hunter2", [&secret]), "");
        let quoted = SecretValue::new("hunter\"2");
        assert_eq!(presentable(r#"cannot read {"value":"hunter\"2"}"#, [&quoted]), "");
        assert_eq!(presentable("you sent Bearer eyJhbGciOi.e30.x", []), "");
        assert_eq!(presentable("a", [&SecretValue::default()]), "a");
        assert_eq!(presentable(&"é".repeat(5_000), []).chars().count(), MAX_MESSAGE + 1);
    }
}
