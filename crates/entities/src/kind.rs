//! The kinds of entities, and how the database and the names of secrets call them.

use std::fmt;

/// A kind of entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntityKind {
    /// A database service.
    DatabaseService,
    /// A dashboard service.
    DashboardService,
    /// A messaging service.
    MessagingService,
    /// A pipeline service (Airflow and its like; not an [`EntityKind::IngestionPipeline`]).
    PipelineService,
    /// A machine-learning model service.
    MlmodelService,
    /// A metadata service.
    MetadataService,
    /// A storage service.
    StorageService,
    /// A search service.
    SearchService,
    /// An API service.
    ApiService,
    /// A drive service.
    DriveService,
    /// A security service.
    SecurityService,
    /// A service of large language models.
    LlmService,
    /// An MCP (Model Context Protocol) service.
    McpService,
    /// A user. Only those of bots hold secrets.
    User,
    /// An ingestion pipeline.
    IngestionPipeline,
    /// An automation workflow, such as a connection test.
    Workflow,
    /// A bot. It holds no secret itself: its user does.
    Bot,
    /// A row of the settings, such as the mail server's. It has no name but its type.
    Setting,
    /// A subscription to events, with the secrets of where they are sent.
    EventSubscription,
    /// An installed application.
    App,
    /// An application that can be installed.
    AppDefinition,
}

/// What is fixed for one kind.
struct Facts {
    entity_type: &'static str,
    table: &'static str,
    segment: &'static str,
}

impl EntityKind {
    /// Every kind, but for those in [`EntityKind::SETTINGS`].
    pub const ALL: &[Self] = &[
        Self::DatabaseService,
        Self::DashboardService,
        Self::MessagingService,
        Self::PipelineService,
        Self::MlmodelService,
        Self::MetadataService,
        Self::StorageService,
        Self::SearchService,
        Self::ApiService,
        Self::DriveService,
        Self::SecurityService,
        Self::LlmService,
        Self::McpService,
        Self::User,
        Self::IngestionPipeline,
        Self::Workflow,
        Self::Bot,
    ];

    /// The kinds whose documents can hold secrets: all but [`EntityKind::Bot`], in the order of a migration (services,
    /// bot users, pipelines, workflows).
    pub const WITH_SECRETS: &[Self] = Self::ALL.split_at(Self::ALL.len() - 1).0;

    /// What lies beside the entities and can hold secrets too, which OpenMetadata's own server does not keep in a vault.
    pub const SETTINGS: &[Self] = &[Self::Setting, Self::EventSubscription, Self::App, Self::AppDefinition];

    fn facts(self) -> Facts {
        let (entity_type, table, segment) = match self {
            Self::DatabaseService => ("databaseService", "dbservice_entity", "database"),
            Self::DashboardService => ("dashboardService", "dashboard_service_entity", "dashboard"),
            Self::MessagingService => ("messagingService", "messaging_service_entity", "messaging"),
            Self::PipelineService => ("pipelineService", "pipeline_service_entity", "pipeline"),
            Self::MlmodelService => ("mlmodelService", "mlmodel_service_entity", "mlmodel"),
            Self::MetadataService => ("metadataService", "metadata_service_entity", "metadata"),
            Self::StorageService => ("storageService", "storage_service_entity", "storage"),
            Self::SearchService => ("searchService", "search_service_entity", "search"),
            Self::ApiService => ("apiService", "api_service_entity", "api"),
            Self::DriveService => ("driveService", "drive_service_entity", "drive"),
            Self::SecurityService => ("securityService", "security_service_entity", "security"),
            Self::LlmService => ("llmService", "llm_service_entity", "llm"),
            Self::McpService => ("mcpService", "mcp_service_entity", "mcp"),
            Self::User => ("user", "user_entity", "bot"),
            Self::IngestionPipeline => {
                ("ingestionPipeline", "ingestion_pipeline_entity", "ingestionpipeline")
            }
            Self::Workflow => ("workflow", "automations_workflow", "workflow"),
            Self::Bot => ("bot", "bot_entity", "bot"),
            Self::Setting => ("settings", "openmetadata_settings", "settings"),
            Self::EventSubscription => {
                ("eventSubscription", "event_subscription_entity", "eventsubscription")
            }
            Self::App => ("app", "installed_apps", "app"),
            Self::AppDefinition => ("appMarketPlaceDefinition", "apps_marketplace", "appdefinition"),
        };
        Facts { entity_type, table, segment }
    }

    /// The type's name in the API, in relationships and in the history: `databaseService`, `user`, ….
    pub fn entity_type(self) -> &'static str {
        self.facts().entity_type
    }

    /// The kind with this [`EntityKind::entity_type`].
    pub fn from_entity_type(entity_type: &str) -> Option<Self> {
        Self::ALL.iter().chain(Self::SETTINGS).copied().find(|kind| kind.entity_type() == entity_type)
    }

    /// The table that holds entities of this kind.
    pub fn table(self) -> &'static str {
        self.facts().table
    }

    /// The column with the hash that a row is found by: of the name, or of the fully qualified name. A setting is found by its type.
    pub fn hash_column(self) -> &'static str {
        match self {
            Self::IngestionPipeline => "fqnHash",
            Self::Setting => "configType",
            _ => "nameHash",
        }
    }

    /// The part of a secret's name that tells the kind, also the catalogue's category of a service: `database`, `bot`
    /// (for a bot's user), `ingestionpipeline`, ….
    pub fn name_segment(self) -> &'static str {
        self.facts().segment
    }

    /// The leading keys of a secret field's path that its name leaves out, being the same for all.
    pub fn secret_root(self) -> &'static [&'static str] {
        match self {
            Self::User => &["authenticationMechanism"],
            _ if self.is_service() => &["connection", "config"],
            _ => &[],
        }
    }

    /// Whether it is one of the services.
    pub fn is_service(self) -> bool {
        !matches!(self, Self::User | Self::IngestionPipeline | Self::Workflow | Self::Bot)
            && !self.is_setting()
    }

    /// Whether it is one of [`EntityKind::SETTINGS`].
    pub fn is_setting(self) -> bool {
        matches!(self, Self::Setting | Self::EventSubscription | Self::App | Self::AppDefinition)
    }

    /// How many parts a fully qualified name has: a pipeline's begins with its service's.
    pub fn fqn_parts(self) -> usize {
        match self {
            Self::IngestionPipeline => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for EntityKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.entity_type())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn entity_types_and_tables_are_unique_and_found_again() {
        let all = || EntityKind::ALL.iter().chain(EntityKind::SETTINGS);
        let tables: HashSet<_> = all().map(|kind| kind.table()).collect();
        assert_eq!(tables.len(), all().count());
        for kind in all() {
            assert_eq!(EntityKind::from_entity_type(kind.entity_type()), Some(*kind));
            assert_eq!(kind.to_string(), kind.entity_type());
        }
        assert_eq!(EntityKind::from_entity_type("DatabaseService"), None);
    }

    #[test]
    fn every_kind_but_the_bot_can_hold_secrets_and_has_a_segment_of_its_own() {
        let with_secrets = || EntityKind::WITH_SECRETS.iter().chain(EntityKind::SETTINGS);
        let segments: HashSet<_> = with_secrets().map(|kind| kind.name_segment()).collect();
        assert_eq!(segments.len(), with_secrets().count());
        assert_eq!(EntityKind::WITH_SECRETS.len(), EntityKind::ALL.len() - 1);
        assert!(!EntityKind::WITH_SECRETS.contains(&EntityKind::Bot));
    }

    #[test]
    fn only_pipelines_are_found_by_the_hash_of_the_qualified_name() {
        let by_fqn: Vec<_> = EntityKind::ALL.iter().filter(|kind| kind.hash_column() == "fqnHash").collect();
        assert_eq!(by_fqn, [&EntityKind::IngestionPipeline]);
    }
}
