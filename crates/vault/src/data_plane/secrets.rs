//! The operations themselves.

use axum::http::StatusCode;
use strongroom_secrets::SecretValue;

use super::answer::Answer;
use super::bundle::{Bundle, Id};
use super::fault::Fault;
use super::paging::{Listing, Page};
use super::{Context, Parameters, body};
use crate::audit::{Outcome, Witness};
use crate::config::Delays;
use crate::keys::Binding;
use crate::store::{Change, NewVersion, Record, Refusal, SealedRecord, VersionPatch, WriteError};

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

pub(super) async fn set(context: &Context<'_>, name: &str, bytes: &[u8]) -> Result<Answer, Fault> {
    let (value, said) = body::parse_set(bytes)?;
    let version = context.service.random().uuid().simple().to_string();
    let sealed = context.service.keyring.seal(&binding(context, name, &version), value.expose().as_bytes());
    let change = Change::Set(NewVersion {
        vault: context.vault.id,
        name: name.to_owned(),
        version,
        attributes: said.attributes,
        enabled: said.enabled.unwrap_or(true),
        sealed,
        now: context.now,
    });
    let record = write(context, change, name).await?;
    let bundle = Bundle::new(context, &record, Id::Version).with_value(value.expose());
    Ok(Answer::json(&bundle)?.about(&record.version))
}

pub(super) async fn get(context: &Context<'_>, name: &str, version: Option<&str>) -> Result<Answer, Fault> {
    let found = context
        .service
        .store
        .get(context.vault.id, name, version, context.now)
        .await
        .map_err(|error| failed(&error))?
        .ok_or_else(|| Fault::secret_not_found(name))?;
    if !found.record.enabled {
        return Err(Fault::disabled());
    }
    let value = open_value(context, &found)?;
    let bundle = Bundle::new(context, &found.record, Id::Version).with_value(value.expose());
    Ok(Answer::json(&bundle)?.about(&found.record.version))
}

pub(super) async fn update(
    context: &Context<'_>,
    name: &str,
    version: Option<&str>,
    bytes: &[u8],
) -> Result<Answer, Fault> {
    let said = body::parse_update(bytes)?;
    let change = Change::Update(VersionPatch {
        vault: context.vault.id,
        name: name.to_owned(),
        version: version.map(str::to_owned),
        attributes: said.attributes,
        enabled: said.enabled,
        now: context.now,
    });
    let record = write(context, change, name).await?;
    Ok(Answer::json(&Bundle::new(context, &record, Id::Version))?.about(&record.version))
}

pub(super) async fn delete(context: &Context<'_>, name: &str) -> Result<Answer, Fault> {
    let (now, days) = (context.now, i64::from(context.vault.retention_days));
    let purge_at = now.saturating_add(days * SECONDS_PER_DAY);
    let settles_at = Delays::end(context.service.delays.delete, now);
    let change = Change::Delete { vault: context.vault.id, name: name.to_owned(), now, purge_at, settles_at };
    let record = write(context, change, name).await?;
    Answer::json(&Bundle::deleted(context, &record, Id::Version))
}

pub(super) async fn recover(context: &Context<'_>, name: &str) -> Result<Answer, Fault> {
    let change = Change::Recover {
        vault: context.vault.id,
        name: name.to_owned(),
        now: context.now,
        settles_at: Delays::end(context.service.delays.recover, context.now),
    };
    let record = write(context, change, name).await?;
    Ok(Answer::json(&Bundle::new(context, &record, Id::Version))?.about(&record.version))
}

pub(super) async fn purge(context: &Context<'_>, name: &str) -> Result<Answer, Fault> {
    if context.vault.purge_protection {
        return Err(Fault::purge_protected());
    }
    let change = Change::Purge { vault: context.vault.id, name: name.to_owned(), now: context.now };
    write(context, change, name).await?;
    Ok(Answer::nothing())
}

pub(super) async fn list(context: &Context<'_>, parameters: &Parameters) -> Result<Answer, Fault> {
    let page = Page::parse(context, parameters, Listing::Secrets)?;
    let records = context
        .service
        .store
        .list(context.vault.id, &page.after, page.limit(), context.now)
        .await
        .map_err(|error| failed(&error))?;
    page.answer(context, &records, |record| Bundle::new(context, record, Id::Secret))
}

pub(super) async fn list_versions(
    context: &Context<'_>,
    name: &str,
    parameters: &Parameters,
) -> Result<Answer, Fault> {
    let page = Page::parse(context, parameters, Listing::Versions(name))?;
    let records = context
        .service
        .store
        .list_versions(context.vault.id, name, page.after_number()?, page.limit(), context.now)
        .await
        .map_err(|error| failed(&error))?;
    page.answer(context, &records, |record| Bundle::new(context, record, Id::Version))
}

pub(super) async fn list_deleted(context: &Context<'_>, parameters: &Parameters) -> Result<Answer, Fault> {
    let page = Page::parse(context, parameters, Listing::Deleted)?;
    let records = context
        .service
        .store
        .list_deleted(context.vault.id, &page.after, page.limit(), context.now)
        .await
        .map_err(|error| failed(&error))?;
    page.answer(context, &records, |record| Bundle::deleted(context, record, Id::Secret))
}

pub(super) async fn get_deleted(context: &Context<'_>, name: &str) -> Result<Answer, Fault> {
    let record = context
        .service
        .store
        .get_deleted(context.vault.id, name, context.now)
        .await
        .map_err(|error| failed(&error))?
        .ok_or_else(|| Fault::deleted_secret_not_found(name))?;
    Answer::json(&Bundle::deleted(context, &record, Id::Version))
}

/// Hands a change to the writer, and with it what the audit trail is told before the commit.
pub(super) async fn write(context: &Context<'_>, change: Change, name: &str) -> Result<Record, Fault> {
    let done = Outcome::done(match &change {
        Change::Purge { .. } => StatusCode::NO_CONTENT,
        _ => StatusCode::OK,
    });
    let missing = match &change {
        Change::Recover { .. } | Change::Purge { .. } => Fault::deleted_secret_not_found,
        // A backup of nothing.
        Change::Restore(_) => |_: &str| Fault::foreign_backup(),
        _ => Fault::secret_not_found,
    };
    let witness =
        Witness::new(context.entry, done, |refusal| refused(refusal, "", Fault::secret_not_found).outcome());
    context.service.store.apply(change, Some(witness)).await.map_err(|error| match error {
        WriteError::Refused(refusal) => refused(refusal, name, missing),
        WriteError::Unrecorded => Fault::unrecorded(),
        WriteError::Failed => Fault::internal(),
    })
}

/// The answer to a refusal of the store. `missing` is the one if there is nothing to change.
fn refused(refusal: Refusal, name: &str, missing: fn(&str) -> Fault) -> Fault {
    match refusal {
        Refusal::NotFound => missing(name),
        Refusal::Deleted => Fault::deleted_but_recoverable(name),
        Refusal::Exists => Fault::exists(name),
        Refusal::BeingDeleted => Fault::being_deleted(name),
        Refusal::BeingRecovered => Fault::being_recovered(name),
    }
}

/// Decrypts a version's value.
pub(super) fn open_value(context: &Context<'_>, found: &SealedRecord) -> Result<SecretValue, Fault> {
    let SealedRecord { record, sealed } = found;
    let binding = binding(context, &record.name, &record.version);
    context
        .service
        .keyring
        .unseal(&binding, sealed.key, &sealed.bytes)
        .ok()
        .and_then(|mut bytes| String::from_utf8(std::mem::take(&mut *bytes)).ok())
        .map(SecretValue::new)
        .ok_or_else(|| {
            tracing::error!(
                vault = context.vault.key,
                name = record.name,
                version = record.version,
                "a value does not open: the database was damaged or altered"
            );
            Fault::internal()
        })
}

/// A value belongs to its vault, name and version, and opens nowhere else.
pub(super) fn binding(context: &Context<'_>, name: &str, version: &str) -> Binding {
    Binding::value(&context.vault.key, name, version)
}

pub(super) fn failed(error: &sqlx::Error) -> Fault {
    tracing::error!(%error, "the vault's database could not be read");
    Fault::internal()
}
