//! The first start: administrators, and the bot of the ingestion.
//!
//! Every step asks first whether it is done already, so a start that was cut short is completed by the next, and a later start
//! changes nothing.

use serde_json::{Value, json};
use strongroom_entities::{EntityKind, fqn_hash, quote_name};
use strongroom_manager::{Change, Draft, Stored, WriteError};
use strongroom_metastore::{Relation, Relationship, Row, StoreError};
use strongroom_secrets::SecretValue;
use uuid::Uuid;

use crate::app::App;
use crate::auth::passwords;
use crate::auth::tokens::{self, Claims};
use crate::documents::version;

/// The bot that the ingestion signs in as.
pub const INGESTION_BOT: &str = "ingestion-bot";
/// The administrator where the configuration names none.
const DEFAULT_ADMIN: &str = "admin";
/// Who a document says that it was made by, when the server made it.
const MADE_BY: &str = "admin";
/// How long a password that is made here is, in bytes of randomness.
const PASSWORD_BYTES: usize = 18;

/// An administrator that the configuration names (`authorizerConfiguration.adminPrincipals`).
#[derive(Debug, Clone)]
pub struct AdminPrincipal {
    /// The user's name; it is stored in lower case.
    pub name: String,
    /// The password of a new user; `None` makes one for the first administrator.
    pub password: Option<SecretValue>,
}

/// The first of the configured administrators.
#[derive(Debug)]
pub struct FirstAdmin {
    /// The address to sign in with.
    pub email: String,
    /// The password, if this start made one. Nothing holds it afterwards: show it, once.
    pub made_password: Option<SecretValue>,
}

/// Why the first start failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootstrapError {
    /// The password of an administrator cannot be hashed.
    #[error(
        "the password of the administrator {name} cannot be used: bcrypt takes 72 bytes at most, and no NUL byte"
    )]
    Password {
        /// The user's name.
        name: String,
    },
    /// A token could not be signed.
    #[error(
        "the token of the bot {INGESTION_BOT} could not be signed: check the private key of jwtTokenConfiguration"
    )]
    Token,
    /// A document could not be stored.
    #[error("{what} could not be stored: {source}")]
    Write {
        /// What it was.
        what: String,
        /// The cause.
        source: WriteError,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the administrators and the ingestion's bot, as far as they do not exist. Without any administrator in the configuration
/// there is one called `admin`. Only the first gets a password that is made here: that of another would be seen by nobody, so
/// he is made once the configuration gives him one.
///
/// # Errors
/// If something cannot be stored; the next start goes on from there.
pub async fn bootstrap(
    app: &App,
    admins: &[AdminPrincipal],
    domain: &str,
) -> Result<FirstAdmin, BootstrapError> {
    // The bot first: its token needs the vault, and a start that fails for want of it must not leave an administrator behind
    // whose password nobody has seen.
    let user = make_bot_user(app, domain).await?;
    make_bot(app, user).await?;
    let default = [AdminPrincipal { name: DEFAULT_ADMIN.to_owned(), password: None }];
    let (first, others) = admins.split_first().unwrap_or((&default[0], &[]));
    let name = first.name.to_lowercase();
    let mut made_password = None;
    if find(app, EntityKind::User, &name).await?.is_none() {
        let password = first.password.clone().unwrap_or_else(|| {
            let password = random_password(app);
            made_password = Some(password.clone());
            password
        });
        make_admin(app, &name, password, domain).await?;
    }
    for admin in others {
        let name = admin.name.to_lowercase();
        match (&admin.password, find(app, EntityKind::User, &name).await?) {
            (Some(password), None) => make_admin(app, &name, password.clone(), domain).await?,
            (None, None) => tracing::warn!(
                name,
                "an administrator without a password is not made: give one as name:password"
            ),
            (_, Some(_)) => {}
        }
    }
    Ok(FirstAdmin { email: format!("{name}@{domain}"), made_password })
}

async fn make_admin(
    app: &App,
    name: &str,
    password: SecretValue,
    domain: &str,
) -> Result<(), BootstrapError> {
    let random = app.random.clone();
    let hashed = tokio::task::spawn_blocking(move || passwords::hash(&password, &*random)).await;
    let Ok(Ok(hash)) = hashed else { return Err(BootstrapError::Password { name: name.to_owned() }) };
    let mut user = user(app, name, domain);
    user["isAdmin"] = true.into();
    user["authenticationMechanism"] = json!({"authType": "BASIC", "config": {"password": hash}});
    store(app, EntityKind::User, user, Vec::new()).await
}

/// The bot's user holds its token, which goes where all secrets go.
async fn make_bot_user(app: &App, domain: &str) -> Result<Uuid, BootstrapError> {
    if let Some(user) = find(app, EntityKind::User, INGESTION_BOT).await? {
        return Ok(user.id);
    }
    let mut user = user(app, INGESTION_BOT, domain);
    user["isBot"] = true.into();
    let token = tokens::sign(&app.keys, &Claims::of_user(app, &user)).map_err(|_| BootstrapError::Token)?;
    let config = json!({"JWTToken": token.expose(), "JWTTokenExpiry": "Unlimited"});
    user["authenticationMechanism"] = json!({"authType": "JWT", "config": config});
    store(app, EntityKind::User, user, Vec::new()).await?;
    // Another server on the same database may have been faster.
    let user = find(app, EntityKind::User, INGESTION_BOT).await?;
    user.map(|user| user.id).ok_or_else(|| failed(INGESTION_BOT, WriteError::NotFound))
}

async fn make_bot(app: &App, user: Uuid) -> Result<(), BootstrapError> {
    let relationship = |bot: Uuid| Relationship {
        from: (EntityKind::Bot, bot),
        to: (EntityKind::User, user),
        relation: Relation::Contains,
    };
    if let Some(bot) = find(app, EntityKind::Bot, INGESTION_BOT).await? {
        let related = app.store.related(bot.id, Relation::Contains, EntityKind::User).await?;
        return if related.is_empty() { relate(app, bot, relationship).await } else { Ok(()) };
    }
    let mut bot = entity(app, INGESTION_BOT);
    bot["displayName"] = "IngestionBot".into();
    bot["description"] = "Bot used for ingesting metadata.".into();
    bot["provider"] = "system".into();
    let id = id_of(&bot);
    store(app, EntityKind::Bot, bot, vec![relationship(id)]).await
}

/// Gives a bot that has no user its user.
async fn relate(
    app: &App,
    bot: Row,
    relationship: impl Fn(Uuid) -> Relationship,
) -> Result<(), BootstrapError> {
    let relationships = vec![relationship(bot.id)];
    let change =
        Change { kind: EntityKind::Bot, id: bot.id, before: Some(&bot.json), after: bot.json.clone() };
    let finish = |draft: Draft| Some(Stored { document: draft.document, history: None, relationships });
    app.manager.write(change, finish).await.map(|_| ()).map_err(|source| failed(INGESTION_BOT, source))
}

async fn find(app: &App, kind: EntityKind, name: &str) -> Result<Option<Row>, StoreError> {
    app.store.get_by_hash(kind, &fqn_hash(&quote_name(name))).await
}

/// Stores a new entity; that it exists meanwhile is as good.
async fn store(
    app: &App,
    kind: EntityKind,
    document: Value,
    relationships: Vec<Relationship>,
) -> Result<(), BootstrapError> {
    let name = document["name"].as_str().unwrap_or_default().to_owned();
    let change = Change { kind, id: id_of(&document), before: None, after: document };
    let finish = |draft: Draft| Some(Stored { document: draft.document, history: None, relationships });
    match app.manager.write(change, finish).await {
        Ok(_) | Err(WriteError::AlreadyExists) => Ok(()),
        Err(source) => Err(failed(&name, source)),
    }
}

fn failed(name: &str, source: WriteError) -> BootstrapError {
    BootstrapError::Write { what: format!("the user or bot {name}"), source }
}

fn entity(app: &App, name: &str) -> Value {
    json!({
        "id": app.random.uuid(),
        "name": name,
        "fullyQualifiedName": quote_name(name),
        "version": version::first(),
        "updatedAt": app.clock.now_millis(),
        "updatedBy": MADE_BY,
        "deleted": false,
    })
}

fn user(app: &App, name: &str, domain: &str) -> Value {
    let mut user = entity(app, name);
    user["email"] = format!("{name}@{domain}").into();
    user["isBot"] = false.into();
    user["isAdmin"] = false.into();
    user
}

fn id_of(document: &Value) -> Uuid {
    document["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default()
}

fn random_password(app: &App) -> SecretValue {
    use base64::Engine as _;
    let bytes = app.random.bytes::<PASSWORD_BYTES>();
    SecretValue::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes))
}
