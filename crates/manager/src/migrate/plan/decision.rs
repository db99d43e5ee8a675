//! What would be done about each field of an entity, as far as that shows from the entity itself and where it leads.

use strongroom_entities::FieldPath;
use strongroom_secrets::{ErrorKind, SecretName};

use super::PlannedAction;
use crate::error::WriteError;
use crate::migrate::course::Course;
use crate::migrate::inventory::{Content, Entry};
use crate::migrate::leads::KeptFor;
use crate::migrate::sideways::{LEFT_BEHIND, NOWHERE};
use crate::migrate::{MigrateError, MigrateOptions};
use crate::naming::NamingScheme;
use crate::{Keeping, Manager};

/// What is decided about a field.
#[derive(Debug)]
pub(super) enum Decision {
    Do {
        action: PlannedAction,
        name: Option<SecretName>,
        /// The name that the value comes from, if that is another.
        from: Option<SecretName>,
        /// Whether the vault has to hold the name, since it is kept there for this field.
        expected: bool,
    },
    /// Only the user can decide.
    Doubt { name: Option<SecretName>, also: Option<String>, reason: String },
}

impl Decision {
    fn only(action: PlannedAction) -> Self {
        Self::Do { action, name: None, from: None, expected: false }
    }

    fn doubt(reason: String) -> Self {
        Self::Doubt { name: None, also: None, reason }
    }
}

impl Manager {
    /// What would be done about each field of an entity, in their order.
    pub(super) async fn decide_all(
        &self,
        entry: &Entry,
        options: &MigrateOptions,
    ) -> Result<Vec<Decision>, MigrateError> {
        let mut decisions = Vec::with_capacity(entry.fields.len());
        for (field, content) in &entry.fields {
            decisions.push(self.decide(entry, field, content, options).await?);
        }
        Ok(decisions)
    }

    async fn decide(
        &self,
        entry: &Entry,
        field: &FieldPath,
        content: &Content,
        options: &MigrateOptions,
    ) -> Result<Decision, MigrateError> {
        let managed = matches!(self.keeping, Keeping::Managed(_));
        Ok(match content {
            Content::Doubtful(reason) => Decision::doubt(reason.clone()),
            Content::Value { .. } if managed => self.named(entry, field, PlannedAction::Move, None).await?,
            Content::Value { plain: true, .. } if self.fernet.is_some() => {
                Decision::only(PlannedAction::Encrypt)
            }
            Content::Empty { plain: false } if managed => Decision::only(PlannedAction::Empty),
            Content::Value { .. } | Content::Empty { .. } => Decision::only(PlannedAction::Keep),
            Content::Reference { name, plain } => {
                self.decide_reference(entry, field, name, *plain, options).await?
            }
        })
    }

    async fn decide_reference(
        &self,
        entry: &Entry,
        field: &FieldPath,
        name: &SecretName,
        plain: bool,
        options: &MigrateOptions,
    ) -> Result<Decision, MigrateError> {
        let managed = matches!(self.keeping, Keeping::Managed(_));
        let doubt = |reason| Decision::Doubt { name: Some(name.clone()), also: None, reason };
        Ok(match self.course(entry, field, name, options).await {
            Ok(Course::Moves { .. }) if !managed => Decision::Do {
                action: PlannedAction::Return,
                name: Some(name.clone()),
                from: None,
                expected: false,
            },
            Ok(Course::Moves { keeps_name: true, .. }) => Decision::Do {
                action: PlannedAction::Move,
                name: Some(name.clone()),
                from: None,
                expected: false,
            },
            Ok(Course::Moves { keeps_name: false, .. }) => {
                self.named(entry, field, PlannedAction::Rename, Some(name.clone())).await?
            }
            Ok(Course::Stays) => {
                let action = match (plain, self.wraps(field)) {
                    (false, false) if managed => PlannedAction::Unwrap,
                    (true, true) if managed => PlannedAction::Wrap,
                    _ => PlannedAction::Keep,
                };
                // Where there is one vault it is listed later: that answers for all of them.
                let expected = managed
                    && self.former.is_empty()
                    && matches!(self.kept_for(entry, field, name).await?, KeptFor::ThisField(Some(_)));
                Decision::Do { action, name: Some(name.clone()), from: None, expected }
            }
            Ok(Course::LeftBehind) => doubt(LEFT_BEHIND.to_owned()),
            Ok(Course::Nowhere) => doubt(format!("refers to a secret {NOWHERE}")),
            Err(WriteError::Vault(error)) if error.kind() == ErrorKind::Disabled => doubt(error.to_string()),
            Err(error) => return Err(error.into()),
        })
    }

    /// An action under the name that a field's secret gets, if it can have it.
    async fn named(
        &self,
        entry: &Entry,
        field: &FieldPath,
        action: PlannedAction,
        from: Option<SecretName>,
    ) -> Result<Decision, MigrateError> {
        let name = match self.naming.name(entry.row.kind, &entry.fqn, field) {
            Ok(name) => name,
            Err(error) => return Ok(Decision::doubt(error.to_string())),
        };
        // The scheme guide finds another name by itself.
        if self.naming.scheme() == NamingScheme::Openmetadata
            && let Some(other) = self.used_by_other(&name, &entry.owner(field)).await?
        {
            let reason =
                "these fields would share one secret: rename an entity, or use strongroom.naming: guide";
            return Ok(Decision::Doubt { name: Some(name), also: Some(other), reason: reason.to_owned() });
        }
        Ok(Decision::Do { action, name: Some(name), from, expected: false })
    }
}
