//! Which database: a SQLite file, or a server and what it takes to sign in there.

use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::ConnectOptions as _;
use sqlx::any::AnyConnectOptions;
use strongroom_secrets::SecretValue;

use crate::tls::Tls;
use crate::{Access, StoreError};

/// Characters of a path that mean something in a URL.
const PATH: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#');

/// Where the metadata lies. Its `Display` shows no password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A database server.
    Server(Server),
}

/// A database on a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// What kind of server it is.
    pub kind: ServerKind,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database.
    pub database: String,
    /// The schema in it, for PostgreSQL; else the user's search path decides.
    pub schema: Option<String>,
    /// Who signs in.
    pub user: String,
    /// With which password.
    pub password: Option<SecretValue>,
    /// How the connection is secured.
    pub tls: Tls,
    /// The most connections that are used at once.
    pub connections: u32,
}

/// The kinds of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerKind {
    /// PostgreSQL, 12 or newer.
    Postgres,
    /// MySQL, 8.0 or newer; or MariaDB, 10.6 or newer, for databases that Strongroom makes.
    Mysql,
}

impl Location {
    /// How the driver connects to it.
    pub(crate) fn connect_options(&self, access: Access) -> Result<AnyConnectOptions, StoreError> {
        sqlx::any::install_default_drivers();
        let options = match self {
            Self::Sqlite(path) => sqlite_options(path, access)?,
            Self::Server(server) => server.options()?,
        };
        Ok(options.disable_statement_logging())
    }
}

impl Server {
    fn options(&self) -> Result<AnyConnectOptions, StoreError> {
        let unusable = |what: &str| StoreError::Open {
            database: self.to_string(),
            reason: format!("{what} cannot be used"),
        };
        let open_error = |reason| StoreError::Open { database: self.to_string(), reason };
        self.tls.check_files().map_err(open_error)?;
        if self.kind == ServerKind::Mysql && self.host.contains(':') {
            let reason = "the driver for MySQL takes no IPv6 address: give the server a name, and write that into database.url (DB_HOST)";
            return Err(open_error(reason.to_owned()));
        }
        let scheme = match self.kind {
            ServerKind::Postgres => "postgres",
            ServerKind::Mysql => "mysql",
        };
        let mut options: AnyConnectOptions =
            format!("{scheme}://host").parse().map_err(|_| unusable("this kind of database"))?;
        let url = &mut options.database_url;
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        url.set_host(Some(&host)).map_err(|_| unusable("the host"))?;
        url.set_port(Some(self.port)).map_err(|()| unusable("the port"))?;
        // Encoded here, since the URL would leave a percent sign as it is.
        url.set_username(&encoded(&self.user)).map_err(|()| unusable("the user"))?;
        if let Some(password) = &self.password {
            url.set_password(Some(&encoded(password.expose()))).map_err(|()| unusable("the password"))?;
        }
        url.set_path(&encoded(&self.database));
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("ssl-mode", self.tls.mode.driver_name(self.kind));
            let path =
                |path: &Path| path.to_str().map(str::to_owned).ok_or_else(|| unusable("a TLS file's path"));
            if let Some(file) = &self.tls.ca_file {
                query.append_pair("ssl-ca", &path(file)?);
            }
            if let Some((certificate, key)) = &self.tls.client {
                query.append_pair("ssl-cert", &path(certificate)?);
                query.append_pair("ssl-key", &path(key)?);
            }
            if self.kind == ServerKind::Postgres {
                // In the URL an IPv6 address has brackets, of which neither the resolver nor TLS knows.
                query.append_pair("host", &self.host);
                query.append_pair("application_name", "strongroom");
                if let Some(schema) = &self.schema {
                    query.append_pair("options[search_path]", schema);
                }
            }
        }
        Ok(options)
    }
}

fn sqlite_options(path: &Path, access: Access) -> Result<AnyConnectOptions, StoreError> {
    let mode = match access {
        Access::Create => "mode=rwc",
        Access::ReadWrite | Access::ReadOnly => "mode=rw",
    };
    sqlite_url(path, mode)
}

/// How a file is read that nobody writes: without looking for whoever does, for which there would have to be a log beside it.
pub(crate) fn immutable_sqlite(path: &Path) -> Result<AnyConnectOptions, StoreError> {
    Ok(sqlite_url(path, "mode=ro&immutable=true")?.disable_statement_logging())
}

fn sqlite_url(path: &Path, parameters: &str) -> Result<AnyConnectOptions, StoreError> {
    let open_error = |reason: String| StoreError::Open { database: path.display().to_string(), reason };
    // A URL would fold what stands before `..`, which is something else where there are links.
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder =
        folder.canonicalize().map_err(|error| open_error(format!("{}: {error}", folder.display())))?;
    let whole = folder.join(path.file_name().unwrap_or_default());
    let text = whole.to_str().ok_or_else(|| open_error("its path is not UTF-8".to_owned()))?;
    format!("sqlite://{}?{parameters}", utf8_percent_encode(text, PATH))
        .parse()
        .map_err(|error: sqlx::Error| open_error(error.to_string()))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl From<PathBuf> for Location {
    fn from(path: PathBuf) -> Self {
        Self::Sqlite(path)
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Self::Sqlite(path.to_owned())
    }
}

impl From<Server> for Location {
    fn from(server: Server) -> Self {
        Self::Server(server)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => path.display().fmt(f),
            Self::Server(server) => server.fmt(f),
        }
    }
}

/// Without the password.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.kind {
            ServerKind::Postgres => "postgresql",
            ServerKind::Mysql => "mysql",
        };
        write!(f, "{scheme}://{}@{}:{}/{}", self.user, self.host, self.port, self.database)?;
        if let Some(schema) = &self.schema {
            write!(f, " (schema {schema})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TlsMode;

    fn server() -> Server {
        Server {
            kind: ServerKind::Mysql,
            host: "db.example".to_owned(),
            port: 3307,
            database: "open metadata".to_owned(),
            schema: None,
            user: "u@x".to_owned(),
            password: Some(SecretValue::new("a%20b/@:?#")),
            tls: Tls { mode: TlsMode::VerifyHost, ..Tls::default() },
            connections: 4,
        }
    }

    #[test]
    fn whatever_a_password_holds_reaches_the_driver_as_it_is() {
        let options = server().options().unwrap();
        let driver = sqlx::mysql::MySqlConnectOptions::from_url(&options.database_url).unwrap();
        let again = driver.to_url_lossy();
        let decoded = percent_encoding::percent_decode_str(again.password().unwrap()).decode_utf8().unwrap();
        assert_eq!(decoded, "a%20b/@:?#");
        assert_eq!(driver.get_host(), "db.example");
        assert_eq!(driver.get_database(), Some("open metadata"));
    }

    #[test]
    fn an_ipv6_address_reaches_the_driver_without_brackets_or_is_refused() {
        let there = Server { host: "::1".to_owned(), ..server() };
        let options = Server { kind: ServerKind::Postgres, ..there.clone() }.options().unwrap();
        let driver = sqlx::postgres::PgConnectOptions::from_url(&options.database_url).unwrap();
        assert_eq!((driver.get_host(), driver.get_port()), ("::1", 3307));
        let refused = there.options().unwrap_err().to_string();
        assert!(refused.contains("give the server a name"), "{refused}");
    }

    #[test]
    fn a_password_is_never_shown() {
        let location = Location::Server(server());
        let shown = format!("{location} {location:?}");
        assert!(
            shown.contains("mysql://u@x@db.example:3307/open metadata") && !shown.contains("a%20b"),
            "{shown}"
        );
    }
}
