//! Errors in the form that Key Vault gives them: `{"error": {"code", "message", "innererror"?: {"code"}}}`.

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use strongroom_secrets::name::InvalidName;

use crate::audit::Outcome;
use crate::host::Host;
use crate::operations::NoRoute;
use crate::quota::Exhausted;

/// What every body of the data plane is.
pub(super) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Why an operation was not done.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    pub(super) message: Cow<'static, str>,
    inner: Option<&'static str>,
    /// One more header: the challenge, the methods that a path knows, or when to come again.
    header: Option<(header::HeaderName, String)>,
}

impl Fault {
    fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into(), inner: None, header: None }
    }

    fn with_inner(mut self, inner: &'static str) -> Self {
        self.inner = Some(inner);
        self
    }

    /// The request itself is wrong.
    pub(super) fn bad_parameter(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message)
    }

    /// The body is larger than any legal one.
    pub(super) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "BadParameter",
            format!("The request body has more than {limit} bytes."),
        )
    }

    /// No vault answers at this host. Not a 404: a client must not take it for a missing secret.
    pub(super) fn unknown_vault(host: &Host, domain: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "VaultNotFound",
            format!(
                "No vault is served at {host}. A vault answers at https://<name>.{domain}, and vault.yaml lists their names."
            ),
        )
    }

    /// A token is missing or not believed. `challenge` says where to get one.
    pub(super) fn unauthorized(message: &'static str, challenge: String) -> Self {
        let mut fault = Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message);
        fault.header = Some((header::WWW_AUTHENTICATE, challenge));
        fault
    }

    /// The caller's roles do not grant the action.
    pub(super) fn forbidden_by_rbac(message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message).with_inner("ForbiddenByRbac")
    }

    /// The version is disabled.
    pub(super) fn disabled() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", "Operation get is not allowed on a disabled secret.")
            .with_inner("SecretDisabled")
    }

    /// There is no such secret or version.
    pub(super) fn secret_not_found(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "SecretNotFound",
            format!(
                "No secret {name} (in the version asked for) is in this vault. If it was deleted lately, it may be \
                 recoverable: see the deleted secrets."
            ),
        )
    }

    /// There is no soft-deleted secret of that name.
    pub(super) fn deleted_secret_not_found(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "SecretNotFound",
            format!("No deleted secret {name} is in this vault: there is nothing to recover or purge."),
        )
    }

    /// The name belongs to a soft-deleted secret.
    pub(super) fn deleted_but_recoverable(name: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "Conflict",
            format!(
                "The name {name} belongs to a secret in a deleted but recoverable state and cannot be used again: \
                 recover or purge that secret first."
            ),
        )
        .with_inner("ObjectIsDeletedButRecoverable")
    }

    /// The name belongs to a live secret, so a backup cannot be restored under it.
    pub(super) fn exists(name: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "Conflict",
            format!(
                "A secret {name} is in this vault already; delete and purge it, or restore into another vault."
            ),
        )
    }

    /// What was to be restored is no backup of this service.
    pub(super) fn foreign_backup() -> Self {
        Self::bad_parameter(
            "Cannot decrypt backup blob: it was altered, or it is a backup of another service; a backup can be restored \
             only where it was made.",
        )
    }

    /// The secret's deletion is under way.
    pub(super) fn being_deleted(name: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "Conflict",
            format!("The secret {name} is being deleted; try again in a moment."),
        )
        .with_inner("ObjectIsBeingDeleted")
    }

    /// The secret's recovery is under way.
    pub(super) fn being_recovered(name: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "Conflict",
            format!("The secret {name} is being recovered; try again in a moment."),
        )
        .with_inner("ObjectIsBeingRecovered")
    }

    /// The vault has purge protection.
    pub(super) fn purge_protected() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "NotSupported",
            "Operation \"purge\" is not enabled for this vault.",
        )
    }

    /// The vault has had enough calls for now.
    pub(super) fn throttled(exhausted: Exhausted) -> Self {
        let mut fault = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Throttled",
            "Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached",
        );
        fault.header = exhausted.retry_after.map(|seconds| (header::RETRY_AFTER, seconds.to_string()));
        fault
    }

    /// No operation has this path.
    fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "No operation of a vault has this path.")
    }

    /// The path is known, the method is not.
    fn method_not_allowed(allowed: String) -> Self {
        let mut fault = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            format!("This path knows the methods {allowed} only."),
        );
        fault.header = Some((header::ALLOW, allowed));
        fault
    }

    /// The audit trail cannot take a line, so nothing is stored or shown.
    pub(super) fn unrecorded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The vault cannot record this call in its audit trail, so it does not serve it; /readyz and its log tell why.",
        )
        .with_inner("AuditUnavailable")
    }

    /// What the audit trail says of it.
    pub(super) fn outcome(&self) -> Outcome {
        Outcome { status: self.status.as_u16(), result: self.inner.unwrap_or(self.code) }
    }

    /// Something broke here. The cause is in the log, under the request id.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "The vault failed to answer; its log tells why, under the request id in x-ms-request-id.",
        )
    }
}

impl From<NoRoute> for Fault {
    fn from(reason: NoRoute) -> Self {
        match reason {
            NoRoute::Path => Self::unknown_path(),
            NoRoute::Method(allowed) => Self::method_not_allowed(allowed),
        }
    }
}

impl From<InvalidName> for Fault {
    /// The name itself is not in the message: it may be a misplaced value.
    fn from(error: InvalidName) -> Self {
        Self::bad_parameter(format!("The secret's name is not legal: {error}."))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(inner) = self.inner {
            error["innererror"] = json!({"code": inner});
        }
        let mut response = (self.status, Json(json!({"error": error}))).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, JSON);
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::try_from(value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}
