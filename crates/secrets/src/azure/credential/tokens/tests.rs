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
    assert!(a_hundred(&tokens).now_or_never().unwrap().iter().all(|token| token.as_deref() == Ok("token-1")));
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
