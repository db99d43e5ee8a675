//! One suite for all databases: each test is written once, and is a case of each of them.

#![allow(clippy::unwrap_used, reason = "the functions here serve tests only")]

mod concurrency;
mod copies;
mod documents;
mod elsewhere;
mod entities;
mod fixtures;
mod intents;
mod layout;
mod migration_lock;
mod opening;
mod owners;
mod pages;
mod small_tables;
mod tls;

/// Makes a test of each function, for each database: `on_all! { a_test, another }` has the tests `a_test::on_sqlite` and so on.
macro_rules! on_all {
    ($($test:ident),+ $(,)?) => {
        $(mod $test {
            use strongroom_metastore::testing::{Kind, TestDatabase};

            #[tokio::test]
            async fn on_sqlite() {
                super::$test(&TestDatabase::new(Kind::Sqlite).await).await;
            }

            #[tokio::test]
            async fn on_postgres() {
                super::$test(&TestDatabase::new(Kind::Postgres).await).await;
            }

            #[tokio::test]
            async fn on_mysql() {
                super::$test(&TestDatabase::new(Kind::Mysql).await).await;
            }

            #[tokio::test]
            async fn on_mariadb() {
                super::$test(&TestDatabase::new(Kind::MariaDb).await).await;
            }
        })+
    };
}
pub(crate) use on_all;
