//! What is sent again, when, and how often.
//!
//! The SDK's own retries are switched off: they would send a write again whose answer was lost, which makes a second
//! version, and they would wait for a `Retry-After` that lies beyond the end of the call. They also lose a write's body if
//! the very first answer, before the challenge, is one to retry; here each attempt gets a copy of the request as it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::http::headers::{Headers, RETRY_AFTER, RETRY_AFTER_MS, X_MS_RETRY_AFTER_MS};
use azure_core::http::policies::{Policy, PolicyResult, get_retry_after};
use azure_core::http::{Context, Method, Request};
use azure_core::time::OffsetDateTime;
use tokio::time::Instant;

use super::channel::{Cause, Failure, Peer, find};
use crate::clock::SystemClock;
use crate::random::SystemRandom;
use crate::{Clock, Random};

/// The most attempts at one request.
const MAX_ATTEMPTS: u32 = 8;

/// The most attempts at a request that the vault refuses for its quota: that ends with a window of ten seconds, and until then
/// [`Limit`](super::limit::Limit) sends one about each second, whichever it is.
const MAX_REFUSED_ATTEMPTS: u32 = 64;

/// The most attempts while no connection comes up: whoever mistyped a port wants to know soon.
const MAX_CONNECTION_ATTEMPTS: u32 = 3;

/// The longest wait that we choose ourselves.
const MAX_DELAY: Duration = Duration::from_secs(4);

/// One call to a provider, which may be several requests.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    /// When the call ends, whatever happens.
    pub(super) deadline: Instant,
    /// Set once a request was sent again although the first may have taken effect.
    resent: Arc<AtomicBool>,
}

impl Attempt {
    /// A call that ends after `timeout`.
    pub(super) fn new(timeout: Duration) -> Self {
        Self { deadline: Instant::now() + timeout, resent: Arc::default() }
    }

    /// Whether a request was sent again although the first may have taken effect: the answer can then be that of a world
    /// in which it has.
    pub(super) fn resent(&self) -> bool {
        self.resent.load(Ordering::Relaxed)
    }

    /// Whether a wait of `delay` ends before the call does.
    pub(super) fn has_time_for(&self, delay: Duration) -> bool {
        Instant::now() + delay < self.deadline
    }
}

/// Sends a request again if that is safe and may help.
#[derive(Debug)]
pub(super) struct Retry {
    peer: Peer,
    timeout: Duration,
}

impl Retry {
    /// Retries for requests to `peer`, which end within `timeout` where a request's context does not say when.
    pub(super) fn new(peer: Peer, timeout: Duration) -> Self {
        Self { peer, timeout }
    }
}

#[async_trait]
#[allow(elided_lifetimes_in_paths, reason = "the trait elides the lifetime of `Context`")]
impl Policy for Retry {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let call = ctx.value::<Attempt>().cloned().unwrap_or_else(|| Attempt::new(self.timeout));
        let mut ctx = ctx.to_borrowed();
        ctx.insert(call.clone());
        let mut attempt = 1;
        loop {
            let mut copy = request.clone();
            let result = next[0].send(&ctx, &mut copy, &next[1..]).await;
            let (again, asked) = match &result {
                Ok(answer) => {
                    (after_status(answer.status().into(), request.method()), retry_after(answer.headers()))
                }
                Err(error) => {
                    // A failure of the token endpoint, met while asking the vault, was retried there.
                    let failure = find::<Failure>(error).filter(|failure| failure.peer == self.peer);
                    (
                        failure.map_or(Again::No, |failure| after_failure(&failure.cause, request.method())),
                        None,
                    )
                }
            };
            let most = match again {
                Again::No => return result,
                Again::NotConnected => MAX_CONNECTION_ATTEMPTS,
                Again::InTurn if self.peer == Peer::Vault => MAX_REFUSED_ATTEMPTS,
                Again::InTurn | Again::Unharmed | Again::Repeated => MAX_ATTEMPTS,
            };
            let delay = backoff(attempt, &SystemRandom).max(asked.unwrap_or_default());
            if attempt >= most || !call.has_time_for(delay) {
                let refused =
                    |status| Failure { peer: self.peer, cause: Cause::Refused(status) }.into_azure();
                return result.and_then(|answer| Err(refused(answer.status().into())));
            }
            if again == Again::Repeated {
                call.resent.store(true, Ordering::Relaxed);
            }
            // At the vault the limit knows better how long to wait.
            if again != Again::InTurn || self.peer != Peer::Vault {
                tokio::time::sleep(delay).await;
            }
            attempt += 1;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// It would not help, or could do harm.
    No,
    /// Nothing was sent.
    NotConnected,
    /// The server said that it did nothing.
    Unharmed,
    /// The server said that it did nothing, for it is asked too much.
    InTurn,
    /// It may have taken effect, and doing it twice is the same as doing it once.
    Repeated,
}

fn after_status(status: u16, method: Method) -> Again {
    match status {
        429 => Again::InTurn,
        503 => Again::Unharmed,
        408 | 500 | 502 | 504 => repeated(method),
        _ => Again::No,
    }
}

fn after_failure(cause: &Cause, method: Method) -> Again {
    match cause {
        Cause::NotConnected(_) => Again::NotConnected,
        Cause::Lost(_) | Cause::Silent => repeated(method),
        _ => Again::No,
    }
}

/// A `PUT` makes a new version each time; everything else that is sent (reading, replacing tags, deleting, recovering,
/// asking for a token) ends in the same state however often it arrives.
fn repeated(method: Method) -> Again {
    if method == Method::Put { Again::No } else { Again::Repeated }
}

/// How long the server wants us to wait, if it says so.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    let now = || {
        OffsetDateTime::from_unix_timestamp(SystemClock.now_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    let wait = get_retry_after(headers, now, &[X_MS_RETRY_AFTER_MS, RETRY_AFTER_MS, RETRY_AFTER])?;
    Duration::try_from(wait).ok()
}

/// 200 ms, doubled with each attempt, plus up to a quarter, so that those who were refused together do not come back
/// together.
pub(super) fn backoff(attempt: u32, random: &dyn Random) -> Duration {
    let base =
        Duration::from_millis(200).saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(MAX_DELAY);
    base + base * u32::from(random.bytes::<1>()[0]) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::SequentialRandom;

    #[test]
    fn a_write_is_sent_again_only_if_it_cannot_have_taken_effect() {
        assert_eq!(after_status(429, Method::Put), Again::InTurn);
        assert_eq!(after_status(503, Method::Put), Again::Unharmed);
        assert_eq!(after_failure(&Cause::NotConnected(String::new()), Method::Put), Again::NotConnected);
        for status in [408, 500, 502, 504] {
            assert_eq!(after_status(status, Method::Put), Again::No);
            assert_eq!(after_status(status, Method::Get), Again::Repeated);
        }
        assert_eq!(after_failure(&Cause::Lost(String::new()), Method::Put), Again::No);
        assert_eq!(after_failure(&Cause::Silent, Method::Put), Again::No);
        assert_eq!(after_failure(&Cause::Silent, Method::Get), Again::Repeated);
        assert_eq!(after_failure(&Cause::Lost(String::new()), Method::Delete), Again::Repeated);
    }

    #[test]
    fn answers_that_stay_the_same_are_not_asked_for_again() {
        for status in [200, 400, 401, 403, 404, 409] {
            assert_eq!(after_status(status, Method::Get), Again::No);
        }
        for cause in [
            Cause::UnknownHost,
            Cause::Untrusted(String::new()),
            Cause::OldTls(String::new()),
            Cause::ForeignOrigin(String::new()),
            Cause::ForeignResource(String::new()),
            Cause::NoTurn,
        ] {
            assert_eq!(after_failure(&cause, Method::Get), Again::No);
        }
    }

    #[test]
    fn waits_grow_to_a_bound() {
        let random = SequentialRandom::default();
        assert_eq!(backoff(1, &random).as_millis(), 200);
        assert!(backoff(u32::MAX, &random) <= MAX_DELAY.mul_f32(1.25));
    }
}
