//! New databases for tests: a SQLite file, or a database on one of the servers that `cargo xtask test` has started.

#![allow(clippy::disallowed_methods, clippy::expect_used, clippy::panic, reason = "this serves tests only")]

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use strongroom_secrets::SecretValue;
use tempfile::TempDir;

use crate::schema::MIGRATIONS;
use crate::{
    Access, DocumentScan, Location, Metastore, Options, Server, ServerKind, StoredDocument, Tls, TlsMode,
};

/// Tests that run beside each other need few connections each.
const CONNECTIONS: u32 = 6;

/// All that a scan finds.
///
/// # Panics
/// If the database fails.
pub async fn found_by(mut scan: DocumentScan, store: &Metastore) -> Vec<StoredDocument> {
    let mut found = Vec::new();
    while let Some(page) = scan.next(store).await.expect("a page of documents") {
        found.extend(page.documents);
    }
    found
}

/// The kinds of database that we work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file in a temporary folder.
    Sqlite,
    /// A database on the PostgreSQL at `STRONGROOM_TEST_POSTGRES`.
    Postgres,
    /// A database on the MySQL at `STRONGROOM_TEST_MYSQL`.
    Mysql,
    /// A database on the MariaDB at `STRONGROOM_TEST_MARIADB`.
    MariaDb,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::Mysql, Self::MariaDb];

    /// The kind that `STRONGROOM_TEST_DATABASE` names, for tests that run on one at a time: SQLite unless it says `postgres`, `mysql` or
    /// `mariadb`.
    ///
    /// # Panics
    /// If it says anything else.
    pub fn from_environment() -> Self {
        match std::env::var("STRONGROOM_TEST_DATABASE").as_deref() {
            Err(_) | Ok("" | "sqlite") => Self::Sqlite,
            Ok("postgres") => Self::Postgres,
            Ok("mysql") => Self::Mysql,
            Ok("mariadb") => Self::MariaDb,
            Ok(other) => panic!("STRONGROOM_TEST_DATABASE is {other}"),
        }
    }

    /// The variable that tells where the server is and how its superuser signs in: `scheme://user:password@host:port/database`.
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::Sqlite => None,
            Self::Postgres => Some("STRONGROOM_TEST_POSTGRES"),
            Self::Mysql => Some("STRONGROOM_TEST_MYSQL"),
            Self::MariaDb => Some("STRONGROOM_TEST_MARIADB"),
        }
    }
}

/// A database of a test's own, empty at first.
#[derive(Debug)]
pub struct TestDatabase {
    /// What kind it is.
    pub kind: Kind,
    /// Where it lies.
    pub location: Location,
    _folder: Option<TempDir>,
}

impl TestDatabase {
    /// Makes one.
    ///
    /// # Panics
    /// If there is no server of that kind.
    pub async fn new(kind: Kind) -> Self {
        let Some(variable) = kind.variable() else {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let location = Location::Sqlite(folder.path().join("metastore.db"));
            return Self { kind, location, _folder: Some(folder) };
        };
        let url = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: run cargo xtask test, or cargo xtask with-databases -- cargo test")
        });
        let mut server = server(&url).expect("a URL of a server");
        let name = new_name();
        run(&Location::Server(server.clone()), &format!("CREATE DATABASE {name}")).await;
        server.database = name;
        Self { kind, location: Location::Server(server), _folder: None }
    }

    /// One that is there already. Nobody says which of MySQL and MariaDB it is.
    pub fn at(location: &Location) -> Self {
        let kind = match location {
            Location::Sqlite(_) => Kind::Sqlite,
            Location::Server(server) if server.kind == ServerKind::Postgres => Kind::Postgres,
            Location::Server(_) => Kind::Mysql,
        };
        Self { kind, location: location.clone(), _folder: None }
    }

    /// Opens it with all tables.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn open(&self) -> Metastore {
        let options = Options::new(self.location.clone(), Access::Create);
        Metastore::open(&options).await.expect("a new database opens")
    }

    /// Takes all rows out of all tables but [`MIGRATIONS`]: faster by far than to make a new database.
    ///
    /// # Panics
    /// If that fails.
    pub async fn clear(&self) {
        let tables = match self.kind {
            Kind::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'",
            Kind::Postgres => {
                "SELECT CAST(table_name AS text) FROM information_schema.tables \
                 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'"
            }
            Kind::Mysql | Kind::MariaDb => {
                "SELECT CAST(table_name AS char) FROM information_schema.tables \
                 WHERE table_schema = database() AND table_type = 'BASE TABLE'"
            }
        };
        let tables = self.texts(tables).await.into_iter().filter(|table| table != MIGRATIONS);
        let statements: Vec<String> = tables.map(|table| format!("DELETE FROM {table};")).collect();
        if !statements.is_empty() {
            self.run(&statements.join("\n")).await;
        }
    }

    /// Runs statements in the database's own SQL, beside the metastore.
    ///
    /// # Panics
    /// If one of them fails.
    pub async fn run(&self, statements: &str) {
        run(&self.location, statements).await;
    }

    /// The same, where it is of no interest whether it succeeds.
    ///
    /// # Panics
    /// If nobody answers.
    pub async fn try_run(&self, statements: &str) {
        let options = self.location.connect_options(Access::Create).expect("options");
        let mut connection = options.connect().await.expect("the database answers");
        let _ = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(&mut connection).await;
        let _ = connection.close().await;
    }

    /// The first column of what a query in the database's own SQL finds: texts.
    ///
    /// # Panics
    /// If it fails.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        let options = self.location.connect_options(Access::Create).expect("options");
        let mut connection = options.connect().await.expect("the database answers");
        let found = sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_all(&mut connection).await;
        connection.close().await.expect("an end in order");
        found.unwrap_or_else(|error| panic!("{error}: {query}"))
    }

    /// Whether the server says that a connection which is made to `location` is encrypted.
    ///
    /// # Panics
    /// If there is none.
    pub async fn is_encrypted(&self, location: &Location) -> bool {
        let options = location.connect_options(Access::Create).expect("options");
        let mut connection = options.connect().await.expect("the database answers");
        let query = match self.kind {
            Kind::Postgres => {
                "SELECT 'ssl', coalesce(cipher, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            }
            _ => "SHOW SESSION STATUS LIKE 'Ssl_cipher'",
        };
        let row = sqlx::query(query).fetch_one(&mut connection).await.expect("an answer about itself");
        let cipher: String = row.try_get(1).expect("the name of a cipher");
        connection.close().await.expect("an end in order");
        !cipher.is_empty()
    }

    /// A text as it stands in a statement.
    pub fn literal(&self, text: &str) -> String {
        let text = text.replace('\'', "''");
        match self.kind {
            Kind::Mysql | Kind::MariaDb => format!("'{}'", text.replace('\\', "\\\\")),
            Kind::Sqlite | Kind::Postgres => format!("'{text}'"),
        }
    }

    /// The section `database` of `openmetadata.yaml` for it.
    pub fn section(&self) -> Value {
        let server = match &self.location {
            Location::Sqlite(path) => return json!({"url": format!("sqlite:{}", path.display())}),
            Location::Server(server) => server,
        };
        // Without TLS: its handshake takes longer than what most tests do with a connection.
        let (scheme, parameters) = match server.kind {
            ServerKind::Postgres => ("postgresql", "sslmode=disable"),
            ServerKind::Mysql => ("mysql", "allowPublicKeyRetrieval=true&useSSL=false&serverTimezone=UTC"),
        };
        json!({
            "url": format!("jdbc:{scheme}://{}:{}/{}?{parameters}", server.host, server.port, server.database),
            "user": server.user,
            "password": server.password.as_ref().map_or("", SecretValue::expose),
            "maxSize": CONNECTIONS.to_string(),
        })
    }
}

async fn run(location: &Location, statements: &str) {
    let options = location.connect_options(Access::Create).expect("options");
    let mut connection = options.connect().await.expect("the database answers");
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap_or_else(|error| panic!("{error}: {statements}"));
    connection.close().await.expect("an end in order");
}

fn server(url: &str) -> Option<Server> {
    let (scheme, rest) = url.split_once("://")?;
    let (login, rest) = rest.split_once('@')?;
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (address, database) = rest.split_once('/')?;
    let (host, port) = address.split_once(':')?;
    Some(Server {
        kind: if scheme.starts_with("postgres") { ServerKind::Postgres } else { ServerKind::Mysql },
        host: host.to_owned(),
        port: port.parse().ok()?,
        database: database.to_owned(),
        schema: None,
        user: user.to_owned(),
        password: Some(SecretValue::new(password)).filter(|password| !password.is_empty()),
        tls: Tls { mode: TlsMode::Off, ..Tls::default() },
        connections: CONNECTIONS,
    })
}

/// A name that no other test has, in this process or another.
fn new_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    format!("test_{}_{nanos}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
