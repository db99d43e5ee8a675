use std::sync::LazyLock;

use base64::Engine;
use serde_json::json;

use super::super::backup::{BASE64, open, seal, written};
use super::super::body::parse_restore;
use super::{KEYRING, keyring};
use crate::fuzzing::altered;
use crate::keys::Keyring;

/// Somebody else's.
static OTHER: LazyLock<Keyring> = LazyLock::new(keyring);

/// A backup that was not made here does not open, neither does one that was altered; what was sealed here comes back.
pub fn backup_blob(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    assert!(open(&KEYRING, &text).is_none(), "something that was not sealed here opened");
    let body = json!({ "value": text }).to_string();
    let sent = parse_restore(body.as_bytes()).expect("a body with a text is one");
    assert_eq!(sent.expose(), text);

    // Whatever has been sealed: that it opens says nothing about what it holds.
    let blob = seal(&KEYRING, input);
    assert!(BASE64.decode(&blob).is_ok() && !blob.contains('='));
    assert!(open(&OTHER, &blob).is_none(), "a backup of another service opened");
    if let Some(document) = open(&KEYRING, &blob) {
        let first = written(&document).expect("what came out of a backup fits into one");
        let again = seal(&KEYRING, &first);
        let second = written(&open(&KEYRING, &again).expect("what was written is read")).unwrap();
        assert_eq!(*first, *second, "reading and writing changes a document");
        // Padding is not part of what was sealed.
        let padded = format!("{again}{}", "=".repeat((4 - again.len() % 4) % 4));
        assert!(open(&KEYRING, &padded).is_some());
        if let Some(altered) = altered(&again, input)
            && BASE64.decode(&altered) != BASE64.decode(&again)
        {
            assert!(open(&KEYRING, &altered).is_none(), "an altered backup opened");
        }
    }
    if let Some(altered) = altered(&blob, input)
        && BASE64.decode(&altered) != BASE64.decode(&blob)
    {
        assert!(open(&KEYRING, &altered).is_none(), "an altered backup opened");
    }
}
