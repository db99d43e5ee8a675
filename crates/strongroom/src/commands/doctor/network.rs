//! The way to the vault and to whoever gives the tokens, the identity, and what the clocks say on the way.

use std::net::IpAddr;
use std::time::Duration;

use strongroom_secrets::remote::{Endpoint, Part, Reached, Remote, SignedIn, addresses};
use strongroom_secrets::{Clock, Error, ErrorKind};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::finding::Finding;
use super::subject::Subject;

/// From how many seconds on a clock that is off is worth a word.
const MIND_SKEW: i64 = 60;

/// By how many seconds a clock may be off before tokens and signatures are refused.
const MOST_SKEW: i64 = 300;

/// What to do about a clock.
const SET_CLOCK: &str = "set this machine's clock, and keep it right by NTP";

/// What is known of the way to one server.
pub(super) struct Way {
    endpoint: Endpoint,
    addresses: Result<Vec<IpAddr>, String>,
    reached: Result<Reached, Error>,
}

/// Goes to each server once.
pub(super) async fn ways(remote: &dyn Remote, patience: Duration) -> Vec<Way> {
    let ways = remote.endpoints().into_iter().map(|endpoint| async move {
        let resolved = tokio::time::timeout(patience, addresses(&endpoint.host));
        let (resolved, reached) = tokio::join!(resolved, remote.reach(&endpoint));
        let late = |_| format!("no answer about {} within {} s", endpoint.host, patience.as_secs());
        Way { addresses: resolved.unwrap_or_else(|elapsed| Err(late(elapsed))), endpoint, reached }
    });
    futures::future::join_all(ways).await
}

/// Whether the vault answered at all.
pub(super) fn is_reached(ways: &[Way]) -> bool {
    ways.iter().all(|way| way.endpoint.part != Part::Vault || way.reached.is_ok())
}

/// The checks of the way: names, connections, certificates.
pub(super) fn findings(ways: &[Way], subject: &Subject) -> Vec<Finding> {
    let mut findings: Vec<_> =
        ways.iter().flat_map(|way| [address(way, subject), tls(way, subject)]).collect();
    if !ways.iter().any(|way| way.endpoint.part == Part::TokenEndpoint) {
        let why = "tokens come from this machine's own identity or from a tool: identity.token tells";
        findings.extend(["token.address", "token.tls"].map(|id| Finding::not_tried(id, why)));
    }
    findings
}

fn address(way: &Way, subject: &Subject) -> Finding {
    let id = match way.endpoint.part {
        Part::Vault => "vault.address",
        Part::TokenEndpoint => "token.address",
    };
    let host = &way.endpoint.host;
    match (&way.addresses, &way.reached) {
        (Ok(found), _) => Finding::passed(id, format!("{host} is {}", shown(found))),
        (Err(_), Ok(_)) => {
            Finding::passed(id, format!("{host} is found by the proxy, though not by this machine"))
        }
        (Err(why), Err(error)) => {
            let fix = match error.hint() {
                Some(hint) if error.kind() == ErrorKind::Unavailable => hint,
                _ => "check the name, and that DNS works here",
            };
            Finding::failed(id, why.clone(), fix).and_fix(&place_of(way, subject))
        }
    }
}

/// Where the setting stands that leads there.
fn place_of(way: &Way, subject: &Subject) -> String {
    let keys: &[&str] = match way.endpoint.part {
        Part::Vault => &["vaultUrl", "vaultName"],
        Part::TokenEndpoint => &["authorityHost"],
    };
    let places =
        keys.iter().map(|key| subject.place(&format!("secretsManagerConfiguration.parameters.{key}")));
    places.into_iter().find(|place| !place.is_empty()).unwrap_or_default()
}

fn shown(addresses: &[IpAddr]) -> String {
    /// Some names have dozens.
    const SHOWN: usize = 3;
    let mut text: Vec<_> = addresses.iter().take(SHOWN).map(ToString::to_string).collect();
    if addresses.len() > SHOWN {
        text.push("…".to_owned());
    }
    text.join(", ")
}

fn tls(way: &Way, subject: &Subject) -> Finding {
    let id = match way.endpoint.part {
        Part::Vault => "vault.tls",
        Part::TokenEndpoint => "token.tls",
    };
    match &way.reached {
        Ok(_) => {
            Finding::passed(id, format!("{} answers, with a certificate that is trusted", way.endpoint.url))
        }
        Err(error) if way.addresses.is_err() && error.message().contains("no address") => {
            Finding::not_tried(id, format!("{} has no address", way.endpoint.host))
        }
        Err(error) => {
            let finding = Finding::of_error(id, error);
            match error.kind() {
                ErrorKind::Untrusted => {
                    finding.and_fix(&subject.place("secretsManagerConfiguration.parameters.caFile"))
                }
                _ => finding.and_fix(&place_of(way, subject)),
            }
        }
    }
}

/// The checks of the clocks that were met on the way.
pub(super) fn clocks(ways: &[Way]) -> Vec<Finding> {
    let clock = |way: &Way| {
        let id = match way.endpoint.part {
            Part::Vault => "clock.vault",
            Part::TokenEndpoint => "clock.token",
        };
        match &way.reached {
            Ok(Reached { ahead: Some(ahead) }) => skew(id, *ahead, &way.endpoint.host),
            Ok(Reached { ahead: None }) => {
                Finding::not_tried(id, format!("{} does not tell the time", way.endpoint.host))
            }
            Err(_) => Finding::not_tried(id, format!("{} was not reached", way.endpoint.host)),
        }
    };
    ways.iter().map(clock).collect()
}

/// What it means that this machine's clock is ahead of another by so many seconds.
pub(super) fn skew(id: &'static str, ahead: i64, whose: &str) -> Finding {
    let off = ahead.abs();
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let by = if off < 120 { format!("{off} s") } else { format!("{} min", (off + 30) / 60) };
    let told = format!("this machine's clock is {by} {direction} that of {whose}");
    match off {
        0..=MIND_SKEW => {
            Finding::passed(id, format!("this machine's clock and that of {whose} agree within {off} s"))
        }
        _ if off <= MOST_SKEW => Finding::warning(id, told, SET_CLOCK),
        _ => Finding::failed(id, told, format!("{SET_CLOCK}: tokens and signatures are refused for it")),
    }
}

/// The check of the identity, and who we are.
pub(super) async fn identity(
    remote: &dyn Remote,
    subject: &Subject,
    clock: &dyn Clock,
) -> (Finding, Option<SignedIn>) {
    match remote.sign_in().await {
        Ok(signed_in) => {
            let what = who(&signed_in, clock.now_seconds());
            (Finding::passed("identity.token", what), Some(signed_in))
        }
        Err(error) => {
            let finding = Finding::of_error("identity.token", &error);
            let place = match error.message().contains("client secret") {
                true => subject.place("secretsManagerConfiguration.parameters.clientSecret"),
                false => String::new(),
            };
            (finding.and_fix(&place), None)
        }
    }
}

fn who(known: &SignedIn, now: i64) -> String {
    let mut parts = vec![format!("signed in by {}", known.credential)];
    let told = [
        ("tenant", &known.tenant),
        ("client id", &known.client_id),
        ("object id", &known.object_id),
        ("user", &known.user),
    ];
    parts.extend(told.iter().filter_map(|(what, id)| Some(format!("{what} {}", id.as_ref()?))));
    let end = OffsetDateTime::from_unix_timestamp(known.expires_on).ok();
    let end = end.and_then(|end| end.format(&Rfc3339).ok()).unwrap_or_default();
    parts.push(format!("token good until {end} ({} min)", (known.expires_on - now) / 60));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn a_clock_is_right_worth_a_word_or_wrong() {
        for (ahead, state, says) in [
            (0, State::Passed, "agree within 0 s"),
            (-3, State::Passed, "agree within 3 s"),
            (90, State::Warning, "90 s ahead of that of login.x"),
            (-3600, State::Failed, "60 min behind that of login.x"),
        ] {
            let finding = skew("clock.token", ahead, "login.x");
            assert_eq!(finding.state, state, "{ahead}");
            assert!(finding.what.contains(says), "{}", finding.what);
            assert_eq!(finding.fix.is_some(), state != State::Passed);
        }
    }

    #[test]
    fn who_signed_in_is_told_without_the_token() {
        let known = SignedIn {
            credential: "client secret",
            tenant: Some("t".to_owned()),
            client_id: Some("c".to_owned()),
            object_id: None,
            user: None,
            expires_on: 1_800_000_000,
        };
        assert_eq!(
            who(&known, 1_800_000_000 - 3600),
            "signed in by client secret, tenant t, client id c, token good until 2027-01-15T08:00:00Z (60 min)"
        );
    }
}
