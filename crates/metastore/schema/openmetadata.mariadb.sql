-- OpenMetadata's own tables for MariaDB, which its server does not run on: as for MySQL, but MariaDB has no ->>, admits no primary key on a
-- computed column, and does not say NOT NULL of one: a CHECK does. Only a database that holds none of them gets them from here.
CREATE TABLE IF NOT EXISTS dbservice_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY dbservice_entity_id (id),
  UNIQUE KEY dbservice_entity_hash (nameHash),
  KEY dbservice_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS dashboard_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY dashboard_service_entity_id (id),
  UNIQUE KEY dashboard_service_entity_hash (nameHash),
  KEY dashboard_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS messaging_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY messaging_service_entity_id (id),
  UNIQUE KEY messaging_service_entity_hash (nameHash),
  KEY messaging_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS pipeline_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY pipeline_service_entity_id (id),
  UNIQUE KEY pipeline_service_entity_hash (nameHash),
  KEY pipeline_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS mlmodel_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY mlmodel_service_entity_id (id),
  UNIQUE KEY mlmodel_service_entity_hash (nameHash),
  KEY mlmodel_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS metadata_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY metadata_service_entity_id (id),
  UNIQUE KEY metadata_service_entity_hash (nameHash),
  KEY metadata_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS storage_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY storage_service_entity_id (id),
  UNIQUE KEY storage_service_entity_hash (nameHash),
  KEY storage_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS search_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY search_service_entity_id (id),
  UNIQUE KEY search_service_entity_hash (nameHash),
  KEY search_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS api_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY api_service_entity_id (id),
  UNIQUE KEY api_service_entity_hash (nameHash),
  KEY api_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS drive_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY drive_service_entity_id (id),
  UNIQUE KEY drive_service_entity_hash (nameHash),
  KEY drive_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS security_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY security_service_entity_id (id),
  UNIQUE KEY security_service_entity_hash (nameHash),
  KEY security_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS llm_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY llm_service_entity_id (id),
  UNIQUE KEY llm_service_entity_hash (nameHash),
  KEY llm_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS mcp_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.serviceType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.impersonatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND serviceType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY mcp_service_entity_id (id),
  UNIQUE KEY mcp_service_entity_hash (nameHash),
  KEY mcp_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS user_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  email VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.email'))) VIRTUAL,
  deactivated VARCHAR(8) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.deactivated'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND email IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY user_entity_id (id),
  UNIQUE KEY user_entity_hash (nameHash),
  UNIQUE KEY user_entity_name (name),
  UNIQUE KEY user_entity_email (email)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS bot_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY bot_entity_id (id),
  UNIQUE KEY bot_entity_hash (nameHash)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS ingestion_pipeline_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  timestamp BIGINT,
  appType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.sourceConfig.config.appConfig.type'))) VIRTUAL,
  pipelineType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.pipelineType'))) VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  fqnHash VARCHAR(768) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY ingestion_pipeline_entity_id (id),
  UNIQUE KEY ingestion_pipeline_entity_hash (fqnHash),
  KEY ingestion_pipeline_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS automations_workflow (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  workflowType VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.workflowType'))) STORED,
  status VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.status'))) STORED,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedAt'))) VIRTUAL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.updatedBy'))) VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_VALUE(json, '$.deleted') IN ('true', '1')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL AND workflowType IS NOT NULL AND updatedAt IS NOT NULL AND updatedBy IS NOT NULL),
  UNIQUE KEY automations_workflow_id (id),
  UNIQUE KEY automations_workflow_hash (nameHash)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS event_subscription_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.id'))) STORED,
  name VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.name'))) VIRTUAL,
  json JSON NOT NULL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  CHECK (id IS NOT NULL AND name IS NOT NULL),
  UNIQUE KEY event_subscription_entity_id (id),
  UNIQUE KEY event_subscription_entity_hash (nameHash)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS openmetadata_settings (
  id MEDIUMINT NOT NULL AUTO_INCREMENT,
  configType VARCHAR(36) NOT NULL,
  json JSON NOT NULL,
  PRIMARY KEY (id, configType),
  UNIQUE KEY openmetadata_settings_type (configType)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS entity_relationship (
  fromId VARCHAR(36) NOT NULL,
  toId VARCHAR(36) NOT NULL,
  fromEntity VARCHAR(256) NOT NULL,
  toEntity VARCHAR(256) NOT NULL,
  relation TINYINT NOT NULL,
  jsonSchema VARCHAR(256),
  json JSON,
  deleted TINYINT(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (fromId, toId, relation),
  KEY entity_relationship_to (toId, relation)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS entity_extension (
  id VARCHAR(36) NOT NULL,
  extension VARCHAR(256) NOT NULL,
  jsonSchema VARCHAR(256) NOT NULL,
  json JSON NOT NULL,
  PRIMARY KEY (id, extension)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS change_event (
  eventType VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.eventType'))) VIRTUAL,
  entityType VARCHAR(36) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.entityType'))) VIRTUAL,
  userName VARCHAR(256) GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.userName'))) VIRTUAL,
  eventTime BIGINT UNSIGNED GENERATED ALWAYS AS (JSON_UNQUOTE(JSON_EXTRACT(json, '$.timestamp'))) VIRTUAL,
  json JSON NOT NULL,
  `offset` INT NOT NULL AUTO_INCREMENT,
  CHECK (eventType IS NOT NULL AND entityType IS NOT NULL AND userName IS NOT NULL AND eventTime IS NOT NULL),
  PRIMARY KEY (`offset`)
) DEFAULT CHARACTER SET utf8mb4;
