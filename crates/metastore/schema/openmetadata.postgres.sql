-- OpenMetadata's own tables, as its server lays them out in PostgreSQL: an entity is a JSON document in one row, and every other column
-- but the hash is computed from it. Only a database that holds none of them gets them from here; an existing one is never altered.
CREATE TABLE IF NOT EXISTS dbservice_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS dbservice_entity_name ON dbservice_entity (name);
CREATE TABLE IF NOT EXISTS dashboard_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS dashboard_service_entity_name ON dashboard_service_entity (name);
CREATE TABLE IF NOT EXISTS messaging_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS messaging_service_entity_name ON messaging_service_entity (name);
CREATE TABLE IF NOT EXISTS pipeline_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS pipeline_service_entity_name ON pipeline_service_entity (name);
CREATE TABLE IF NOT EXISTS mlmodel_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS mlmodel_service_entity_name ON mlmodel_service_entity (name);
CREATE TABLE IF NOT EXISTS metadata_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS metadata_service_entity_name ON metadata_service_entity (name);
CREATE TABLE IF NOT EXISTS storage_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS storage_service_entity_name ON storage_service_entity (name);
CREATE TABLE IF NOT EXISTS search_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS search_service_entity_name ON search_service_entity (name);
CREATE TABLE IF NOT EXISTS api_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS api_service_entity_name ON api_service_entity (name);
CREATE TABLE IF NOT EXISTS drive_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS drive_service_entity_name ON drive_service_entity (name);
CREATE TABLE IF NOT EXISTS security_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS security_service_entity_name ON security_service_entity (name);
CREATE TABLE IF NOT EXISTS llm_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS llm_service_entity_name ON llm_service_entity (name);
CREATE TABLE IF NOT EXISTS mcp_service_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  serviceType varchar(256) GENERATED ALWAYS AS (json ->> 'serviceType') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  impersonatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'impersonatedBy') STORED,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE INDEX IF NOT EXISTS mcp_service_entity_name ON mcp_service_entity (name);
CREATE TABLE IF NOT EXISTS user_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL UNIQUE,
  email varchar(256) GENERATED ALWAYS AS (json ->> 'email') STORED NOT NULL UNIQUE,
  deactivated varchar(8) GENERATED ALWAYS AS (json ->> 'deactivated') STORED,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS bot_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
-- This one's document is json, not jsonb: it keeps the order of its keys.
CREATE TABLE IF NOT EXISTS ingestion_pipeline_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  timestamp bigint,
  appType varchar(256) GENERATED ALWAYS AS (json -> 'sourceConfig' -> 'config' -> 'appConfig' ->> 'type') STORED,
  pipelineType varchar(256) GENERATED ALWAYS AS (json ->> 'pipelineType') STORED,
  json json NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  fqnHash varchar(768) NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS automations_workflow (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  workflowType varchar(256) GENERATED ALWAYS AS (json ->> 'workflowType') STORED NOT NULL,
  status varchar(256) GENERATED ALWAYS AS (json ->> 'status') STORED,
  json jsonb NOT NULL,
  updatedAt bigint GENERATED ALWAYS AS ((json ->> 'updatedAt')::bigint) STORED NOT NULL,
  updatedBy varchar(256) GENERATED ALWAYS AS (json ->> 'updatedBy') STORED NOT NULL,
  deleted boolean GENERATED ALWAYS AS ((json ->> 'deleted')::boolean) STORED,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS event_subscription_entity (
  id varchar(36) GENERATED ALWAYS AS (json ->> 'id') STORED PRIMARY KEY,
  name varchar(256) GENERATED ALWAYS AS (json ->> 'name') STORED NOT NULL,
  json jsonb NOT NULL,
  nameHash varchar(256) NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS openmetadata_settings (
  id serial NOT NULL,
  configType varchar(36) NOT NULL UNIQUE,
  json jsonb NOT NULL,
  PRIMARY KEY (id, configType)
);
CREATE TABLE IF NOT EXISTS entity_relationship (
  fromId varchar(36) NOT NULL,
  toId varchar(36) NOT NULL,
  fromEntity varchar(256) NOT NULL,
  toEntity varchar(256) NOT NULL,
  relation smallint NOT NULL,
  jsonSchema varchar(256),
  json jsonb,
  deleted boolean NOT NULL DEFAULT false,
  PRIMARY KEY (fromId, toId, relation)
);
CREATE INDEX IF NOT EXISTS entity_relationship_to ON entity_relationship (toId, relation);
CREATE TABLE IF NOT EXISTS entity_extension (
  id varchar(36) NOT NULL,
  extension varchar(256) NOT NULL,
  jsonSchema varchar(256) NOT NULL,
  json jsonb NOT NULL,
  PRIMARY KEY (id, extension)
);
CREATE TABLE IF NOT EXISTS change_event (
  eventType varchar(36) GENERATED ALWAYS AS (json ->> 'eventType') STORED NOT NULL,
  entityType varchar(36) GENERATED ALWAYS AS (json ->> 'entityType') STORED NOT NULL,
  userName varchar(256) GENERATED ALWAYS AS (json ->> 'userName') STORED NOT NULL,
  eventTime bigint GENERATED ALWAYS AS ((json ->> 'timestamp')::bigint) STORED NOT NULL,
  json jsonb NOT NULL,
  "offset" serial PRIMARY KEY
);
