//! What is not the same in all databases, and stands between braces in a query.

use crate::location::Location;

/// The kinds of database, as far as their SQL differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
    /// MySQL and MariaDB: they differ only in how OpenMetadata's tables are made.
    Mysql,
}

impl Dialect {
    pub(crate) fn of(location: &Location) -> Self {
        match location {
            Location::Sqlite(_) => Self::Sqlite,
            Location::Server(server) => match server.kind {
                crate::ServerKind::Postgres => Self::Postgres,
                crate::ServerKind::Mysql => Self::Mysql,
            },
        }
    }

    /// Turns a query as this crate writes it into this database's own SQL. What stands between quotes stays as it is.
    ///
    /// # Panics
    /// If there is something unknown between braces: queries are part of the program.
    pub(crate) fn translate(self, query: &str) -> String {
        let mut sql = String::with_capacity(query.len() + 64);
        let (mut rest, mut parameters) = (query, 0);
        while let Some(at) = rest.find(['?', '{', '\'']) {
            sql.push_str(&rest[..at]);
            let (special, after) = rest[at..].split_at(1);
            rest = match special {
                "?" => {
                    parameters += 1;
                    self.parameter(&mut sql, parameters);
                    after
                }
                "{" => {
                    let (token, after) = after.split_once('}').unwrap_or((after, ""));
                    match token {
                        "now" => sql.push_str(self.now()),
                        "json" => self.as_text(&mut sql, "json"),
                        "lock" => sql.push_str(self.lock()),
                        "lock now" => sql.push_str(self.lock_now()),
                        "document" => {
                            parameters += 1;
                            self.document(&mut sql, parameters);
                        }
                        text if text.starts_with("text ") => self.as_text(&mut sql, &text["text ".len()..]),
                        exact if exact.starts_with("exact ") => {
                            self.exact(&mut sql, &exact["exact ".len()..]);
                        }
                        name if name.starts_with("name ") => {
                            sql.push_str(&self.quoted(&name["name ".len()..]));
                        }
                        unknown => panic!("a query holds the unknown {{{unknown}}}"),
                    }
                    after
                }
                _ => {
                    let end = after.find('\'').map_or(after.len(), |end| end + 1);
                    sql.push('\'');
                    sql.push_str(&after[..end]);
                    &after[end..]
                }
            };
        }
        sql.push_str(rest);
        sql
    }

    fn parameter(self, sql: &mut String, number: usize) {
        match self {
            Self::Postgres => {
                sql.push('$');
                sql.push_str(&number.to_string());
            }
            Self::Sqlite | Self::Mysql => sql.push('?'),
        }
    }

    /// A parameter that is a document. PostgreSQL assigns `json` to `jsonb`, but not the other way without loss: some of
    /// OpenMetadata's columns are the one, some the other.
    fn document(self, sql: &mut String, number: usize) {
        match self {
            Self::Postgres => {
                sql.push_str("CAST(");
                self.parameter(sql, number);
                sql.push_str(" AS json)");
            }
            Self::Sqlite | Self::Mysql => self.parameter(sql, number),
        }
    }

    /// The database's own clock, in milliseconds since the Unix epoch.
    fn now(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)",
            Self::Postgres => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
            Self::Mysql => "CAST(unix_timestamp(now(3)) * 1000 AS SIGNED)",
        }
    }

    /// A column, such as `json`, as text.
    fn as_text(self, sql: &mut String, column: &str) {
        let text = match self {
            Self::Sqlite | Self::Postgres => "text",
            Self::Mysql => "char",
        };
        sql.extend(["CAST(", column, " AS ", text, ")"]);
    }

    /// The same as [`Dialect::lock`], and an error in the place of a wait.
    fn lock_now(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres | Self::Mysql => "FOR UPDATE NOWAIT",
        }
    }

    /// A column as a text of which every byte counts, in whatever collation it is.
    fn exact(self, sql: &mut String, column: &str) {
        self.as_text(sql, &self.quoted(column));
        if self == Self::Mysql {
            sql.push_str(" COLLATE utf8mb4_bin");
        }
    }

    /// A name that can be any word.
    pub(crate) fn quoted(self, name: &str) -> String {
        match self {
            Self::Mysql => format!("`{name}`"),
            Self::Sqlite | Self::Postgres => format!("\"{name}\""),
        }
    }

    /// What keeps the rows that a `SELECT` finds from changing until the transaction ends. In SQLite nobody else writes
    /// meanwhile anyway.
    fn lock(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres | Self::Mysql => "FOR UPDATE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect::{Mysql, Postgres, Sqlite};

    #[test]
    fn a_query_becomes_each_databases_own() {
        let query = "SELECT {json} FROM t WHERE a = ? AND b = '?{now}' AND c < {now} + ? {lock}";
        assert_eq!(
            Sqlite.translate(query),
            "SELECT CAST(json AS text) FROM t WHERE a = ? AND b = '?{now}' AND c < \
             CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER) + ? "
        );
        assert_eq!(
            Postgres.translate(query),
            "SELECT CAST(json AS text) FROM t WHERE a = $1 AND b = '?{now}' AND c < \
             CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint) + $2 FOR UPDATE"
        );
        assert_eq!(
            Mysql.translate(query),
            "SELECT CAST(json AS char) FROM t WHERE a = ? AND b = '?{now}' AND c < \
             CAST(unix_timestamp(now(3)) * 1000 AS SIGNED) + ? FOR UPDATE"
        );
    }

    #[test]
    fn a_name_can_be_any_word_and_a_text_is_compared_to_the_byte() {
        let query = "UPDATE {name key} SET {name order} = ? WHERE {exact order} = ?";
        assert_eq!(
            Sqlite.translate(query),
            "UPDATE \"key\" SET \"order\" = ? WHERE CAST(\"order\" AS text) = ?"
        );
        assert_eq!(
            Mysql.translate(query),
            "UPDATE `key` SET `order` = ? WHERE CAST(`order` AS char) COLLATE utf8mb4_bin = ?"
        );
    }

    #[test]
    fn a_document_is_a_parameter_of_its_own_type() {
        let query = "UPDATE t SET json = {document} WHERE id = ?";
        assert_eq!(Postgres.translate(query), "UPDATE t SET json = CAST($1 AS json) WHERE id = $2");
        assert_eq!(Mysql.translate(query), "UPDATE t SET json = ? WHERE id = ?");
    }
}
