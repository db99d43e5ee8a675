-- Refresh tokens that were handed out and not used yet. Only their SHA-256 is kept, so that a copy of the database signs nobody in.
CREATE TABLE strongroom_refresh_token (
  hash TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX strongroom_refresh_token_user ON strongroom_refresh_token (user_id, expires_at);
