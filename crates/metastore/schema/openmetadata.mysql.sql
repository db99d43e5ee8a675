-- OpenMetadata's own tables, as its server lays them out in MySQL: an entity is a JSON document in one row, and every other column
-- but the hash is computed from it. Only a database that holds none of them gets them from here; an existing one is never altered.
CREATE TABLE IF NOT EXISTS dbservice_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY dbservice_entity_hash (nameHash),
  KEY dbservice_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS dashboard_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY dashboard_service_entity_hash (nameHash),
  KEY dashboard_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS messaging_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY messaging_service_entity_hash (nameHash),
  KEY messaging_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS pipeline_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY pipeline_service_entity_hash (nameHash),
  KEY pipeline_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS mlmodel_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY mlmodel_service_entity_hash (nameHash),
  KEY mlmodel_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS metadata_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY metadata_service_entity_hash (nameHash),
  KEY metadata_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS storage_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY storage_service_entity_hash (nameHash),
  KEY storage_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS search_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY search_service_entity_hash (nameHash),
  KEY search_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS api_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY api_service_entity_hash (nameHash),
  KEY api_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS drive_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY drive_service_entity_hash (nameHash),
  KEY drive_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS security_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY security_service_entity_hash (nameHash),
  KEY security_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS llm_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY llm_service_entity_hash (nameHash),
  KEY llm_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS mcp_service_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  serviceType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.serviceType') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  impersonatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.impersonatedBy') VIRTUAL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY mcp_service_entity_hash (nameHash),
  KEY mcp_service_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS user_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  email VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.email') VIRTUAL NOT NULL,
  deactivated VARCHAR(8) GENERATED ALWAYS AS (json ->> '$.deactivated') VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY user_entity_hash (nameHash),
  UNIQUE KEY user_entity_name (name),
  UNIQUE KEY user_entity_email (email)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS bot_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY bot_entity_hash (nameHash)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS ingestion_pipeline_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  timestamp BIGINT,
  appType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.sourceConfig.config.appConfig.type') VIRTUAL,
  pipelineType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.pipelineType') VIRTUAL,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  fqnHash VARCHAR(768) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY ingestion_pipeline_entity_hash (fqnHash),
  KEY ingestion_pipeline_entity_name (name)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS automations_workflow (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  workflowType VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.workflowType') STORED NOT NULL,
  status VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.status') STORED,
  json JSON NOT NULL,
  updatedAt BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.updatedAt') VIRTUAL NOT NULL,
  updatedBy VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.updatedBy') VIRTUAL NOT NULL,
  deleted TINYINT(1) GENERATED ALWAYS AS (JSON_EXTRACT(json, '$.deleted')) VIRTUAL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY automations_workflow_hash (nameHash)
) DEFAULT CHARACTER SET utf8mb4;
CREATE TABLE IF NOT EXISTS event_subscription_entity (
  id VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.id') STORED NOT NULL,
  name VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.name') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  nameHash VARCHAR(256) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (id),
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
  eventType VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.eventType') VIRTUAL NOT NULL,
  entityType VARCHAR(36) GENERATED ALWAYS AS (json ->> '$.entityType') VIRTUAL NOT NULL,
  userName VARCHAR(256) GENERATED ALWAYS AS (json ->> '$.userName') VIRTUAL NOT NULL,
  eventTime BIGINT UNSIGNED GENERATED ALWAYS AS (json ->> '$.timestamp') VIRTUAL NOT NULL,
  json JSON NOT NULL,
  `offset` INT NOT NULL AUTO_INCREMENT,
  PRIMARY KEY (`offset`)
) DEFAULT CHARACTER SET utf8mb4;
