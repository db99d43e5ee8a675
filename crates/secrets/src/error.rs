//! What can go wrong at a provider, by meaning.

use std::fmt;
use std::sync::Arc;

/// The result of a call to a provider.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The meaning of a failure: what a caller can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No such secret or version.
    NotFound,
    /// There is one of that name already, where none may be.
    AlreadyExists,
    /// The name is taken by a secret that is soft-deleted: recover it first.
    Deleted,
    /// The secret is being deleted or recovered right now: try again soon.
    Busy,
    /// The secret exists, but is disabled and cannot be read.
    Disabled,
    /// The identity is known but lacks the role.
    PermissionDenied,
    /// The vault's firewall does not let us in, whoever we are.
    NetworkDenied,
    /// The identity could not be proved: wrong or missing credentials.
    Unauthenticated,
    /// Too many requests; the bounded retries did not help.
    Throttled,
    /// The vault could not be reached, or answered that it cannot serve now.
    Unavailable,
    /// The call took longer than it may; whether it took effect is unknown.
    TimedOut,
    /// The server's certificate is not trusted, or its TLS is too old to be.
    Untrusted,
    /// The vault refused the request as wrong: a name, a value, a tag.
    InvalidInput,
    /// This provider cannot do that.
    Unsupported,
    /// How the provider is configured makes no sense.
    Configuration,
    /// Anything else.
    Other,
}

/// A failure at a provider: what happened, to what, why, and what to do about it. Never a secret's value.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// A failure of `kind`; `message` says what happened, to what.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same failure for one more of those who waited for the call.
    pub(crate) fn shared(self: &Arc<Self>) -> Self {
        let shared = Self { hint: self.hint.clone(), ..Self::new(self.kind, self.message.clone()) };
        match &self.source {
            // What it adds to the cause is said already.
            Some(_) => shared.with_source(SharedCause(Arc::clone(self))),
            None => shared,
        }
    }

    /// What it means.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, to what, and why, without what to do about it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the user can do about it, if there is something.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Whether the call can have had no effect. A write that fails otherwise may have reached the vault all the same.
    pub fn is_without_effect(&self) -> bool {
        !matches!(
            self.kind,
            ErrorKind::Busy | ErrorKind::Unavailable | ErrorKind::TimedOut | ErrorKind::Other
        )
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Busy | ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::TimedOut
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            // Behind a list it would look like a part of the last item.
            let separator = if self.message.contains('\n') { '\n' } else { ' ' };
            write!(f, "{separator}({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// The cause of a failure that several got.
#[derive(Debug)]
struct SharedCause(Arc<Error>);

impl fmt::Display for SharedCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source.as_ref().map_or(Ok(()), |source| fmt::Display::fmt(source, f))
    }
}

impl std::error::Error for SharedCause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().and_then(|source| source.source())
    }
}
