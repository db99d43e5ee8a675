//! `database`: where the metadata is stored.

mod jdbc;

use std::path::{Path, PathBuf};

use strongroom_secrets::SecretValue;

use crate::error::ConfigError;
use crate::found::Found;
use crate::section::{Keys, Section};

/// Where the metadata is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// The place: what `database.url` names, else `<data-dir>/metastore.db`.
    pub place: DatabasePlace,
    /// Whether the file names it; else it is the one in the data folder.
    pub configured: bool,
}

/// A SQLite file or a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabasePlace {
    /// `sqlite:PATH`.
    File(PathBuf),
    /// `jdbc:postgresql:` or `jdbc:mysql:`.
    Server(DatabaseServer),
}

/// A database on a server, and how to sign in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseServer {
    /// What kind of server it is.
    pub kind: DatabaseKind,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database.
    pub name: String,
    /// `currentSchema`: the schemas where tables are looked for, for PostgreSQL.
    pub schema: Option<String>,
    /// `database.user` (DB_USER).
    pub user: String,
    /// `database.password` (DB_USER_PASSWORD).
    pub password: Option<SecretValue>,
    /// How the connection is secured.
    pub tls: DatabaseTls,
    /// The authorities to trust, as PEM.
    pub ca_file: Option<PathBuf>,
    /// A certificate and its key to present, as PEM.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// The most connections that are used at once: `database.maxSize`, at most [`MOST_CONNECTIONS`].
    pub connections: u32,
}

/// The kinds of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// MySQL or MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgresql,
}

/// How the connection to a server is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DatabaseTls {
    /// In no way.
    Off,
    /// Encrypted if the server offers it.
    #[default]
    IfOffered,
    /// Encrypted.
    Required,
    /// Encrypted, with a certificate from a trusted authority.
    VerifyCa,
    /// The same, and the certificate is for this host.
    VerifyHost,
}

/// The name of the database in the data folder.
pub const DEFAULT_FILE_NAME: &str = "metastore.db";

/// More connections than these would only wait for each other.
pub const MOST_CONNECTIONS: u32 = 20;

/// What `url` is to be, for whoever wrote something else.
const CURE: &str = "write url: jdbc:postgresql://HOST:PORT/DATABASE, jdbc:mysql://HOST:PORT/DATABASE or sqlite:PATH, or leave the \
                    database section out to use the data folder";

const DATABASE: Keys = Keys {
    ours: &["maxSize", "password", "url", "user"],
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
        "maxWaitForConnection",
        "minIdleTime",
        "minSize",
        "minimumIdle",
        "properties",
        "readOnlyByDefault",
        "removeAbandoned",
        "removeAbandonedTimeout",
        "rollbackOnReturn",
        "validateConnectionOnConnect",
        "validationInterval",
        "validationQuery",
        "validationQueryTimeout",
    ],
    open: true,
};

impl DatabaseSettings {
    /// The SQLite file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            DatabasePlace::File(path) => Some(path),
            DatabasePlace::Server(_) => None,
        }
    }
}

/// The `DB_*` variables alone do not make a database: they only fill in what a file's `database.url` leaves open.
pub(crate) fn read(root: &Section<'_>, data_dir: &Path) -> Result<DatabaseSettings, ConfigError> {
    let section = root.section("database", &DATABASE)?;
    let Some(url) = section.text("url", &[])? else {
        if section.keys().next().is_some() {
            section.source().warn("database: there is no url, so the database in the data folder is used");
        }
        let path = data_dir.join(DEFAULT_FILE_NAME);
        return Ok(DatabaseSettings { place: DatabasePlace::File(path), configured: false });
    };
    let place = match url.text().strip_prefix("sqlite:") {
        Some(path) => {
            // sqlite:///srv/metastore.db and sqlite:/srv/metastore.db are the same file.
            let path = path.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(path);
            if path.is_empty() || path.contains('?') {
                return Err(url.fault("the url must name a file, without parameters").hint(CURE));
            }
            DatabasePlace::File(path.into())
        }
        None => DatabasePlace::Server(server(&section, jdbc::parse(&url)?)?),
    };
    Ok(DatabaseSettings { place, configured: true })
}

/// Adds to what the URL says what stands beside it.
fn server(section: &Section<'_>, server: DatabaseServer) -> Result<DatabaseServer, ConfigError> {
    let user = section.text("user", &["DB_USER"])?;
    let Some(user) = user else {
        return Err(ConfigError::new("the database server needs a user")
            .at(section.place_of("url").unwrap_or_else(|| section.file()))
            .key(section.path_of("user"))
            .hint("set database.user or DB_USER"));
    };
    let password = section.secret("password", &["DB_USER_PASSWORD"])?;
    let connections = match section.text("maxSize", &["DB_CONNECTION_POOL_MAX_SIZE"])? {
        None => MOST_CONNECTIONS,
        Some(found) => match found.text().parse() {
            Ok(wanted @ 2..) => MOST_CONNECTIONS.min(wanted),
            _ => return Err(found.fault("must be a whole number of connections, at least 2")),
        },
    };
    Ok(DatabaseServer {
        user: user.into_text(),
        password: password.map(Found::into_secret).filter(|password| !password.is_empty()),
        connections,
        ..server
    })
}
