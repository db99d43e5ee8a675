-- The data keys, wrapped by the master key that lies outside.
CREATE TABLE data_key (
    id      INTEGER PRIMARY KEY,
    wrapped BLOB    NOT NULL,
    created INTEGER NOT NULL
);

-- The keys that sign tokens; the private key is sealed with a data key.
CREATE TABLE signing_key (
    kid      TEXT    PRIMARY KEY,
    data_key INTEGER NOT NULL REFERENCES data_key (id),
    sealed   BLOB    NOT NULL,
    created  INTEGER NOT NULL
);

-- A row for each vault that was ever configured. A vault that leaves the configuration keeps its secrets.
CREATE TABLE vault (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE -- in lower case
);

CREATE TABLE secret (
    id         INTEGER PRIMARY KEY,
    vault      INTEGER NOT NULL REFERENCES vault (id),
    name_key   TEXT    NOT NULL, -- in lower case: what names are compared by
    name       TEXT    NOT NULL, -- in the case of its first use
    deleted_at INTEGER,          -- Unix seconds of the soft deletion
    purge_at   INTEGER,          -- Unix seconds from which on it is gone for good
    UNIQUE (vault, name_key)
);

-- Listings walk these in order of the names, however many secrets are on the other side.
CREATE INDEX secret_live ON secret (vault, name_key) WHERE deleted_at IS NULL;
CREATE INDEX secret_deleted ON secret (vault, name_key) WHERE deleted_at IS NOT NULL;
CREATE INDEX secret_purge ON secret (purge_at) WHERE purge_at IS NOT NULL;

-- The highest id is the latest version.
CREATE TABLE version (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    secret       INTEGER NOT NULL REFERENCES secret (id) ON DELETE CASCADE,
    version      TEXT    NOT NULL, -- 32 lower-case hexadecimal digits
    content_type TEXT,
    tags         TEXT,             -- a JSON object
    enabled      INTEGER NOT NULL,
    not_before   INTEGER,
    expires      INTEGER,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    data_key     INTEGER NOT NULL REFERENCES data_key (id),
    sealed       BLOB    NOT NULL,
    UNIQUE (secret, version)
);

CREATE INDEX version_order ON version (secret, id);
