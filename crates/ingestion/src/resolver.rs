//! Values in the place of references.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use futures::{StreamExt, stream};
use strongroom_entities::reference::{FieldText, Reference, classify};
use strongroom_secrets::name::InvalidName;
use strongroom_secrets::{Error, ErrorKind, Provider, SecretName, SecretValue};

/// How many secrets are read at the same time: enough to hide the way to the vault. The provider itself stays under its quota.
const AT_THE_SAME_TIME: usize = 16;

/// Resolves references against one vault, over one client.
#[derive(Debug, Clone)]
pub struct Resolver {
    provider: Arc<dyn Provider>,
}

/// A field whose value is wanted, and the reference it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The field, for messages: a path in a document, or what the user typed.
    pub field: String,
    /// What it holds.
    pub reference: Reference,
}

/// A reference that could not be resolved: which field, which secret, why.
#[derive(Debug)]
pub struct ResolveError {
    field: String,
    reference: Reference,
    cause: Arc<Error>,
    /// Whether this secret was asked for: else the cause is another one's.
    asked: bool,
}

impl ResolveError {
    /// The field whose value is missing.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The secret that it refers to.
    pub fn secret(&self) -> &SecretName {
        self.reference.name()
    }

    /// Whether the vault was asked for this secret. If not, then because it could not be asked for another one.
    pub fn was_asked(&self) -> bool {
        self.asked
    }

    /// Why the vault did not give it.
    pub fn cause(&self) -> &Error {
        &self.cause
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, reference, cause, asked } = self;
        // A user who typed the reference itself does not need to read it twice.
        if *field != reference.to_string() && *field != reference.name().as_str() {
            write!(f, "field {field}: ")?;
        }
        match asked {
            true => write!(f, "{reference} cannot be resolved: {cause}"),
            false => write!(
                f,
                "{reference} cannot be resolved: it was not asked for after the vault failed: {cause}"
            ),
        }
    }
}

impl std::error::Error for ResolveError {}

impl Resolver {
    /// A resolver that asks `provider`.
    pub fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider }
    }

    /// The current values of `wanted`, in its order.
    ///
    /// # Errors
    /// Every field that has no value, in the order of `wanted`. There is no partial result: whoever connects with half of
    /// his credentials gets a worse message from the other side.
    pub async fn resolve(&self, wanted: &[Wanted]) -> Result<Vec<SecretValue>, Vec<ResolveError>> {
        let mut values = Vec::with_capacity(wanted.len());
        let mut failed = Vec::new();
        for outcome in self.try_each(wanted).await {
            match outcome {
                Ok(value) => values.push(value),
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() { Ok(values) } else { Err(failed) }
    }

    /// What becomes of each of `wanted`, in its order. A secret that several fields refer to is read once.
    ///
    /// Where the vault as a whole cannot be asked (it cannot be reached, it does not know who we are), those that have not
    /// been asked for yet fail with the same cause: a thousand fields must not wait a thousand times.
    pub async fn try_each(&self, wanted: &[Wanted]) -> Vec<Result<SecretValue, ResolveError>> {
        let names: BTreeSet<&SecretName> = wanted.iter().map(|field| field.reference.name()).collect();
        let lost = OnceLock::new();
        let reads = names.into_iter().map(|name| self.read(name, &lost));
        let read: BTreeMap<_, _> = stream::iter(reads).buffer_unordered(AT_THE_SAME_TIME).collect().await;
        let outcome = |Wanted { field, reference }: &Wanted| match &read[reference.name()] {
            Ok(value) => Ok(value.clone()),
            Err((cause, asked)) => Err(ResolveError {
                field: field.clone(),
                reference: reference.clone(),
                cause: Arc::clone(cause),
                asked: *asked,
            }),
        };
        wanted.iter().map(outcome).collect()
    }

    async fn read<'n>(&self, name: &'n SecretName, lost: &OnceLock<Arc<Error>>) -> (&'n SecretName, Read) {
        if let Some(cause) = lost.get() {
            return (name, Err((Arc::clone(cause), false)));
        }
        let read = match self.provider.get(name, None).await {
            Ok(secret) => Ok(secret.value),
            Err(cause) => {
                let cause = Arc::new(cause);
                if concerns_all(cause.kind()) {
                    // The first one's cause stands for all.
                    let _ = lost.set(Arc::clone(&cause));
                }
                Err((cause, true))
            }
        };
        (name, read)
    }
}

/// The outcome of reading one secret: its value, or why there is none and whether it was asked for.
type Read = Result<SecretValue, (Arc<Error>, bool)>;

/// Whether who fails so with one secret will fail so with all.
fn concerns_all(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unauthenticated
            | ErrorKind::NetworkDenied
            | ErrorKind::Unavailable
            | ErrorKind::TimedOut
            | ErrorKind::Throttled
            | ErrorKind::Untrusted
            | ErrorKind::Configuration
    )
}

/// What a person asks for who types `text`: a reference as documents hold it (`secret:<name>`), or the bare name.
///
/// # Errors
/// If it is neither. The text is not repeated: it may be a password in the wrong place.
pub fn requested(text: &str) -> Result<Reference, InvalidName> {
    match classify(text) {
        FieldText::Reference(reference) => Ok(reference),
        FieldText::MalformedReference(invalid) => Err(invalid),
        _ => SecretName::new(text).map(Reference::new),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_secrets::memory::{Fault, MemoryProvider, Operation};
    use strongroom_secrets::{ErrorKind, NewSecret};

    use super::*;

    async fn vault(secrets: &[(&str, &str)]) -> MemoryProvider {
        let vault = MemoryProvider::new();
        for (name, value) in secrets {
            let new = NewSecret { value: (*value).into(), ..NewSecret::default() };
            vault.set(&SecretName::new(*name).unwrap(), new).await.unwrap();
        }
        vault
    }

    fn wanted(field: &str, reference: &str) -> Wanted {
        Wanted { field: field.to_owned(), reference: requested(reference).unwrap() }
    }

    #[tokio::test]
    async fn values_come_in_the_order_of_the_fields() {
        let resolver = Resolver::new(Arc::new(vault(&[("a", "1"), ("b", "2")]).await));
        let values = resolver.resolve(&[wanted("x", "secret:b"), wanted("y", "a")]).await.unwrap();
        assert_eq!(values, ["2".into(), "1".into()]);
    }

    #[tokio::test]
    async fn a_secret_is_read_once_however_many_fields_refer_to_it() {
        let vault = vault(&[("a", "1")]).await;
        let fields: Vec<_> =
            (0..50).map(|n| wanted(&n.to_string(), if n % 2 == 0 { "a" } else { "A" })).collect();
        let values = Resolver::new(Arc::new(vault.clone())).resolve(&fields).await.unwrap();
        assert_eq!(values.len(), 50);
        assert_eq!(vault.count(Operation::Get), 1);
    }

    #[tokio::test]
    async fn the_latest_value_is_read_each_time() {
        let vault = vault(&[("a", "1")]).await;
        let resolver = Resolver::new(Arc::new(vault.clone()));
        resolver.resolve(&[wanted("x", "a")]).await.unwrap();
        let new = NewSecret { value: "2".into(), ..NewSecret::default() };
        vault.set(&SecretName::new("a").unwrap(), new).await.unwrap();
        assert_eq!(resolver.resolve(&[wanted("x", "a")]).await.unwrap(), ["2".into()]);
    }

    #[tokio::test]
    async fn every_failure_names_the_field_the_secret_and_the_cause() {
        let vault = vault(&[("a", "hunter2"), ("c", "hunter2")]).await;
        vault.inject(|call| {
            call.name.filter(|name| name.as_str() == "c").map(|_| Fault::Before(ErrorKind::PermissionDenied))
        });
        let fields = [wanted("x.password", "secret:b"), wanted("x.user", "a"), wanted("c", "secret:c")];
        let failed = Resolver::new(Arc::new(vault)).resolve(&fields).await.unwrap_err();

        let kinds: Vec<_> = failed.iter().map(|failure| failure.cause().kind()).collect();
        assert_eq!(kinds, [ErrorKind::NotFound, ErrorKind::PermissionDenied]);
        let text = failed[0].to_string();
        assert_eq!(
            text,
            "field x.password: secret:b cannot be resolved: secret b is not in the in-memory vault"
        );
        assert!(failed[1].to_string().starts_with("secret:c cannot be resolved: "), "{}", failed[1]);
    }

    #[tokio::test]
    async fn what_became_of_each_field_is_told_in_their_order() {
        let resolver = Resolver::new(Arc::new(vault(&[("a", "1")]).await));
        let outcomes = resolver.try_each(&[wanted("x", "b"), wanted("y", "a")]).await;
        assert!(outcomes[0].as_ref().is_err_and(|error| error.field() == "x"));
        assert_eq!(outcomes[1].as_ref().unwrap(), &"1".into());
    }

    #[tokio::test]
    async fn a_vault_that_cannot_be_asked_is_not_asked_a_thousand_times() {
        for (kind, all) in [
            (ErrorKind::Unavailable, false),
            (ErrorKind::Unauthenticated, false),
            (ErrorKind::NetworkDenied, false),
            (ErrorKind::PermissionDenied, true),
        ] {
            let vault = vault(&[]).await;
            vault.inject(move |_| Some(Fault::Before(kind)));
            let fields: Vec<_> = (0..1000).map(|n| wanted(&n.to_string(), &format!("s{n}"))).collect();
            let failed = Resolver::new(Arc::new(vault.clone())).resolve(&fields).await.unwrap_err();
            assert_eq!(failed.len(), 1000);
            assert!(failed.iter().all(|failure| failure.cause().kind() == kind));
            let asked = usize::try_from(vault.count(Operation::Get)).unwrap();
            assert_eq!(failed.iter().filter(|failure| failure.was_asked()).count(), asked);
            assert!(if all { asked == 1000 } else { asked <= AT_THE_SAME_TIME }, "{kind:?}: {asked}");
        }
    }

    #[test]
    fn a_reference_or_a_bare_name_can_be_asked_for_and_nothing_else() {
        assert_eq!(requested("secret:a-B").unwrap(), requested("a-B").unwrap());
        for text in ["", "secret:", "secret:a_b", " secret:a", "secret:secret:a", "hunter2!"] {
            let error = requested(text).unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
