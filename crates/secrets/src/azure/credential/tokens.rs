//! Tokens, kept and renewed.
//!
//! The SDK's own cache makes everybody wait for a renewal, tries it anew for each who waits, and keeps a token that the
//! vault no longer takes. Here a token that is still good is handed out at once; the task that renews it is one, however
//! many ask, and it goes on if who asked first does not wait for it. While the token endpoint is down, the present token
//! serves to its end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::headers::AUTHORIZATION;
use azure_core::http::{AsyncRawResponse, HttpClient, Request, StatusCode};
use azure_core::time::OffsetDateTime;
use tokio::sync::watch;

use super::SignedIn;
use super::refusal::NoToken;
use crate::{Clock, ErrorKind};

/// How long before its end a token is renewed, in seconds.
const AHEAD: i64 = 5 * 60;

/// A token that ends within these seconds is not sent any more: it could end on the way.
const MARGIN: i64 = 10;

/// A token that has just been given is used for this long, in seconds, even if it is over by this machine's clock: that
/// may be wrong, and the vault knows.
const AT_LEAST: i64 = 60;

/// How long after an attempt to renew a token no other is made, in milliseconds. A failure that will not pass by itself is
/// the answer for that long too.
const PAUSE: i64 = 5_000;

/// How long a failure that may pass is the answer for everybody who needs a token, in milliseconds.
const MOMENT: i64 = 1_000;

/// If the vault does not take a token that is younger than this, in milliseconds, it will not take another.
const NEW: i64 = 2_000;

/// The most scopes whose tokens are kept: a vault has one.
const MAX_SCOPES: usize = 16;

/// Where tokens come from.
#[async_trait]
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// Asks for a new token for `scope`.
    async fn token(&self, scope: &str) -> Result<AccessToken, NoToken>;

    /// Who is asked, for messages.
    fn shown(&self) -> &str;

    /// Which credential it is, or has turned out to be.
    fn credential(&self) -> &'static str;
}

/// The tokens of one identity. Clones share them.
#[derive(Clone)]
pub(in crate::azure) struct Tokens(Arc<Shared>);

struct Shared {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    /// How long one attempt may take.
    limit: Duration,
    scopes: Mutex<HashMap<String, Scope>>,
}

/// What is known of the tokens for one scope.
#[derive(Default)]
struct Scope {
    held: Option<Held>,
    /// The task that is asking.
    renewal: Option<Renewal>,
    /// By the clock, in milliseconds.
    last_attempt: Option<i64>,
    last_failure: Option<NoToken>,
}

struct Held {
    token: AccessToken,
    /// By the clock, in milliseconds.
    obtained: i64,
    /// In seconds since the Unix epoch.
    usable_until: i64,
}

type Outcome = Result<AccessToken, NoToken>;
type Renewal = watch::Receiver<Option<Outcome>>;

impl Tokens {
    /// Tokens from `source`, each attempt to get one taking at most `limit`.
    pub(super) fn new(source: Box<dyn Source>, clock: Arc<dyn Clock>, limit: Duration) -> Self {
        Self(Arc::new(Shared { source, clock, limit, scopes: Mutex::default() }))
    }

    /// A way to the vault by which it is noticed that the vault does not take a token.
    pub(in crate::azure) fn watching<C: HttpClient + 'static>(&self, client: C) -> Arc<dyn HttpClient> {
        Arc::new(Watching { client, tokens: self.clone() })
    }

    /// Who the latest token was given to, if there is one.
    pub(in crate::azure) fn signed_in(&self) -> Option<SignedIn> {
        let scopes = self.0.scopes();
        let held = scopes.values().filter_map(|scope| scope.held.as_ref());
        let latest = held.max_by_key(|held| held.obtained)?;
        Some(SignedIn::read(self.0.source.credential(), &latest.token))
    }

    async fn token(&self, scope: &str) -> Outcome {
        let mut renewal = match self.0.now(scope) {
            Now::Token(token) => return Ok(token),
            Now::Failure(no_token) => return Err(no_token),
            Now::Wait(renewal) => renewal,
            Now::Renew { in_the_meantime } => {
                let renewal = self.renew(scope);
                match in_the_meantime {
                    Some(token) => return Ok(token),
                    None => renewal,
                }
            }
        };
        let outcome = renewal.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
        outcome
            .unwrap_or_else(|| Err(NoToken::new(ErrorKind::Unavailable, "asking for a token was broken off")))
    }

    /// Starts the one task that asks for a token, unless it has been started meanwhile.
    fn renew(&self, scope: &str) -> Renewal {
        let mut scopes = self.0.scopes();
        if scopes.len() >= MAX_SCOPES && !scopes.contains_key(scope) {
            scopes.clear();
        }
        let known = scopes.entry(scope.to_owned()).or_default();
        if let Some(renewal) = known.running() {
            return renewal;
        }
        let (sender, renewal) = watch::channel(None);
        known.renewal = Some(renewal.clone());
        known.last_attempt = Some(self.0.clock.now_millis());
        let (shared, scope) = (Arc::clone(&self.0), scope.to_owned());
        tokio::spawn(async move {
            let outcome = tokio::time::timeout(shared.limit, shared.source.token(&scope)).await;
            let outcome = outcome.unwrap_or_else(|_| {
                let limit = shared.limit.as_secs_f64();
                let why = format!("{} gave no token within {limit} s", shared.source.shown());
                Err(NoToken::new(ErrorKind::Unavailable, why))
            });
            shared.finish(&scope, &outcome);
            // Nobody may be waiting any more.
            let _ = sender.send(Some(outcome));
        });
        renewal
    }
}

/// What to do for who asks for a token now.
enum Now {
    Token(AccessToken),
    Failure(NoToken),
    Wait(Renewal),
    Renew { in_the_meantime: Option<AccessToken> },
}

impl Shared {
    fn scopes(&self) -> std::sync::MutexGuard<'_, HashMap<String, Scope>> {
        // No code that holds the lock can stop half-way.
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self, scope: &str) -> Now {
        let mut scopes = self.scopes();
        let Some(scope) = scopes.get_mut(scope) else { return Now::Renew { in_the_meantime: None } };
        let (now, millis, running) = (self.clock.now_seconds(), self.clock.now_millis(), scope.running());
        let just = |at: i64, span: i64| is_within(millis, at, span);
        if let Some(held) = scope.held.as_ref().filter(|held| now < held.usable_until) {
            let token = held.token.clone();
            let due = token.expires_on.unix_timestamp() - AHEAD <= now;
            let pausing = scope.last_attempt.is_some_and(|attempt| just(attempt, PAUSE));
            return if due && running.is_none() && !pausing {
                Now::Renew { in_the_meantime: Some(token) }
            } else {
                Now::Token(token)
            };
        }
        if let Some(renewal) = running {
            return Now::Wait(renewal);
        }
        match (&scope.last_failure, scope.last_attempt) {
            (Some(failure), Some(attempt)) if just(attempt, failure.lasts()) => Now::Failure(failure.clone()),
            _ => Now::Renew { in_the_meantime: None },
        }
    }

    fn finish(&self, scope: &str, outcome: &Outcome) {
        let mut scopes = self.scopes();
        let known = scopes.entry(scope.to_owned()).or_default();
        known.renewal = None;
        known.last_attempt = Some(self.clock.now_millis());
        match outcome {
            Ok(token) => {
                let now = self.clock.now_seconds();
                let usable_until = (token.expires_on.unix_timestamp() - MARGIN).max(now + AT_LEAST);
                known.held =
                    Some(Held { token: token.clone(), obtained: self.clock.now_millis(), usable_until });
                known.last_failure = None;
            }
            Err(no_token) => {
                known.last_failure = Some(no_token.clone());
                let left = known.held.as_ref().map_or(0, |held| held.usable_until - self.clock.now_seconds());
                if left > 0 {
                    tracing::warn!(
                        "the token cannot be renewed, the present one serves for another {left} s: {no_token}"
                    );
                }
            }
        }
    }

    /// The vault does not take this token.
    fn rejected(&self, token: &str) {
        let now = self.clock.now_millis();
        for scope in self.scopes().values_mut() {
            let old = |held: &Held| held.token.token.secret() == token && !is_within(now, held.obtained, NEW);
            if scope.held.as_ref().is_some_and(old) {
                scope.held = None;
            }
        }
    }
}

impl Scope {
    fn running(&self) -> Option<Renewal> {
        // A task that has died with its runtime has left a channel without a sender.
        self.renewal.clone().filter(|renewal| renewal.has_changed().is_ok())
    }
}

impl NoToken {
    /// How long it can be taken to be so, in milliseconds.
    fn lasts(&self) -> i64 {
        match self.meaning.kind {
            ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::TimedOut => MOMENT,
            _ => PAUSE,
        }
    }
}

/// Whether `now` is within `span` behind `at`. A clock that was set back does not make a pause longer.
fn is_within(now: i64, at: i64, span: i64) -> bool {
    (0..span).contains(&(now - at))
}

#[async_trait]
impl TokenCredential for Tokens {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        match scopes {
            // The SDK keeps a copy until shortly before its end, by a clock of its own. So that it asks here each time, where
            // that costs nothing, it is told that the token is over.
            [scope] => match self.token(scope).await {
                Ok(token) => Ok(AccessToken::new(token.token, OffsetDateTime::UNIX_EPOCH)),
                Err(no_token) => Err(no_token.into_azure()),
            },
            _ => Err(NoToken::new(ErrorKind::Other, "a token is for one scope").into_azure()),
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tokens").field(&self.0.source).finish()
    }
}

/// The way to the vault, with an eye on which tokens it takes.
#[derive(Debug)]
struct Watching<C> {
    client: C,
    tokens: Tokens,
}

#[async_trait]
impl<C: HttpClient> HttpClient for Watching<C> {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let answer = self.client.execute_request(request).await?;
        if answer.status() == StatusCode::Unauthorized
            && let Some(header) = request.headers().get_optional_str(&AUTHORIZATION)
            && let Some(token) = header.strip_prefix("Bearer ")
        {
            self.tokens.0.rejected(token);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests;
