//! `database`: where the metadata is stored.

use std::path::{Path, PathBuf};

use crate::error::ConfigError;
use crate::section::{Keys, Section};

/// Where the metadata is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// The SQLite file: what `database.url: sqlite:PATH` names, else `<data-dir>/metastore.db`.
    pub path: PathBuf,
    /// Whether the file names it; else it is the one in the data folder.
    pub configured: bool,
}

/// The name of the database in the data folder.
pub const DEFAULT_FILE_NAME: &str = "metastore.db";

const DATABASE: Keys = Keys {
    ours: &["url"],
    others: &[
        "abandonWhenPercentageFull",
        "alternateUsernamesAllowed",
        "autoCommentsEnabled",
        "autoCommitByDefault",
        "checkConnectionOnBorrow",
        "checkConnectionOnConnect",
        "checkConnectionOnReturn",
        "checkConnectionWhileIdle",
        "commitOnReturn",
        "defaultCatalog",
        "defaultTransactionIsolation",
        "driverClass",
        "evictionInterval",
        "healthCheckValidationTimeout",
        "initialSize",
        "initializationQuery",
        "logAbandonedConnections",
        "logValidationErrors",
        "maxConnectionAge",
        "maxSize",
        "maxWaitForConnection",
        "minIdleTime",
        "minSize",
        "minimumIdle",
        "password",
        "properties",
        "readOnlyByDefault",
        "removeAbandoned",
        "removeAbandonedTimeout",
        "rollbackOnReturn",
        "user",
        "validateConnectionOnConnect",
        "validationInterval",
        "validationQuery",
        "validationQueryTimeout",
    ],
    open: true,
};

/// The `DB_*` variables alone do not make a database: they only fill in what a file's `database.url` leaves open.
pub(crate) fn read(root: &Section<'_>, data_dir: &Path) -> Result<DatabaseSettings, ConfigError> {
    let section = root.section("database", &DATABASE)?;
    let Some(url) = section.text("url", &[])? else {
        if section.keys().next().is_some() {
            section.source().warn("database: there is no url, so the database in the data folder is used");
        }
        return Ok(DatabaseSettings { path: data_dir.join(DEFAULT_FILE_NAME), configured: false });
    };
    const CURE: &str = "write url: sqlite:PATH, or leave the database section out to use the data folder";
    let Some(path) = url.text().strip_prefix("sqlite:") else {
        let what = if url.text().starts_with("jdbc:") {
            "MySQL and PostgreSQL are not supported yet"
        } else {
            "the url is of no kind that is known"
        };
        return Err(url.fault(what).hint(CURE));
    };
    // sqlite:///srv/metastore.db and sqlite:/srv/metastore.db are the same file.
    let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    if path.is_empty() || path.contains('?') {
        return Err(url.fault("the url must name a file, without parameters").hint(CURE));
    }
    Ok(DatabaseSettings { path: path.into(), configured: true })
}
