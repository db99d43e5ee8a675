//! What a sign-in needs: users by their e-mail address, and the refresh tokens that were handed out.

use sqlx::Row as _;
use sqlx::any::AnyRow;
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
        let found = self
            .sql("SELECT id, email FROM user_entity WHERE lower(email) = lower(?) ORDER BY id LIMIT 10")
            .text(email)
            .rows(&self.readers)
            .await?;
        // A database may take an accented letter for the plain one.
        let same = |row: &&AnyRow| {
            row.try_get::<String, _>("email").is_ok_and(|found| found.to_lowercase() == email.to_lowercase())
        };
        let id = found.iter().find(same).map(|row| row.try_get::<String, _>("id")).transpose()?;
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
        self.repeat(|| async {
            let mut transaction = self.begin().await?;
            let sql = transaction.sql("DELETE FROM strongroom_refresh_token WHERE expires_at <= ?").bind(now);
            sql.execute(&mut *transaction.inner).await?;
            transaction
                .sql("INSERT INTO strongroom_refresh_token (hash, user_id, expires_at) VALUES (?, ?, ?)")
                .text(hash)
                .bind(user.to_string())
                .bind(expires_at)
                .execute(&mut *transaction.inner)
                .await?;
            let too_many = "SELECT hash FROM strongroom_refresh_token WHERE user_id = ? AND hash <> ? \
                            ORDER BY expires_at DESC, hash LIMIT 100 OFFSET ?";
            let too_many: Vec<String> = transaction
                .sql(too_many)
                .bind(user.to_string())
                .text(hash)
                .bind(i64::from(REFRESH_TOKENS_PER_USER) - 1)
                .column(&mut *transaction.inner)
                .await?;
            for hash in too_many {
                transaction
                    .sql("DELETE FROM strongroom_refresh_token WHERE hash = ?")
                    .bind(hash)
                    .execute(&mut *transaction.inner)
                    .await?;
            }
            transaction.commit().await
        })
        .await
    }

    /// Uses a refresh token up and says whose it was; `None` if there is none of this hash, or it has ended.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn use_refresh_token(&self, hash: &str, now: i64) -> Result<Option<Uuid>, StoreError> {
        let user = self
            .repeat(|| async {
                let mut transaction = self.begin().await?;
                let user: Option<String> = transaction
                    .sql("SELECT user_id FROM strongroom_refresh_token WHERE hash = ? AND expires_at > ? {lock}")
                    .text(hash)
                    .bind(now)
                    .value(&mut *transaction.inner)
                    .await?;
                transaction
                    .sql("DELETE FROM strongroom_refresh_token WHERE hash = ?")
                    .text(hash)
                    .execute(&mut *transaction.inner)
                    .await?;
                transaction.commit().await?;
                Ok(user)
            })
            .await?;
        Ok(user.and_then(|id| Uuid::parse_str(&id).ok()))
    }
}
