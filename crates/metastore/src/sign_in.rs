//! What a sign-in needs: users by their e-mail address, and the refresh tokens that were handed out.

use strongroom_entities::EntityKind;
use uuid::Uuid;

use crate::{Metastore, Row, StoreError};

/// How many unused refresh tokens a user may have; a new one beyond that displaces the one that ends first.
pub const REFRESH_TOKENS_PER_USER: u32 = 32;

impl Metastore {
    /// Reads the user with an e-mail address, soft-deleted or not. Case does not count.
    ///
    /// # Errors
    /// If the database fails or the row is broken.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<Row>, StoreError> {
        let id: Option<String> =
            sqlx::query_scalar("SELECT id FROM user_entity WHERE lower(email) = lower(?)")
                .bind(email)
                .fetch_optional(&self.readers)
                .await?;
        match id.and_then(|id| Uuid::parse_str(&id).ok()) {
            Some(id) => self.get(EntityKind::User, id).await,
            None => Ok(None),
        }
    }

    /// Keeps a refresh token by its hash until it ends (milliseconds since the Unix epoch), and forgets those that have.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn keep_refresh_token(
        &self,
        hash: &str,
        user: Uuid,
        expires_at: i64,
        now: i64,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        sqlx::query("DELETE FROM strongroom_refresh_token WHERE expires_at <= ?")
            .bind(now)
            .execute(&mut *transaction.inner)
            .await?;
        sqlx::query("INSERT INTO strongroom_refresh_token (hash, user_id, expires_at) VALUES (?, ?, ?)")
            .bind(hash)
            .bind(user.to_string())
            .bind(expires_at)
            .execute(&mut *transaction.inner)
            .await?;
        sqlx::query(
            "DELETE FROM strongroom_refresh_token WHERE user_id = ?1 AND hash NOT IN (SELECT hash FROM \
             strongroom_refresh_token WHERE user_id = ?1 ORDER BY expires_at DESC, rowid DESC LIMIT ?2)",
        )
        .bind(user.to_string())
        .bind(REFRESH_TOKENS_PER_USER)
        .execute(&mut *transaction.inner)
        .await?;
        transaction.commit().await
    }

    /// Uses a refresh token up and says whose it was; `None` if there is none of this hash, or it has ended.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn use_refresh_token(&self, hash: &str, now: i64) -> Result<Option<Uuid>, StoreError> {
        let mut transaction = self.begin().await?;
        let user: Option<String> = sqlx::query_scalar(
            "DELETE FROM strongroom_refresh_token WHERE hash = ? AND expires_at > ? RETURNING user_id",
        )
        .bind(hash)
        .bind(now)
        .fetch_optional(&mut *transaction.inner)
        .await?;
        transaction.commit().await?;
        Ok(user.and_then(|id| Uuid::parse_str(&id).ok()))
    }
}
