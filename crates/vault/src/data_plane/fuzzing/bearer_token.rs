use std::sync::LazyLock;

use axum::http::HeaderValue;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::super::caller::bearer;
use crate::entra::fuzzing::Issuer;
use crate::fuzzing::altered;
use crate::tokens::TokenFault;

/// Nothing of a longer token is looked at.
const LONGEST: usize = 8 * 1024;

static ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

/// A token is believed exactly if our key has signed it and its claims are right.
pub fn bearer_token(input: &[u8]) {
    if let Ok(header) = HeaderValue::from_bytes(input)
        && let Some(token) = bearer(Some(&header))
    {
        assert!(!token.is_empty() && token.len() < input.len());
        ISSUER.verify(token).expect_err("a token that nobody signed is believed");
    }
    let text = String::from_utf8_lossy(input);
    ISSUER.verify(&text).expect_err("a token that nobody signed is believed");
    if let Some(altered) = altered(ISSUER.good(), input) {
        ISSUER.verify(&altered).expect_err("an altered token is believed");
    }
    // Signing takes its time: only what may become an object is signed.
    if !input.starts_with(b"{") {
        return;
    }
    claims(input);
    header(input);
}

/// Claims that our key has signed.
fn claims(input: &[u8]) {
    let token = ISSUER.signed(ISSUER.header(), input);
    let verdict = ISSUER.verify(&token);
    if token.len() > LONGEST {
        assert_eq!(verdict, Err(TokenFault::Invalid));
        return;
    }
    match (serde_json::from_slice::<Value>(input), &verdict) {
        // A claim that nobody asks for may be what no `Value` can be: nested too deep, say.
        (Err(_), verdict) => {
            let is_json = serde_json::from_slice::<IgnoredAny>(input).is_ok();
            assert!(is_json || verdict.is_err(), "claims that are no JSON are believed");
        }
        (Ok(said), Ok(believed)) => assert_eq!(ISSUER.expected(&said).as_ref(), Ok(believed)),
        // Only of claims that are said once, and plainly, is it known what they mean.
        (Ok(said), Err(fault)) if said.to_string().as_bytes() == input => {
            assert_eq!(ISSUER.expected(&said).as_ref(), Err(fault));
        }
        (Ok(_), Err(_)) => {}
    }
}

/// A header that our key has signed, before claims that are right.
fn header(input: &[u8]) {
    if ISSUER.verify(&ISSUER.signed(input, ISSUER.claims())).is_ok() {
        let said: Value = serde_json::from_slice(input).expect("a header is JSON");
        let right: Value = serde_json::from_slice(ISSUER.header()).unwrap();
        assert_eq!((&said["alg"], &said["kid"]), (&right["alg"], &right["kid"]));
    }
}
