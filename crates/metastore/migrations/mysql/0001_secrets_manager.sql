-- What Strongroom keeps beside OpenMetadata's tables. Every table of ours begins with strongroom_.

-- Facts about this database as a whole, such as the installation id that owner tags carry.
CREATE TABLE IF NOT EXISTS strongroom_setting (
  name VARCHAR(64) PRIMARY KEY,
  value LONGTEXT NOT NULL
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Whose secret a name is. The key is the name without case; the version is the one that was committed last.
CREATE TABLE IF NOT EXISTS strongroom_owner (
  name_key VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  name VARCHAR(127) NOT NULL,
  entity_type VARCHAR(64) NOT NULL,
  entity_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  field VARCHAR(700) NOT NULL,
  version VARCHAR(255) NOT NULL,
  KEY strongroom_owner_entity (entity_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- References that users typed themselves: kept, resolved, never changed or deleted.
CREATE TABLE IF NOT EXISTS strongroom_own_reference (
  name_key VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  entity_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  field VARCHAR(700) NOT NULL,
  entity_type VARCHAR(64) NOT NULL,
  PRIMARY KEY (name_key, entity_id, field),
  KEY strongroom_own_reference_entity (entity_id)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- What is under way between the vault and the database. open_key is the name without case while the intent is open and
-- NULL afterwards, so that the unique index admits one open intent a name.
CREATE TABLE IF NOT EXISTS strongroom_intent (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  kind VARCHAR(16) NOT NULL CHECK (kind IN ('write', 'delete')),
  name VARCHAR(127) NOT NULL,
  open_key VARCHAR(127) CHARACTER SET ascii COLLATE ascii_bin UNIQUE,
  entity_type VARCHAR(64) NOT NULL,
  entity_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  field VARCHAR(700) NOT NULL,
  holder VARCHAR(255) NOT NULL,
  claim BIGINT NOT NULL,
  lease_end BIGINT NOT NULL,
  version_before VARCHAR(255),
  deleted_before BIGINT NOT NULL DEFAULT 0,
  state VARCHAR(16) NOT NULL CHECK (state IN ('open', 'settled')),
  settled_at BIGINT,
  recheck_at BIGINT,
  KEY strongroom_intent_state (state, lease_end)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Runs of the migration, and what each of them moved: names and versions, never values.
CREATE TABLE IF NOT EXISTS strongroom_run (
  id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  outcome TEXT
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE TABLE IF NOT EXISTS strongroom_journal (
  run VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  entity_type VARCHAR(64) NOT NULL,
  entity_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  field VARCHAR(700) NOT NULL,
  name VARCHAR(127) NOT NULL,
  version VARCHAR(255) NOT NULL,
  PRIMARY KEY (run, entity_id, field)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
