//! A metadata database with services, for an installation of the whole program: the file in its data folder, or a database on a
//! server that `cargo xtask test` has started.

use std::path::Path;

use serde_json::{Value, json};
use strongroom_entities::FernetKeys;
use strongroom_metastore::testing::{Kind, TestDatabase};
use strongroom_metastore::{Access, Location, Metastore, Options, Server, ServerKind};
use strongroom_secrets::SecretValue;
use strongroom_secrets::random::SystemRandom;

use crate::fixtures::services;

/// Where a test's installation keeps its metadata.
#[derive(Debug)]
pub struct Database {
    /// Where that is.
    pub location: Location,
    /// The section `database` of a configuration, whatever folder that lies in.
    pub section: Value,
}

impl Database {
    /// A database of a kind with `count` services, for an installation in `folder`. Answers with the Fernet key of their passwords, as
    /// a configuration holds it and ready to be used.
    ///
    /// # Panics
    /// If there is no server of that kind, or there is a data folder already.
    pub async fn with_services(kind: Kind, folder: &Path, count: u32) -> (Self, SecretValue, FernetKeys) {
        if kind == Kind::Sqlite {
            let (key, keys) = services::data_with_services(folder, count).await;
            let path = folder.join("data/metastore.db");
            let section = json!({"url": format!("sqlite:{}", path.display())});
            return (Self { location: Location::Sqlite(path), section }, key, keys);
        }
        Self::filled(&TestDatabase::new(kind).await, count).await
    }

    /// The same in a database that is there already, and empty.
    ///
    /// # Panics
    /// If it cannot be filled.
    pub async fn filled(database: &TestDatabase, count: u32) -> (Self, SecretValue, FernetKeys) {
        let key = FernetKeys::generate(&SystemRandom);
        let keys = FernetKeys::parse(&key).expect("a key that was just made");
        services::fill_with_services(database.location.clone(), count, &keys).await;
        (Self { section: database.section(), location: database.location.clone() }, key, keys)
    }

    /// Opens it.
    ///
    /// # Panics
    /// If it cannot be opened.
    pub async fn open(&self, access: Access) -> Metastore {
        Metastore::open(&Options::new(self.location.clone(), access)).await.expect("the database")
    }
}

impl Database {
    /// The server that it lies on.
    ///
    /// # Panics
    /// If it is a file.
    pub fn server(&self) -> &Server {
        match &self.location {
            Location::Server(server) => server,
            Location::Sqlite(path) => panic!("{} is no server", path.display()),
        }
    }

    /// The section with the database's URL as it is from another host, port, and with other parameters.
    ///
    /// # Panics
    /// If it is a file.
    pub fn section_at(&self, host: &str, port: u16, parameters: &str) -> Value {
        let server = self.server();
        let scheme = match server.kind {
            ServerKind::Postgres => "postgresql",
            ServerKind::Mysql => "mysql",
        };
        let mut section = self.section.clone();
        section["url"] = format!("jdbc:{scheme}://{host}:{port}/{}?{parameters}", server.database).into();
        section
    }

    /// Runs statements in the database's own SQL, as the server's superuser.
    ///
    /// # Panics
    /// If there is no answer, or one of them fails.
    pub async fn run(&self, statements: &str) {
        TestDatabase::at(&self.location).run(statements).await;
    }

    /// The same, and whether it succeeded is of no interest.
    pub async fn try_run(&self, statements: &str) {
        TestDatabase::at(&self.location).try_run(statements).await;
    }

    /// The first column of what a query in the database's own SQL finds: texts.
    ///
    /// # Panics
    /// If there is no answer, or it fails.
    pub async fn texts(&self, query: &str) -> Vec<String> {
        TestDatabase::at(&self.location).texts(query).await
    }
}
