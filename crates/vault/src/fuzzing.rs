//! What fuzzers call: each target takes any bytes and panics if something is wrong. Only with the feature `fuzzing`.
//!
//! A target does more than to see that nothing panics: it compares with what must hold, whatever the bytes are. The same
//! functions run under a fuzzer that watches coverage and in the tests: both are in `tests/fuzz`, at the root of the repository.

pub use crate::data_plane::fuzzing::{backup_blob, bearer_token, continuation_token, request_body};
pub use crate::entra::fuzzing::form_body;

/// A function that a fuzzer calls with any bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its corpus.
pub const TARGETS: [(&str, Target); 5] = [
    ("backup_blob", backup_blob),
    ("bearer_token", bearer_token),
    ("continuation_token", continuation_token),
    ("form_body", form_body),
    ("request_body", request_body),
];

/// Something else than `good`, made from it as the bytes say; `None` if they happen to say nothing.
pub(crate) fn altered(good: &str, input: &[u8]) -> Option<String> {
    let [operation, high, low, rest @ ..] = input else { return None };
    let place = usize::from(u16::from_be_bytes([*high, *low])) % (good.len() + 1);
    // What is altered is ASCII, so that every place is between two characters.
    let (before, behind) = good.split_at_checked(place)?;
    let length = rest.first().map_or(1, |byte| usize::from(*byte) % 64 + 1).min(behind.len());
    let text: String = rest.iter().map(|byte| char::from(byte & 0x7f)).collect();
    let altered = match operation % 5 {
        0 => format!("{before}{text}{behind}"),
        1 => format!("{before}{}", &behind[length..]),
        2 => before.to_owned(),
        3 => format!("{before}{}{behind}", &behind[..length]),
        _ => format!("{before}{text}{}", behind.get(text.len()..)?),
    };
    (altered != good).then_some(altered)
}
