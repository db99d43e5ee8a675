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
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;

    use super::*;
    use crate::clock::ManualClock;

    const START: i64 = 1_800_000_000;
    const LIFETIME: i64 = 3600;
    const A_WHILE: Duration = Duration::from_millis(20);
    const SCOPE: &str = "https://vault.azure.net/.default";

    /// Numbers its tokens. Each takes a while.
    #[derive(Debug)]
    struct Endpoint {
        clock: Arc<ManualClock>,
        asked: AtomicUsize,
        fault: Mutex<Option<NoToken>>,
        hangs: std::sync::atomic::AtomicBool,
    }

    impl Endpoint {
        fn asked(&self) -> usize {
            self.asked.load(Ordering::SeqCst)
        }

        fn goes_down(&self) {
            *self.fault.lock().unwrap() = Some(NoToken::new(ErrorKind::Unavailable, "down"));
        }

        fn comes_up(&self) {
            *self.fault.lock().unwrap() = None;
            self.hangs.store(false, Ordering::SeqCst);
        }
    }

    #[derive(Debug)]
    struct At(Arc<Endpoint>);

    #[async_trait]
    impl Source for At {
        async fn token(&self, _: &str) -> Result<AccessToken, NoToken> {
            let number = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
            if self.0.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(A_WHILE).await;
            let fault = self.0.fault.lock().unwrap().clone();
            match fault {
                Some(no_token) => Err(no_token),
                None => {
                    let end = self.0.clock.now_seconds() + LIFETIME;
                    let end = OffsetDateTime::from_unix_timestamp(end).unwrap();
                    Ok(AccessToken::new(format!("token-{number}"), end))
                }
            }
        }

        fn shown(&self) -> &str {
            "the endpoint"
        }

        fn credential(&self) -> &'static str {
            "test"
        }
    }

    fn set_up() -> (Tokens, Arc<Endpoint>) {
        let clock = Arc::new(ManualClock::at_millis(START * 1000));
        let endpoint = Arc::new(Endpoint {
            clock: Arc::clone(&clock),
            asked: AtomicUsize::new(0),
            fault: Mutex::new(None),
            hangs: false.into(),
        });
        let tokens = Tokens::new(Box::new(At(Arc::clone(&endpoint))), clock, Duration::from_millis(200));
        (tokens, endpoint)
    }

    fn pass(endpoint: &Endpoint, seconds: i64) {
        endpoint.clock.advance_millis(seconds * 1000);
    }

    async fn ask(tokens: &Tokens) -> Result<String, String> {
        let outcome = tokens.get_token(&[SCOPE], None).await;
        outcome.map(|token| token.token.secret().to_owned()).map_err(|error| error.to_string())
    }

    async fn a_hundred(tokens: &Tokens) -> Vec<Result<String, String>> {
        futures::future::join_all((0..100).map(|_| ask(tokens))).await
    }

    #[tokio::test]
    async fn however_many_ask_there_is_one_request_and_then_none_until_shortly_before_the_end() {
        let (tokens, endpoint) = set_up();
        assert!(a_hundred(&tokens).await.iter().all(|token| token.as_deref() == Ok("token-1")));
        pass(&endpoint, LIFETIME - AHEAD - 1);
        assert!(a_hundred(&tokens).await.iter().all(|token| token.as_deref() == Ok("token-1")));
        assert_eq!(endpoint.asked(), 1);
    }

    #[tokio::test]
    async fn a_token_near_its_end_is_renewed_by_one_task_while_nobody_waits() {
        let (tokens, endpoint) = set_up();
        ask(&tokens).await.unwrap();
        pass(&endpoint, LIFETIME - AHEAD);
        // Nobody waits: what waits for nothing has its answer when it is asked for the first time.
        assert!(
            a_hundred(&tokens).now_or_never().unwrap().iter().all(|token| token.as_deref() == Ok("token-1"))
        );
        tokio::time::sleep(A_WHILE * 5).await;
        assert!(a_hundred(&tokens).await.iter().all(|token| token.as_deref() == Ok("token-2")));
        assert_eq!(endpoint.asked(), 2);
    }

    #[tokio::test]
    async fn while_the_endpoint_is_down_or_hangs_the_present_token_serves_to_its_end() {
        for hangs in [false, true] {
            let (tokens, endpoint) = set_up();
            ask(&tokens).await.unwrap();
            pass(&endpoint, LIFETIME - AHEAD);
            endpoint.goes_down();
            endpoint.hangs.store(hangs, Ordering::SeqCst);
            // For 30 s, and far longer.
            for _ in 0..(AHEAD - MARGIN - 1) {
                let asked = a_hundred(&tokens).now_or_never().unwrap();
                assert!(asked.iter().all(|token| token.as_deref() == Ok("token-1")));
                tokio::task::yield_now().await;
                pass(&endpoint, 1);
            }
            tokio::time::sleep(tokens.0.limit + A_WHILE * 2).await;
            assert!((2..=60).contains(&endpoint.asked()), "{} attempts", endpoint.asked());
            pass(&endpoint, MARGIN);
            assert!(ask(&tokens).await.is_err());
            endpoint.comes_up();
            pass(&endpoint, 2);
            assert!(ask(&tokens).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_failure_is_the_answer_for_all_who_ask_in_the_next_moment() {
        let (tokens, endpoint) = set_up();
        endpoint.goes_down();
        assert!(a_hundred(&tokens).await.iter().all(Result::is_err));
        assert!(a_hundred(&tokens).await.iter().all(Result::is_err));
        assert_eq!(endpoint.asked(), 1);
        endpoint.comes_up();
        pass(&endpoint, 1);
        ask(&tokens).await.unwrap();
    }

    #[tokio::test]
    async fn who_gives_up_does_not_take_the_token_from_the_others() {
        let (tokens, endpoint) = set_up();
        let impatient = tokio::time::timeout(A_WHILE / 4, ask(&tokens)).await;
        assert!(impatient.is_err());
        assert_eq!(ask(&tokens).await.as_deref(), Ok("token-1"));
        assert_eq!(endpoint.asked(), 1);
    }

    #[tokio::test]
    async fn an_endpoint_that_hangs_is_given_up_within_the_limit() {
        let (tokens, endpoint) = set_up();
        endpoint.hangs.store(true, Ordering::SeqCst);
        let error = ask(&tokens).await.unwrap_err();
        assert!(error.contains("the endpoint gave no token within 0.2 s"), "{error}");
    }

    #[tokio::test]
    async fn a_token_that_the_vault_does_not_take_is_replaced_unless_it_is_new() {
        let (tokens, endpoint) = set_up();
        ask(&tokens).await.unwrap();
        tokens.0.rejected("token-1");
        assert_eq!(ask(&tokens).await.as_deref(), Ok("token-1"));
        pass(&endpoint, 2);
        tokens.0.rejected("another");
        assert_eq!(ask(&tokens).await.as_deref(), Ok("token-1"));
        tokens.0.rejected("token-1");
        assert_eq!(ask(&tokens).await.as_deref(), Ok("token-2"));
    }

    #[tokio::test]
    async fn a_token_that_is_over_by_a_clock_that_is_an_hour_ahead_is_used_all_the_same() {
        let (tokens, endpoint) = set_up();
        let ahead = Arc::new(ManualClock::at_millis((START + LIFETIME + 1) * 1000));
        let tokens = Tokens::new(Box::new(At(Arc::clone(&endpoint))), ahead, tokens.0.limit);
        assert_eq!(ask(&tokens).await.as_deref(), Ok("token-1"));
        assert_eq!(ask(&tokens).await.as_deref(), Ok("token-1"));
        assert_eq!(endpoint.asked(), 1);
    }

    #[test]
    fn debug_shows_no_token() {
        let (tokens, _) = set_up();
        assert!(!format!("{tokens:?}").contains("token-"), "{tokens:?}");
    }
}
