//! A transaction, and the points in it that it can go back to.

use sqlx::Any;

use crate::StoreError;
use crate::dialect::Dialect;
use crate::statement::{Statement, limited};

/// A transaction that writes. Dropped without [`Transaction::commit`], it changes nothing.
#[derive(Debug)]
pub struct Transaction {
    pub(crate) dialect: Dialect,
    pub(crate) inner: sqlx::Transaction<'static, Any>,
}

impl Transaction {
    /// A statement, written as the crate's documentation says.
    pub(crate) fn sql(&self, query: &str) -> Statement {
        Statement::new(self.dialect, query)
    }

    /// Marks a point that [`Transaction::return_to_mark`] undoes everything after. A later mark takes its place.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn mark(&mut self) -> Result<(), StoreError> {
        self.raw("SAVEPOINT mark").await
    }

    /// Undoes what was done since the last mark, and nothing before it.
    ///
    /// # Errors
    /// If the database fails; then the transaction must be dropped.
    pub async fn return_to_mark(&mut self) -> Result<(), StoreError> {
        self.raw("ROLLBACK TO SAVEPOINT mark").await
    }

    /// Makes everything that the transaction did permanent.
    ///
    /// # Errors
    /// [`StoreError::Again`] if it was certainly undone; any other means that nobody knows whether it took effect.
    pub async fn commit(self) -> Result<(), StoreError> {
        limited(self.inner.commit()).await
    }

    /// MySQL prepares no statement about savepoints.
    async fn raw(&mut self, statement: &'static str) -> Result<(), StoreError> {
        limited(sqlx::raw_sql(statement).execute(&mut *self.inner)).await?;
        Ok(())
    }
}
