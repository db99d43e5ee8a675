//! What a line says.

use axum::http::StatusCode;
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::operations::Operation;

/// One call of the data plane. Names and numbers only.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    /// When the call came, in milliseconds since the Unix epoch; written as RFC 3339 in UTC.
    #[serde(serialize_with = "rfc3339")]
    pub(crate) time: i64,
    pub(crate) request_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_request_id: Option<String>,
    #[serde(flatten)]
    pub(crate) subject: Subject,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// Who did what to what, as far as it is known.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subject {
    /// The principal's name in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    /// In lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) vault: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operation: Option<Operation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<&'static str>,
    /// The secret's name, if it is a legal one: any other text may be a misplaced value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) version: Option<String>,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    /// The status of the answer.
    pub(crate) status: u16,
    /// `ok`, or the innermost code of the error.
    pub(crate) result: &'static str,
}

impl Outcome {
    /// The answer is what was asked for.
    pub(crate) fn done(status: StatusCode) -> Self {
        Self { status: status.as_u16(), result: "ok" }
    }

    /// The answer is withheld, or nobody is left to take it.
    pub(super) const UNANSWERED: Self = Self { status: 503, result: "Unanswered" };
}

impl Line {
    /// Appends the line with its line feed.
    pub(super) fn write_to(&self, buffer: &mut Vec<u8>) {
        let begin = buffer.len();
        if let Err(error) = serde_json::to_writer(&mut *buffer, self) {
            // Texts and numbers always serialize; half a line must not be left even so.
            tracing::error!(%error, "a line of the audit trail cannot be written as JSON");
            buffer.truncate(begin);
            return;
        }
        buffer.push(b'\n');
    }
}

fn rfc3339<S: Serializer>(millis: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(*millis) * 1_000_000)
        .map_err(serde::ser::Error::custom)?;
    serializer.collect_str(&time.format(&Rfc3339).map_err(serde::ser::Error::custom)?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A line about a secret of that name.
    pub(in crate::audit) fn about(name: &str) -> Line {
        Line {
            time: 1_800_000_000_123,
            request_id: Uuid::from_u128(7),
            client_request_id: None,
            subject: Subject {
                principal: Some("server".into()),
                vault: Some("v1".into()),
                operation: Some(Operation::GetSecret),
                action: Some(Operation::GetSecret.action().name()),
                name: Some(name.into()),
                ..Subject::default()
            },
            outcome: Outcome { status: 200, result: "ok" },
        }
    }

    #[test]
    fn a_line_is_one_json_object_whatever_a_client_sends() {
        let mut line = about("a");
        line.client_request_id = Some("x\"\n{\u{2028}".into());
        let mut buffer = Vec::new();
        line.write_to(&mut buffer);
        let text = String::from_utf8(buffer).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read,
            serde_json::json!({
                "time": "2027-01-15T08:00:00.123Z",
                "requestId": "00000000-0000-0000-0000-000000000007",
                "clientRequestId": "x\"\n{\u{2028}",
                "principal": "server",
                "vault": "v1",
                "operation": "GetSecret",
                "action": "Microsoft.KeyVault/vaults/secrets/getSecret/action",
                "name": "a",
                "status": 200,
                "result": "ok",
            })
        );
    }
}
