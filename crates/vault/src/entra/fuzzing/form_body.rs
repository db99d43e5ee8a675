use super::super::assertion::Assertion;
use super::super::fault::Fault;
use super::super::form::{Endpoint, Proof, TokenRequest};

const ENDPOINTS: [Endpoint; 3] = [Endpoint::V2, Endpoint::V1, Endpoint::Adfs];

/// A form is understood the same when it is written anew, in another order and with further fields; what is refused is not
/// repeated.
pub fn form_body(input: &[u8]) {
    let fields: Option<Vec<(String, String)>> = serde_urlencoded::from_bytes(input).ok();
    for endpoint in ENDPOINTS {
        let request = match TokenRequest::parse(input, endpoint) {
            Ok(request) => request,
            Err(fault) => {
                tells_nothing(&fault);
                continue;
            }
        };
        let fields = fields.as_deref().expect("what is understood is a form");
        within_limits(&request);
        let mut turned: Vec<_> = fields.iter().rev().cloned().collect();
        turned.push(("x-client-SKU".into(), "fuzz&=".into()));
        let turned = serde_urlencoded::to_string(&turned).unwrap();
        let again = TokenRequest::parse(turned.as_bytes(), endpoint).expect("the order does not matter");
        assert_eq!(parts(&request), parts(&again), "a form changes when it is written anew");
        let sent =
            |name: &str| fields.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        assert_eq!(sent("grant_type"), Some("client_credentials"));
        assert_eq!(sent("client_id"), Some(request.client_id.as_str()));
        let proof =
            if matches!(request.proof, Proof::Secret(_)) { "client_secret" } else { "client_assertion" };
        assert_eq!(sent(proof), Some(parts(&request).2));
        if let Proof::Assertion(text) = &request.proof {
            assertion(text.expose());
        }
    }
    if let Ok(text) = std::str::from_utf8(input) {
        assertion(text);
    }
}

/// An assertion that can be taken apart has three parts.
fn assertion(text: &str) {
    if Assertion::parse(text).is_ok() {
        assert_eq!(text.bytes().filter(|byte| *byte == b'.').count(), 2);
    }
}

fn parts(request: &TokenRequest) -> (&str, &str, &str) {
    let (Proof::Secret(proof) | Proof::Assertion(proof)) = &request.proof;
    (&request.client_id, &request.resource, proof.expose())
}

fn within_limits(request: &TokenRequest) {
    let (client, resource, proof) = parts(request);
    assert!(!client.trim().is_empty() && !proof.is_empty());
    assert!(!resource.is_empty() && resource.len() <= 512);
    assert!(resource.bytes().all(|byte| byte.is_ascii_graphic()));
    if matches!(request.proof, Proof::Assertion(_)) {
        assert!(proof.len() <= 16 * 1024);
    }
}

/// None of these holds anything that was sent.
fn tells_nothing(fault: &Fault) {
    assert!(matches!(
        fault,
        Fault::MalformedForm
            | Fault::MissingParameter(_)
            | Fault::UnsupportedGrant
            | Fault::InvalidScope
            | Fault::ScopeWithoutDefault
            | Fault::ResourceAtVersion2
            | Fault::MissingSecret
            | Fault::UnknownAssertionType
            | Fault::MalformedAssertion
    ));
}
