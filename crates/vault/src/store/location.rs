//! Where the secrets lie: in SQLite in the data folder, or in a PostgreSQL that several vault processes share.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use sqlx::any::AnyConnectOptions;
use sqlx::postgres::PgConnectOptions;
use strongroom_secrets::SecretValue;

use crate::error::{Error, Result};
use crate::folder;

/// The variable with the whole URL of the database, password included.
pub const STORE_VARIABLE: &str = "STRONGROOM_VAULT_STORE";

/// Where a vault keeps its secrets.
#[derive(Debug, Clone, Default)]
pub enum StoreLocation {
    /// `vault.db` in the data folder.
    #[default]
    Folder,
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

/// `postgres://user@host/db` with the parameters of libpq, such as `sslmode`. Its `Display` shows no password.
#[derive(Clone)]
pub struct PostgresUrl(AnyConnectOptions);

impl StoreLocation {
    /// Finds out where the store is. `argument` was typed by a person and must not hold a password; `variable` is the content of
    /// [`STORE_VARIABLE`] and may; `password_file` holds the password and nothing else. `sqlite` stands for the data folder.
    /// What is left unsaid comes from the variables that libpq knows, such as `PGPASSWORD`.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if a password is in the argument, if argument and variable name
    /// different databases, or if one of them is no URL of a database.
    pub fn resolve(
        argument: Option<&str>,
        variable: Option<&SecretValue>,
        password_file: Option<&Path>,
    ) -> Result<Self> {
        let variable = variable.filter(|text| !text.is_empty());
        let argument = argument.map(|text| parse(text, "--store")).transpose()?;
        let variable = variable.map(|text| parse(text.expose(), STORE_VARIABLE)).transpose()?;
        if let Some(Self::Postgres(url)) = &argument
            && url.has_password()
        {
            return Err(Error::configuration("--store holds a password, which every user of this machine can see there")
                .with_hint(format!(
                    "leave it out, and give it by --store-password-file or PGPASSWORD, or the whole URL by {STORE_VARIABLE}"
                )));
        }
        let location = match (argument, variable) {
            (Some(Self::Postgres(typed)), Some(Self::Postgres(given)))
                if typed.to_string() == given.to_string() =>
            {
                Self::Postgres(given)
            }
            (Some(Self::Folder), Some(Self::Folder)) => Self::Folder,
            (Some(_), Some(_)) => {
                return Err(Error::configuration(format!(
                    "--store and {STORE_VARIABLE} name different databases"
                ))
                .with_hint("give only one of them"));
            }
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => Self::Folder,
        };
        match (location, password_file) {
            (Self::Postgres(url), Some(file)) => url.with_password_from(file).map(Self::Postgres),
            (Self::Folder, Some(_)) => Err(Error::configuration(
                "--store-password-file is given, but the store is SQLite, which has no password",
            )
            .with_hint("add --store postgres://user@host/database")),
            (location, None) => Ok(location),
        }
    }
}

/// Neither the text nor what the parser says of it gets into an error: there may be a password in it.
fn parse(text: &str, source: &str) -> Result<StoreLocation> {
    if text == "sqlite" {
        return Ok(StoreLocation::Folder);
    }
    let unusable = || {
        Error::configuration(format!(
            "{source} is neither sqlite nor a URL of the form postgres://user@host/database"
        ))
    };
    if !(text.starts_with("postgres://") || text.starts_with("postgresql://")) {
        return Err(unusable());
    }
    let options = AnyConnectOptions::from_str(text).map_err(|_| unusable())?;
    // What the driver would not understand is found now.
    PgConnectOptions::from_str(text).map_err(|_| unusable())?;
    Ok(StoreLocation::Postgres(PostgresUrl(options)))
}

impl PostgresUrl {
    fn has_password(&self) -> bool {
        let url = &self.0.database_url;
        url.password().is_some() || url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case("password"))
    }

    fn with_password_from(mut self, file: &Path) -> Result<Self> {
        let text = folder::read_if_present(file)?.map(SecretValue::new).ok_or_else(|| {
            Error::configuration(format!("the password file {} is missing", file.display()))
                .with_hint("write the password to it, or leave --store-password-file out")
        })?;
        if self.has_password() {
            return Err(Error::configuration(format!(
                "{STORE_VARIABLE} and --store-password-file both give a password"
            ))
            .with_hint("give only one of them"));
        }
        self.0.database_url.set_password(Some(text.expose().trim_end_matches(['\r', '\n']))).map_err(
            |()| Error::configuration("the URL of the store has no place for a password: it names no host"),
        )?;
        Ok(self)
    }

    pub(super) fn options(&self) -> AnyConnectOptions {
        self.0.clone()
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Put together of what is known to be harmless.
        let url = &self.0.database_url;
        f.write_str("postgres://")?;
        if !url.username().is_empty() {
            write!(f, "{}@", url.username())?;
        }
        f.write_str(url.host_str().unwrap_or_default())?;
        if let Some(port) = url.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(url.path())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn secret(text: &str) -> SecretValue {
        SecretValue::new(text)
    }

    fn password(location: &StoreLocation) -> Option<String> {
        let StoreLocation::Postgres(url) = location else { panic!("{location:?}") };
        url.0.database_url.password().map(str::to_owned)
    }

    #[test]
    fn a_password_in_the_argument_is_refused_without_repeating_it() {
        for url in [
            "postgres://u:hunter2@h/db",
            "postgres://u@h/db?password=hunter2",
            "postgresql://u@h/db?PassWord=hunter2",
        ] {
            let error = StoreLocation::resolve(Some(url), None, None).unwrap_err();
            assert!(error.kind() == ErrorKind::Configuration && error.is_usage());
            let text = error.to_string();
            assert!(text.contains("STRONGROOM_VAULT_STORE") && !text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn what_is_no_database_is_refused_without_repeating_it() {
        for text in [
            "mysql://u:hunter2@h/db",
            "postgres://u:hunter2@h:port/db",
            "hunter2",
            "",
            "postgres://h/d?sslmode=hunter2",
        ] {
            for (argument, variable) in [(Some(text), None), (None, Some(secret(text)))] {
                if text.is_empty() && variable.is_some() {
                    continue;
                }
                let error = StoreLocation::resolve(argument, variable.as_ref(), None).unwrap_err();
                assert!(error.is_usage() && !format!("{error:?}").contains("hunter2"), "{error:?}");
            }
        }
    }

    #[test]
    fn a_password_comes_from_the_variable_or_from_a_file_and_is_never_shown() {
        let given = secret("postgres://u:hunter2@h:1/db?sslmode=require");
        for argument in [None, Some("postgres://u@h:1/db")] {
            let location = StoreLocation::resolve(argument, Some(&given), None).unwrap();
            assert_eq!(password(&location).as_deref(), Some("hunter2"));
            assert_eq!(format!("{location:?}"), "Postgres(PostgresUrl(postgres://u@h:1/db))");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let from_file = |variable| StoreLocation::resolve(Some("postgres://u@h:1/db"), variable, Some(&file));
        assert!(from_file(None).unwrap_err().to_string().contains("is missing"));
        std::fs::write(&file, "hun/ter@2\n").unwrap();
        assert_eq!(password(&from_file(None).unwrap()).as_deref(), Some("hun%2Fter%402"));
        assert!(from_file(Some(&given)).unwrap_err().is_usage(), "two passwords");
    }

    #[test]
    fn two_different_databases_are_refused() {
        let given = secret("postgres://u:hunter2@h/one");
        for argument in ["postgres://u@h/two", "sqlite"] {
            assert!(StoreLocation::resolve(Some(argument), Some(&given), None).unwrap_err().is_usage());
        }
        assert!(matches!(StoreLocation::resolve(None, None, None), Ok(StoreLocation::Folder)));
        assert!(matches!(StoreLocation::resolve(Some("sqlite"), None, None), Ok(StoreLocation::Folder)));
        assert!(StoreLocation::resolve(None, None, Some(Path::new("p"))).unwrap_err().is_usage());
    }
}
