//! A statement on its way to the database: put into its SQL, given its parameters, and bounded in time.

use std::future::Future;
use std::time::Duration;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Decode, Encode, Executor, Row as _, Type};

use crate::StoreError;
use crate::dialect::Dialect;

/// The longest that a statement may take. The database's own limits are below it, and say more when they are reached.
const LIMIT: Duration = Duration::from_secs(60);

/// A statement with its parameters, in the order of the question marks.
///
/// Texts, `i64`, `i32` and options of them can be bound, and nothing else: ids are bound as text, truth as 0 or 1.
#[must_use = "a statement does nothing until it is executed"]
pub(crate) struct Statement {
    query: Query<'static, Any, AnyArguments>,
}

impl Statement {
    /// `query` is written as the crate's documentation says. It is part of the program: values are bound, never pasted in.
    pub(crate) fn new(dialect: Dialect, query: &str) -> Self {
        Self { query: sqlx::query(AssertSqlSafe(dialect.translate(query))) }
    }

    /// Gives the next question mark its value.
    pub(crate) fn bind<T>(self, value: T) -> Self
    where
        T: Encode<'static, Any> + Type<Any> + 'static,
    {
        Self { query: self.query.bind(value) }
    }

    /// The same with a text.
    pub(crate) fn text(self, value: &str) -> Self {
        self.bind(value.to_owned())
    }

    /// Gives the next question marks a text each.
    pub(crate) fn texts<I>(self, values: I) -> Self
    where
        I: IntoIterator,
        I::Item: ToString,
    {
        values.into_iter().fold(self, |statement, value| statement.bind(value.to_string()))
    }

    /// Executes the statement and answers how many rows it changed (or would have, if it gave them what they held already).
    pub(crate) async fn execute<'e>(self, on: impl Executor<'e, Database = Any>) -> Result<u64, StoreError> {
        Ok(limited(self.query.execute(on)).await?.rows_affected())
    }

    /// All rows.
    pub(crate) async fn rows<'e>(
        self,
        on: impl Executor<'e, Database = Any>,
    ) -> Result<Vec<AnyRow>, StoreError> {
        limited(self.query.fetch_all(on)).await
    }

    /// The first row, if there is one.
    pub(crate) async fn row<'e>(
        self,
        on: impl Executor<'e, Database = Any>,
    ) -> Result<Option<AnyRow>, StoreError> {
        limited(self.query.fetch_optional(on)).await
    }

    /// The same, with a limit of its own for what may take longer.
    pub(crate) async fn row_within<'e>(
        self,
        on: impl Executor<'e, Database = Any>,
        limit: Duration,
    ) -> Result<Option<AnyRow>, StoreError> {
        within(limit, self.query.fetch_optional(on)).await
    }

    /// The first column of all rows.
    pub(crate) async fn column<'e, T>(
        self,
        on: impl Executor<'e, Database = Any>,
    ) -> Result<Vec<T>, StoreError>
    where
        T: for<'r> Decode<'r, Any> + Type<Any>,
    {
        self.rows(on).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// The first column of the first row.
    pub(crate) async fn value<'e, T>(
        self,
        on: impl Executor<'e, Database = Any>,
    ) -> Result<Option<T>, StoreError>
    where
        T: for<'r> Decode<'r, Any> + Type<Any>,
    {
        self.row(on).await?.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    /// The answer to a `SELECT count(*)`.
    pub(crate) async fn count<'e>(self, on: impl Executor<'e, Database = Any>) -> Result<u64, StoreError> {
        let count: Option<i64> = self.value(on).await?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }
}

/// As many question marks as there are values, for `IN (…)`.
pub(crate) fn marks(count: usize) -> String {
    let mut marks = "?, ".repeat(count);
    marks.truncate(marks.len().saturating_sub(2));
    marks
}

/// A client's own limit, for a database that is no longer there to keep one.
pub(crate) fn limited<T>(
    work: impl Future<Output = sqlx::Result<T>>,
) -> impl Future<Output = Result<T, StoreError>> {
    within(LIMIT, work)
}

async fn within<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
    // Boxed, since it is part of the future of whoever waits for it.
    match tokio::time::timeout(limit, Box::pin(work)).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(StoreError::Gone(format!("it gave no answer within {} seconds", limit.as_secs()))),
    }
}
