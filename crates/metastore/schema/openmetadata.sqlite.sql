-- OpenMetadata's own tables, as its server lays them out, in SQLite's dialect: an entity is a JSON document in one row, and
-- every other column but the hash is computed from it. SQLite allows no primary key on a computed column, hence UNIQUE.
-- Only a database that holds none of them gets them from here; an existing one is never altered.
CREATE TABLE IF NOT EXISTS dbservice_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS dashboard_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS messaging_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS pipeline_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS mlmodel_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS metadata_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS storage_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS search_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS api_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS drive_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS security_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS llm_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS mcp_service_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  serviceType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS user_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  email TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.email') STORED,
  deactivated TEXT GENERATED ALWAYS AS (json ->> '$.deactivated') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS bot_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS ingestion_pipeline_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  timestamp INTEGER,
  appType TEXT GENERATED ALWAYS AS (json ->> '$.sourceConfig.config.appConfig.type') VIRTUAL,
  pipelineType TEXT GENERATED ALWAYS AS (json ->> '$.pipelineType') VIRTUAL,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  fqnHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS automations_workflow (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  workflowType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.workflowType') STORED,
  status TEXT GENERATED ALWAYS AS (json ->> '$.status') STORED,
  json TEXT NOT NULL,
  updatedAt INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL,
  updatedBy TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL,
  deleted INTEGER GENERATED ALWAYS AS (json ->> '$.deleted') STORED,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS event_subscription_entity (
  id TEXT NOT NULL UNIQUE GENERATED ALWAYS AS (json ->> '$.id') STORED,
  name TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.name') STORED,
  json TEXT NOT NULL,
  nameHash TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS openmetadata_settings (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  configType TEXT NOT NULL UNIQUE,
  json TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS entity_relationship (
  fromId TEXT NOT NULL,
  toId TEXT NOT NULL,
  fromEntity TEXT NOT NULL,
  toEntity TEXT NOT NULL,
  relation INTEGER NOT NULL,
  jsonSchema TEXT,
  json TEXT,
  deleted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (fromId, toId, relation)
);
CREATE INDEX IF NOT EXISTS entity_relationship_to ON entity_relationship (toId, relation);
CREATE TABLE IF NOT EXISTS entity_extension (
  id TEXT NOT NULL,
  extension TEXT NOT NULL,
  jsonSchema TEXT NOT NULL,
  json TEXT NOT NULL,
  PRIMARY KEY (id, extension)
);
CREATE TABLE IF NOT EXISTS change_event (
  "offset" INTEGER PRIMARY KEY AUTOINCREMENT,
  eventType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.eventType') VIRTUAL,
  entityType TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.entityType') VIRTUAL,
  userName TEXT NOT NULL GENERATED ALWAYS AS (json ->> '$.userName') VIRTUAL,
  eventTime INTEGER NOT NULL GENERATED ALWAYS AS (json ->> '$.timestamp') VIRTUAL,
  json TEXT NOT NULL
);
