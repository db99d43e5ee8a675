//! What is unsafe unless somebody changes it: keys that everybody knows, passwords that everybody guesses, files that
//! everybody reads, a plugin that everybody may call.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use strongroom_config::{DatabasePlace, FernetKey, Settings};
use strongroom_entities::FernetKeys;
use strongroom_manager::examine::Examination;
use strongroom_metastore::Metastore;
use strongroom_secrets::transport;

use super::finding::Finding;
use super::subject::Subject;
use crate::data_folder;

/// What the plugin is asked below each of the paths that it had in its releases: who may ask this may deploy, too.
const AIRFLOW_PATHS: [&str; 3] = [
    "/pluginsv2/api/v2/openmetadata/health-auth",
    "/api/v2/openmetadata/health-auth",
    "/api/v1/openmetadata/health-auth",
];

/// The permission of everybody to read a file.
const WORLD_READABLE: u32 = 0o004;

/// The check of the Fernet key.
pub(super) fn fernet(
    subject: &Subject,
    settings: &Settings,
    keys: Option<&FernetKeys>,
    found: Option<&Examination>,
) -> Finding {
    const ID: &str = "safety.fernet-key";
    let place = subject.place("fernetConfiguration.fernetKey");
    if settings.fernet.key == FernetKey::NoEncryption {
        let clear = found.map_or(0, |found| found.contents.clear.count);
        let what = format!(
            "fernetConfiguration.fernetKey is no_encryption_at_rest: {clear} values stand in clear text in the database"
        );
        let fix =
            "set a key of your own, and run migrate-secrets, which encrypts them or moves them to a vault";
        return Finding::warning(ID, what, fix).and_fix(&place);
    }
    let Some(public) = keys.and_then(FernetKeys::public_key) else {
        return Finding::passed(ID, "the Fernet key is not the one that OpenMetadata publishes");
    };
    let readable = found.map_or(0, |found| found.opened_by(public));
    let what = format!(
        "key {} of fernetConfiguration.fernetKey is the one that OpenMetadata publishes: whoever has a copy of the database can read \
         what it encrypts ({readable} values in the rows, and whatever the version history holds)",
        public + 1
    );
    let fix = match public {
        0 => {
            "put a key of your own before it (with a comma between), migrate the passwords to a vault, and change them"
        }
        _ => "migrate the passwords to a vault, change them, and leave this key out",
    };
    let finding = Finding::failed(ID, what, fix).and_fix(&place);
    // What nothing is encrypted with any more only has to be left out.
    if public > 0 && readable == 0 { finding.softened() } else { finding }
}

/// The check of the keys that sign tokens.
pub(super) fn token_keys(subject: &Subject, settings: &Settings) -> Finding {
    const ID: &str = "safety.token-keys";
    match settings.jwt.is_public_default {
        true => Finding::failed(
            ID,
            "the key pair of jwtTokenConfiguration is the one that OpenMetadata publishes: anybody can sign an administrator's token",
            "make a pair of your own, or leave both paths out: strongroom serve then makes one",
        )
        .and_fix(&subject.place("jwtTokenConfiguration.rsaprivateKeyFilePath")),
        false => Finding::passed(ID, "the key pair that signs tokens is not the one that OpenMetadata publishes"),
    }
}

/// The check of the administrators' passwords.
pub(super) async fn admins(settings: &Settings, store: Option<&Metastore>, patience: Duration) -> Finding {
    const ID: &str = "safety.admin-password";
    const FIX: &str = "sign in and change the password";
    if settings.authentication.provider != "basic" {
        let provider = &settings.authentication.provider;
        return Finding::not_tried(
            ID,
            format!("people sign in by {provider}, not with a password kept here"),
        );
    }
    let guessable = |admin: &&strongroom_config::AdminPrincipal| {
        admin.password.as_ref().is_some_and(|password| password.expose() == admin.name)
    };
    let configured = settings.authorizer.admin_principals.iter().find(guessable);
    if let Some(admin) = configured {
        let what = format!("authorizerConfiguration gives {} his own name as the password", admin.name);
        return Finding::failed(ID, what, "give another one, and change the password if he has signed in");
    }
    let Some(store) = store else { return Finding::not_tried(ID, "the database cannot be read") };
    let names: Vec<_> = settings.authorizer.admin_principals.iter().map(|admin| admin.name.clone()).collect();
    let looked =
        tokio::time::timeout(patience, strongroom_server::with_default_password(store, &names)).await;
    match looked {
        Ok(Ok(found)) if found.is_empty() => {
            Finding::passed(ID, "no administrator of the configuration has the password admin")
        }
        Ok(Ok(found)) => Finding::failed(
            ID,
            format!(
                "{} can sign in with the password admin, which everybody tries first",
                found.join(" and ")
            ),
            FIX,
        ),
        Ok(Err(error)) => Finding::not_tried(ID, error.to_string()),
        Err(_) => Finding::not_tried(ID, format!("it was not done within {} s", patience.as_secs())),
    }
}

/// The password of the database's user in OpenMetadata's own configuration.
const PUBLIC_DATABASE_PASSWORD: &str = "openmetadata_password";

/// The check of the database's password, for one that has any.
pub(super) fn database(subject: &Subject, settings: &Settings) -> Option<Finding> {
    const ID: &str = "safety.database-password";
    let DatabasePlace::Server(server) = &settings.database.place else { return None };
    let is_public =
        server.password.as_ref().is_some_and(|password| password.expose() == PUBLIC_DATABASE_PASSWORD);
    Some(match is_public {
        true => Finding::warning(
            ID,
            format!(
                "the password of the database's user {} is the one that OpenMetadata publishes",
                server.user
            ),
            "give that user another one, and set database.password (DB_USER_PASSWORD)",
        )
        .and_fix(&subject.place("database.password")),
        false => Finding::passed(
            ID,
            "the password of the database's user is not the one that OpenMetadata publishes",
        ),
    })
}

/// The check of who may call the API.
pub(super) fn sign_in(subject: &Subject, settings: &Settings) -> Finding {
    const ID: &str = "safety.sign-in";
    let provider = settings.authentication.provider.as_str();
    match provider.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "noauth" | "none" => Finding::failed(
            ID,
            format!("authenticationConfiguration.provider is {provider}: everybody may call the API of that server"),
            "set a provider, such as basic",
        )
        .and_fix(&subject.place("authenticationConfiguration.provider")),
        _ => Finding::passed(ID, format!("the API asks who is calling (authenticationConfiguration.provider {provider})")),
    }
}

/// The check of the plugin in Airflow: asked without credentials, it should refuse.
pub(super) async fn airflow(subject: &Subject, settings: &Settings, patience: Duration) -> Finding {
    const ID: &str = "safety.airflow";
    let Some(endpoint) = &settings.pipeline.airflow.endpoint else {
        return Finding::not_tried(
            ID,
            "no Airflow is configured (pipelineServiceClientConfiguration.apiEndpoint)",
        );
    };
    let place = subject.place("pipelineServiceClientConfiguration.apiEndpoint");
    match asked(endpoint, patience).await {
        Ok(true) => Finding::warning(
            ID,
            "the plugin in Airflow answers without credentials: whoever reaches its port can deploy pipelines, run them with the \
             identity of the ingestion, and read their logs",
            "let nobody but the metadata server reach it: a network policy, or a proxy that asks for credentials",
        )
        .and_fix(&place),
        Ok(false) => Finding::passed(ID, "the plugin in Airflow refuses who has no credentials"),
        Err(why) => Finding::not_tried(ID, why),
    }
}

/// Whether the plugin answers somebody without credentials.
async fn asked(endpoint: &str, patience: Duration) -> Result<bool, String> {
    let trust = transport::Trust::default();
    let tls = trust.client_config().map_err(|error| error.message().to_owned())?;
    let client = transport::host_client(tls, patience).map_err(|error| error.message().to_owned())?;
    for path in AIRFLOW_PATHS {
        let url = format!("{}{path}", endpoint.trim_end_matches('/'));
        let answer = client.get(&url).send().await;
        // The error's own text can hold a password in front of the host.
        let answer = answer.map_err(|_| "Airflow cannot be reached from here".to_owned())?;
        match answer.status().as_u16() {
            200 => return Ok(true),
            401 | 403 => return Ok(false),
            _ => {}
        }
    }
    Err("there is no plugin of OpenMetadata at the configured address".to_owned())
}

/// The check of files that hold secrets.
pub(super) fn files(settings: &Settings) -> Vec<Finding> {
    const ID: &str = "safety.files";
    let mut open = Vec::new();
    if let Some(file) = settings.file.as_deref().filter(|file| is_world_readable(file)) {
        let keys: Vec<_> = settings
            .origins
            .secrets_in_file()
            .iter()
            .map(|key| match settings.origins.place(key) {
                Some(strongroom_config::Place::File { line, .. }) => format!("{key} in line {line}"),
                _ => key.clone(),
            })
            .collect();
        if !keys.is_empty() {
            open.push((file.to_owned(), format!("{}, which holds {}", file.display(), keys.join(", "))));
        }
    }
    if let Some(pair) = settings.jwt.key_pair.as_ref().filter(|pair| is_world_readable(&pair.private)) {
        open.push((
            pair.private.clone(),
            format!("{}, the private key that signs tokens", pair.private.display()),
        ));
    }
    let fernet_key = data_folder::fernet_key_file(&settings.data_dir);
    if is_world_readable(&fernet_key) {
        let what = format!("{}, the Fernet key", fernet_key.display());
        open.push((fernet_key, what));
    }
    if open.is_empty() {
        return vec![Finding::passed(
            ID,
            "no file with a secret in it can be read by everybody on this machine",
        )];
    }
    let finding = |(file, what): (PathBuf, String)| {
        Finding::warning(
            ID,
            format!("everybody on this machine can read {what}"),
            "take that right away; better still, keep secrets in variables or in files of their own (<VARIABLE>_FILE)",
        )
        .command(format!("chmod o= {}", file.display()))
    };
    open.into_iter().map(finding).collect()
}

fn is_world_readable(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & WORLD_READABLE != 0)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use strongroom_config::{Environment, SecretsManager};

    use super::super::finding::State;
    use super::super::subject::Principal;
    use super::*;

    #[test]
    fn a_database_password_that_everybody_knows_is_worth_a_word() {
        let told = |password: &str| {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            let url = "jdbc:postgresql://localhost:5432/openmetadata_db";
            write!(file, "database:\n  url: {url}\n  user: u\n  password: {password}\n").unwrap();
            let settings = Settings::load(Some(file.path()), &Environment::default(), None).unwrap();
            let subject = Subject {
                principal: Principal::Server,
                settings: Some(settings.clone()),
                loader: None,
                provider: SecretsManager::Db,
                call_timeout: Duration::from_secs(1),
            };
            database(&subject, &settings).unwrap()
        };
        let public = told(PUBLIC_DATABASE_PASSWORD);
        assert_eq!(public.state, State::Warning);
        assert!(public.fix.unwrap().contains("line 4"), "{}", public.what);
        assert_eq!(told("hunter2").state, State::Passed);
    }
}
