-- What Strongroom keeps beside OpenMetadata's tables. Every table of ours begins with strongroom_.

-- Facts about this database as a whole, such as the installation id that owner tags carry.
CREATE TABLE strongroom_setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- Whose secret a name is. The key is the name without case; the version is the one that was committed last.
CREATE TABLE strongroom_owner (
  name_key TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  field TEXT NOT NULL,
  version TEXT NOT NULL
);
CREATE INDEX strongroom_owner_entity ON strongroom_owner (entity_id);

-- References that users typed themselves: kept, resolved, never changed or deleted.
CREATE TABLE strongroom_own_reference (
  name_key TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  field TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  PRIMARY KEY (name_key, entity_id, field)
);
CREATE INDEX strongroom_own_reference_entity ON strongroom_own_reference (entity_id);

-- What is under way between the vault and the database. open_key is the name without case while the intent is open and
-- NULL afterwards, so that the unique index admits one open intent a name.
CREATE TABLE strongroom_intent (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('write', 'delete')),
  name TEXT NOT NULL,
  open_key TEXT UNIQUE,
  entity_type TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  field TEXT NOT NULL,
  holder TEXT NOT NULL,
  claim BIGINT NOT NULL,
  lease_end BIGINT NOT NULL,
  version_before TEXT,
  deleted_before BIGINT NOT NULL DEFAULT 0,
  state TEXT NOT NULL CHECK (state IN ('open', 'settled')),
  settled_at BIGINT,
  recheck_at BIGINT
);
CREATE INDEX strongroom_intent_state ON strongroom_intent (state, lease_end);

-- Runs of the migration, and what each of them moved: names and versions, never values.
CREATE TABLE strongroom_run (
  id TEXT PRIMARY KEY,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  outcome TEXT
);
CREATE TABLE strongroom_journal (
  run TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  field TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  PRIMARY KEY (run, entity_id, field)
);
