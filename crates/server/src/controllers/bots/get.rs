use axum::Json;
use serde_json::{Map, Value};
use strongroom_entities::{EntityKind, fqn_hash};
use strongroom_metastore::Relation;

use crate::documents::answer::{self, BOT, Occasion};
use crate::documents::is_deleted;
use crate::errors::ApiError;
use crate::session::{EntityName, Session};

/// `GET bots/name/{name}`: a bot, with a link to its user.
pub(crate) async fn by_name(session: Session, EntityName(name): EntityName) -> Result<Json<Value>, ApiError> {
    let store = &session.app.store;
    let bot =
        store.get_by_hash(EntityKind::Bot, &fqn_hash(&name)).await?.filter(|bot| !is_deleted(&bot.json));
    let bot = bot.ok_or_else(|| ApiError::no_entity("bot", &name))?;
    let mut additions = Map::new();
    for id in store.related(bot.id, Relation::Contains, EntityKind::User).await? {
        if let Some(user) = store.get(EntityKind::User, id).await? {
            let user = answer::reference(EntityKind::User, &user.json, "users", &session.api);
            additions.insert("botUser".to_owned(), user);
        }
    }
    let bot = answer::shape(bot.json, &BOT, Occasion::Read, &session.api);
    Ok(Json(answer::extend(bot, &BOT, additions)))
}
