//! What the rows hold: values and their keys, names, references.

use std::sync::Arc;
use std::time::Duration;

use strongroom_entities::FernetKeys;
use strongroom_manager::examine::{Examination, Examining, Holdings};
use strongroom_manager::naming::{Naming, NamingScheme};
use strongroom_secrets::probe::{DataAction, Probed};
use strongroom_secrets::random::SystemRandom;
use strongroom_secrets::{ErrorKind, Provider};

use super::database::Opened;
use super::finding::Finding;
use super::subject::Subject;

/// How many calls' time a listing of the whole vault may take.
const LISTING: u32 = 12;

/// Everything that has to be known to judge the rows.
pub(super) struct Measure<'a> {
    pub(super) subject: &'a Subject,
    pub(super) opened: &'a Opened,
    pub(super) naming: Option<&'a Naming>,
    /// The keys; or why there are none.
    pub(super) fernet: Result<Option<&'a FernetKeys>, String>,
    pub(super) vault: Option<&'a Arc<dyn Provider>>,
    pub(super) probed: Option<&'a Probed>,
    pub(super) patience: Duration,
}

/// The checks of the rows, and what the fields hold if they could be read.
pub(super) async fn findings(measure: &Measure<'_>) -> (Vec<Finding>, Option<Examination>) {
    let holdings = holdings(measure).await;
    // Without a legal naming nothing is a name of ours; the check of the configuration has said so.
    let nobody = Naming::new("", "openmetadata", NamingScheme::Guide);
    let Some(naming) = measure.naming.or(nobody.as_ref().ok()) else { return (Vec::new(), None) };
    let examining = Examining {
        store: &measure.opened.store,
        naming,
        fernet: measure.fernet.as_ref().ok().copied().flatten(),
        holdings: holdings.as_ref().ok(),
        patience: measure.patience,
    };
    match examining.run().await {
        Ok(found) => {
            let mut findings = vec![rows(&found)];
            findings.extend(fernet(measure, &found));
            findings.extend(values(measure, &found));
            findings.extend(names(measure, &found));
            findings.extend(references(measure, &found, holdings.as_ref().err()));
            (findings, Some(found))
        }
        Err(error) => {
            let fix = "what depends on the rows was not looked at; run it again";
            (vec![Finding::failed("database.rows", error.to_string(), fix)], None)
        }
    }
}

/// `1 name is`, `2 names are`.
fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// What the vault holds; or why that is not known.
async fn holdings(measure: &Measure<'_>) -> Result<Holdings, String> {
    let Some(vault) = measure.vault else {
        return Err(match measure.subject.provider.vault() {
            None => format!("the secrets manager {} has no vault", measure.subject.provider.as_str()),
            Some(_) => "the vault cannot be used".to_owned(),
        });
    };
    let allows = |action| measure.probed.is_some_and(|probed| probed.allows(action));
    if !allows(DataAction::Get) && !allows(DataAction::List) {
        return Err("the vault cannot be read".to_owned());
    }
    if !allows(DataAction::List) {
        return Ok(Holdings::asking(Arc::clone(vault)));
    }
    let installation = measure.opened.store.installation(&SystemRandom).await.ok().flatten();
    match Holdings::list(&**vault, installation, measure.patience * LISTING).await {
        Ok(holdings) => Ok(holdings),
        Err(error) if error.kind() == ErrorKind::PermissionDenied && allows(DataAction::Get) => {
            Ok(Holdings::asking(Arc::clone(vault)))
        }
        Err(error) => Err(error.message().to_owned()),
    }
}

fn rows(found: &Examination) -> Finding {
    const ID: &str = "database.rows";
    let (entities, fields) = (found.entities, found.contents.fields);
    let what = format!(
        "{} with {}",
        counted(entities, "entity", "entities"),
        counted(fields, "secret field", "secret fields")
    );
    if found.broken.is_empty() && found.contents.odd.is_empty() {
        return Finding::passed(ID, what);
    }
    let told = format!(
        "{what}; {} cannot be read, and {} no text where a password should be",
        counted(found.broken.count, "row", "rows"),
        counted(found.contents.odd.count, "field holds", "fields hold")
    );
    Finding::failed(ID, told, "correct these entities, or delete them")
        .about(&found.broken)
        .about(&found.contents.odd)
}

fn fernet(measure: &Measure<'_>, found: &Examination) -> Vec<Finding> {
    let (contents, beside) = (&found.contents, &found.beside);
    let unopened = contents.unopened.count + beside.unopened.count;
    let mut findings = Vec::new();
    let place = measure.subject.place("fernetConfiguration.fernetKey");
    if unopened > 0 {
        let what = format!("{} opened by no configured key", counted(unopened, "value is", "values are"));
        let fix = "add the key that they were encrypted with to fernetConfiguration.fernetKey, behind the present one and a comma";
        findings.push(
            Finding::failed("fernet.rows", what, fix)
                .and_fix(&place)
                .about(&contents.unopened)
                .about(&beside.unopened),
        );
    } else if found.opened() == 0 {
        findings.push(Finding::passed("fernet.rows", "no row holds an encrypted value"));
    } else {
        let keys = contents.opened.len().max(beside.opened.len());
        let each: Vec<_> =
            (0..keys).map(|key| format!("key {} opens {}", key + 1, found.opened_by(key))).collect();
        findings.push(Finding::passed(
            "fernet.rows",
            format!("every encrypted value is opened: {}", each.join(", ")),
        ));
    }
    if let Ok(Some(keys)) = &measure.fernet
        && keys.count() > 1
    {
        let idle: Vec<_> = (1..keys.count())
            .filter(|key| found.opened_by(*key) == 0)
            .map(|key| (key + 1).to_string())
            .collect();
        let old: u64 = (1..keys.count()).map(|key| found.opened_by(key)).sum();
        findings.push(match idle.is_empty() {
            true => Finding::passed(
                "fernet.old-keys",
                format!(
                    "the older keys are needed: they open {old} values, which the first one encrypts when they are next written, or with \
                     strongroom secrets rotate-fernet-key"
                ),
            ),
            false => Finding::warning(
                "fernet.old-keys",
                format!("key {} opens nothing in the present rows", idle.join(" and ")),
                "leave it out, once the version history and events do not need it either, and no backup",
            )
            .command(rotate(measure.subject))
            .and_fix(&place),
        });
    }
    findings
}

fn values(measure: &Measure<'_>, found: &Examination) -> Vec<Finding> {
    const ID: &str = "secrets.values";
    let contents = &found.contents;
    let mut findings = Vec::new();
    if measure.subject.provider.is_managed() {
        findings.push(match contents.values() {
            0 => Finding::passed(
                ID,
                format!("no row holds a password; {} hold references", contents.references),
            ),
            values => Finding::warning(
                ID,
                format!(
                    "{} in the database still ({} in clear text)",
                    counted(values, "password is", "passwords are"),
                    contents.clear.count
                ),
                "move them to the vault",
            )
            .command(migrate(measure.subject)),
        });
    } else {
        findings.push(match contents.clear.is_empty() {
            true => Finding::passed(ID, format!("{} values, all of them encrypted", contents.values())),
            false => Finding::warning(
                ID,
                format!("{} of {} values stand in clear text", contents.clear.count, contents.values()),
                "set a Fernet key if there is none, and encrypt them",
            )
            .command(migrate(measure.subject))
            .about(&contents.clear),
        });
    }
    findings
}

fn migrate(subject: &Subject) -> String {
    format!("strongroom migrate-secrets -c {} --plan", file(subject))
}

/// What tells how much each table holds that an older key is needed for.
fn rotate(subject: &Subject) -> String {
    format!("strongroom secrets rotate-fernet-key -c {} --plan", file(subject))
}

fn file(subject: &Subject) -> String {
    subject.file().map_or_else(|| "openmetadata.yaml".to_owned(), |file| file.display().to_string())
}

fn names(measure: &Measure<'_>, found: &Examination) -> Vec<Finding> {
    let (Some(naming), true) = (measure.naming, measure.subject.provider.is_managed()) else {
        let why = match measure.naming {
            None => "the prefix or the cluster name cannot be used".to_owned(),
            Some(_) => format!("under {} no secret gets a name", measure.subject.provider.as_str()),
        };
        return ["names.collisions", "names.legal"].map(|id| Finding::not_tried(id, why.clone())).into();
    };
    let scheme = naming.scheme();
    let cure = "rename one of the entities, or set strongroom.naming: guide if OpenMetadata's own server no longer runs on this database";
    let names = &found.names;
    let mut collisions = match names.collisions {
        0 => Finding::passed("names.collisions", format!("no two fields share a name (scheme {scheme})")),
        count => Finding::failed(
            "names.collisions",
            format!(
                "{} claimed by more than one field (scheme {scheme}): the last one written wins",
                counted(count, "name is", "names are")
            ),
            cure,
        ),
    };
    for collision in &names.first {
        let more = collision.fields.count.saturating_sub(collision.fields.first.len() as u64);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        collisions.items.push(format!("{}: {}{more}", collision.name, collision.fields.first.join(" and ")));
    }
    let legal = match names.unnameable.count {
        0 => Finding::passed(
            "names.legal",
            format!("every field has a name that a vault takes (scheme {scheme})"),
        ),
        count => Finding::failed(
            "names.legal",
            format!("{} no name that a vault takes", counted(count, "field has", "fields have")),
            cure,
        )
        .about(&names.unnameable),
    };
    vec![collisions, legal]
}

fn references(measure: &Measure<'_>, found: &Examination, unknown: Option<&String>) -> Vec<Finding> {
    let (faults, contents) = (&found.references, &found.contents);
    let provider = measure.subject.provider;
    let resolve = match (provider.vault(), contents.references, unknown) {
        (_, 0, _) => Finding::passed("references.resolve", "no row holds a reference"),
        (None, count, _) => Finding::failed(
            "references.resolve",
            format!(
                "{}, and the secrets manager {} has no vault for them",
                counted(count, "field holds a reference", "fields hold references"),
                provider.as_str()
            ),
            "set secretsManagerConfiguration.secretsManager (SECRET_MANAGER) to the one whose vault holds them, or bring them back with migrate-secrets",
        ),
        (Some(_), count, Some(why)) => Finding::not_tried(
            "references.resolve",
            format!("{} not looked up: {why}", counted(count, "reference was", "references were")),
        ),
        (Some(_), count, None) => {
            let bad = faults.nowhere.count + faults.deleted.count + faults.disabled.count;
            match bad {
                0 => Finding::passed("references.resolve", format!("{} to a secret", counted(count, "reference leads", "references lead"))),
                bad => Finding::failed(
                    "references.resolve",
                    format!(
                        "{bad} of {} nowhere: {} to no secret, {} to one that is soft-deleted, {} to one that is \
                         disabled",
                        counted(count, "reference leads", "references lead"), faults.nowhere.count, faults.deleted.count, faults.disabled.count
                    ),
                    "recover or enable what is there (strongroom vault recover NAME), and type the other passwords again",
                )
                .about(&faults.nowhere)
                .about(&faults.deleted)
                .about(&faults.disabled),
            }
        }
    };
    let foreign = match faults.foreign.count {
        0 => Finding::passed(
            "references.owner",
            "no reference leads to a secret that is kept for another field",
        ),
        count => Finding::failed(
            "references.owner",
            format!(
                "{} to a secret that is kept for another field: whoever set that gets the other's password",
                counted(count, "reference leads", "references lead")
            ),
            "type each field's own password, and find out who set the reference",
        )
        .about(&faults.foreign),
    };
    let malformed = match contents.malformed.count {
        0 => Finding::passed("references.form", "no text begins with secret: without being a reference"),
        count => Finding::warning(
            "references.form",
            format!("{} secret: and something that is no name", counted(count, "field holds", "fields hold")),
            "correct them; or if they are passwords, migrate-secrets --literal moves them to the vault",
        )
        .about(&contents.malformed),
    };
    vec![resolve, foreign, malformed]
}
