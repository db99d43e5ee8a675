//! Tests that are written once and run on several kinds of database.

/// Makes a test of each call, on each of the databases that are named first. The kind of database is the first argument.
///
/// `on_each! { [on_sqlite, on_mysql] a_row_stays: stays(1), another }` has the tests `a_row_stays::on_sqlite`, which is
/// `stays(Kind::Sqlite, 1)`, `another::on_mysql`, which is `another(Kind::Mysql)`, and so on.
macro_rules! on_each {
    (@test on_sqlite $($call:tt)+) => { on_each! { @write on_sqlite Sqlite $($call)+ } };
    (@test on_postgresql $($call:tt)+) => { on_each! { @write on_postgresql Postgres $($call)+ } };
    (@test on_mysql $($call:tt)+) => { on_each! { @write on_mysql Mysql $($call)+ } };
    (@test on_mariadb $($call:tt)+) => { on_each! { @write on_mariadb MariaDb $($call)+ } };
    (@write $name:ident $kind:ident $test:ident($($argument:expr),*)) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            super::$test(strongroom_metastore::testing::Kind::$kind, $($argument),*).await;
        }
    };
    (@tests [$($name:ident),+] $test:ident $arguments:tt) => {
        $(on_each! { @test $name $test $arguments })+
    };
    ($databases:tt $($name:ident: $test:ident $arguments:tt),+ $(,)?) => {
        $(mod $name {
            #[allow(unused_imports, reason = "not every test has arguments")]
            use super::*;

            on_each! { @tests $databases $test $arguments }
        })+
    };
    ($databases:tt $($test:ident),+ $(,)?) => { on_each! { $databases $($test: $test()),+ } };
}
