-- Refresh tokens that were handed out and not used yet. Only their SHA-256 is kept, so that a copy of the database signs nobody in.
CREATE TABLE IF NOT EXISTS strongroom_refresh_token (
  hash VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
  user_id VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  expires_at BIGINT NOT NULL,
  KEY strongroom_refresh_token_user (user_id, expires_at)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
