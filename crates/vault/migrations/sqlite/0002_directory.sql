-- Unix seconds until which a deletion or recovery is still under way; NULL: there is none.
ALTER TABLE secret ADD COLUMN settles_at INTEGER;

-- Vaults, principals and roles that were made at run time; each document is sealed and bound to its kind and key.
CREATE TABLE directory_entry (
    kind     TEXT    NOT NULL,
    key      TEXT    NOT NULL,
    data_key INTEGER NOT NULL REFERENCES data_key (id),
    sealed   BLOB    NOT NULL,
    PRIMARY KEY (kind, key)
);

-- One row: how often the directory has changed.
CREATE TABLE directory_generation (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL
);
INSERT INTO directory_generation (id, generation) VALUES (1, 0);
