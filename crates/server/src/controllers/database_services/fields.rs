//! `fields=…`: what a caller wants beside the document itself.

use serde_json::{Map, Value, json};
use strongroom_entities::EntityKind;
use uuid::Uuid;

use crate::documents::answer::{self, DATABASE_SERVICE};
use crate::documents::shown;
use crate::errors::ApiError;
use crate::query::Params;
use crate::services;
use crate::session::Session;

/// What is kept as relationships, which this server does not store: always empty.
const EMPTY: [&str; 5] = ["owners", "tags", "followers", "dataProducts", "domains"];
const PIPELINES: &str = "pipelines";
/// The longest list of fields, in bytes.
const MAX_BYTES: usize = 1_000;

/// The fields that a caller asked for.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Fields(Vec<&'static str>);

impl Fields {
    /// Reads the parameter; `*` is all of them. A field that does not exist is refused.
    pub(crate) fn from_params(params: &Params) -> Result<Self, ApiError> {
        let text = params.get("fields")?.unwrap_or_default();
        if text.len() > MAX_BYTES {
            return Err(ApiError::bad_request(format!(
                "[query param fields must have {MAX_BYTES} bytes at most]"
            )));
        }
        if text == "*" {
            return Ok(Self(EMPTY.into_iter().chain([PIPELINES]).collect()));
        }
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let known = |name: &str| EMPTY.into_iter().chain([PIPELINES]).find(|known| *known == name);
        let fields = names.map(|name| {
            known(name).ok_or_else(|| ApiError::bad_request(format!("Invalid field name {}", shown(name))))
        });
        Ok(Self(fields.collect::<Result<_, _>>()?))
    }

    /// Adds the fields to a service that is shaped already.
    pub(crate) async fn add_to(
        &self,
        session: &Session,
        id: Uuid,
        document: Value,
    ) -> Result<Value, ApiError> {
        let mut additions = Map::new();
        for field in &self.0 {
            let value = if *field == PIPELINES { pipelines(session, id).await? } else { json!([]) };
            additions.insert((*field).to_owned(), value);
        }
        Ok(answer::extend(document, &DATABASE_SERVICE, additions))
    }
}

async fn pipelines(session: &Session, service: Uuid) -> Result<Value, ApiError> {
    let pipelines = services::pipelines(&session.app, service).await?;
    let reference = |document: &Value| {
        answer::reference(
            EntityKind::IngestionPipeline,
            document,
            "services/ingestionPipelines",
            &session.api,
        )
    };
    Ok(pipelines.iter().map(|pipeline| reference(&pipeline.json)).collect())
}
