//! `strongroom`: what the reference has no keys for. Every key has a variable too, so that a file which OpenMetadata's own
//! server also reads (and which it refuses if it holds a section that it does not know) needs no change.

use std::path::PathBuf;
use std::time::Duration;

use strongroom_secrets::SecretValue;

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// How secrets are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamingChoice {
    /// As the guide says; no two fields share a name.
    Guide,
    /// As OpenMetadata's own server computes it, for whoever keeps running it on the same database.
    Openmetadata,
}

/// What is Strongroom's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrongroomSettings {
    /// How secrets are named; none: decided by who made the database.
    pub naming: Option<NamingChoice>,
    /// Whether references are encrypted in the database, as OpenMetadata's own server writes them; else they stand there plainly.
    pub wrapped_references: bool,
    /// How long an intent is held before another may settle it: 120 s unless configured.
    pub intent_lease: Duration,
    /// How long a call of the vault may take: 30 s unless configured, less than half of the lease.
    pub call_timeout: Duration,
    /// The first administrator's password, if it is not to be made.
    pub admin_password: Option<SecretValue>,
}

const STRONGROOM: Keys =
    Keys { ours: &["naming", "references", "intents", "admin", "dataDir"], others: &[], open: false };
const INTENTS: Keys = Keys { ours: &["leaseSeconds", "callTimeoutSeconds"], others: &[], open: false };
const ADMIN: Keys = Keys { ours: &["password", "passwordFile"], others: &[], open: false };

/// The variables that set something; any other `STRONGROOM_*` is suspected to be one of them misspelt.
const VARIABLES: [&str; 7] = [
    "STRONGROOM_NAMING",
    "STRONGROOM_REFERENCES",
    "STRONGROOM_INTENTS_LEASE_SECONDS",
    "STRONGROOM_INTENTS_CALL_TIMEOUT_SECONDS",
    "STRONGROOM_ADMIN_PASSWORD",
    "STRONGROOM_ADMIN_PASSWORD_FILE",
    "STRONGROOM_DATA_DIR",
];

/// Variables that others read: the log's, and the one of `bootstrap/openmetadata-ops.sh`.
const OF_OTHERS: [&str; 2] = ["STRONGROOM_LOG", "STRONGROOM_BIN"];

/// The data folder that the file or the environment names.
pub(crate) fn data_dir(root: &Section<'_>) -> Result<Option<PathBuf>, ConfigError> {
    let section = root.section("strongroom", &STRONGROOM)?;
    Ok(section.text("dataDir", &["STRONGROOM_DATA_DIR"])?.map(|found| found.into_text().into()))
}

pub(crate) fn read(root: &Section<'_>) -> Result<StrongroomSettings, ConfigError> {
    let section = root.section("strongroom", &STRONGROOM)?;
    let naming = match section.text("naming", &["STRONGROOM_NAMING"])? {
        None => None,
        Some(found) => Some(match found.text() {
            "guide" => NamingChoice::Guide,
            "openmetadata" => NamingChoice::Openmetadata,
            _ => return Err(found.fault("there is no such naming scheme").hint("guide or openmetadata")),
        }),
    };
    let wrapped_references = match section.text("references", &["STRONGROOM_REFERENCES"])? {
        None => false,
        Some(found) => match found.text() {
            "plain" => false,
            "wrapped" => true,
            _ => return Err(found.fault("references cannot be written so").hint("plain or wrapped")),
        },
    };
    let intents = section.section("intents", &INTENTS)?;
    let (lease, lease_found) =
        intents.seconds("leaseSeconds", &["STRONGROOM_INTENTS_LEASE_SECONDS"], 120.0)?;
    let (call, call_found) =
        intents.seconds("callTimeoutSeconds", &["STRONGROOM_INTENTS_CALL_TIMEOUT_SECONDS"], 30.0)?;
    if lease <= call * 2
        && let Some(found) = lease_found.or(call_found)
    {
        return Err(found
            .fault(format!(
                "a lease of {} s is not more than twice the {} s that a call may take",
                lease.as_secs_f64(),
                call.as_secs_f64()
            ))
            .hint("a write of the vault begins only while more than one call's time is left: lengthen leaseSeconds, or shorten callTimeoutSeconds"));
    }
    warn_of_slips(&section);
    Ok(StrongroomSettings {
        naming,
        wrapped_references,
        intent_lease: lease,
        call_timeout: call,
        admin_password: admin_password(&section)?.map(Found::into_secret),
    })
}

fn admin_password(section: &Section<'_>) -> Result<Option<Found>, ConfigError> {
    let admin = section.section("admin", &ADMIN)?;
    if let Some(file) = admin.text("passwordFile", &[])? {
        return match admin.text("password", &[])? {
            Some(_) => Err(file.fault("password and passwordFile are both set").hint("keep one of the two")),
            None => file.read_file().map(Some),
        };
    }
    admin.secret("password", &["STRONGROOM_ADMIN_PASSWORD"])
}

fn warn_of_slips(section: &Section<'_>) {
    let environment = section.source().environment;
    let is_known = |name: &str| VARIABLES.contains(&name) || OF_OTHERS.contains(&name);
    for name in environment.names().filter(|name| name.starts_with("STRONGROOM_") && !is_known(name)) {
        if let Some(known) = crate::suggest::nearest(name, VARIABLES) {
            section.source().warn(format!("environment variable {name} is not known: did you mean {known}?"));
        }
    }
}
