//! Versions of a document: 0.1 first, a tenth more with each change.

use serde_json::{Value, json};

/// The version of a new document.
pub(crate) fn first() -> Value {
    json!(0.1)
}

/// The version of a stored document, in tenths.
pub(crate) fn tenths(document: &Value) -> i64 {
    let version = document.get("version").and_then(Value::as_f64).unwrap_or(0.1);
    #[allow(clippy::cast_possible_truncation, reason = "saturates, and versions are small")]
    let tenths = (version * 10.0).round() as i64;
    tenths.max(1)
}

/// The version after that of a stored document.
pub(crate) fn next(document: &Value) -> Value {
    number(tenths(document) + 1)
}

/// Counting in tenths keeps the noise of binary fractions out (0.1 + 0.2 is not 0.3).
pub(crate) fn number(tenths: i64) -> Value {
    #[allow(clippy::cast_precision_loss, reason = "versions are small")]
    let version = tenths as f64 / 10.0;
    json!(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_in_tenths_without_noise() {
        let mut document = json!({"version": first()});
        let mut seen = Vec::new();
        for _ in 0..12 {
            document["version"] = next(&document);
            seen.push(document["version"].to_string());
        }
        assert_eq!(
            seen,
            ["0.2", "0.3", "0.4", "0.5", "0.6", "0.7", "0.8", "0.9", "1.0", "1.1", "1.2", "1.3"]
        );
    }

    #[test]
    fn a_document_without_a_version_is_the_first() {
        assert_eq!(next(&json!({})).to_string(), "0.2");
    }
}
