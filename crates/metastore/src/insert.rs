//! Rows that are inserted, many in one statement.

use crate::dialect::Dialect;

/// How many rows one statement inserts or looks for at most: a page of a migration, far from any database's limit of parameters.
pub(crate) const BATCH: usize = 64;

/// An `INSERT` into some columns of a table. Each column says what its value is: mostly `?`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Insert<'a> {
    pub(crate) table: &'a str,
    pub(crate) columns: &'a [(&'a str, &'a str)],
    pub(crate) existing: Existing<'a>,
}

/// What becomes of a row that has the key of one to be inserted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Existing<'a> {
    /// The statement fails with [`StoreError::AlreadyExists`](crate::StoreError::AlreadyExists).
    Refuses,
    /// It stays, and the new one is left out. MySQL then cuts texts that are too long, so none may be.
    Stays,
    /// It becomes the new one. The key consists of these columns. No two of the rows in one statement may have the same.
    BecomesNew(&'a [&'a str]),
}

impl Insert<'_> {
    /// The query for so many rows.
    pub(crate) fn query(&self, dialect: Dialect, rows: usize) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        let values: Vec<&str> = self.columns.iter().map(|(_, value)| *value).collect();
        let values = vec![format!("({})", values.join(", ")); rows].join(", ");
        let (verb, end) = match (self.existing, dialect) {
            (Existing::Refuses, _) => ("INSERT INTO", String::new()),
            (Existing::Stays, Dialect::Mysql) => ("INSERT IGNORE INTO", String::new()),
            (Existing::Stays, _) => ("INSERT INTO", " ON CONFLICT DO NOTHING".to_owned()),
            (Existing::BecomesNew(key), _) => {
                let rest = names.iter().filter(|name| !key.contains(name));
                let (begin, new) = match dialect {
                    Dialect::Mysql => ("ON DUPLICATE KEY UPDATE".to_owned(), "VALUES({})"),
                    _ => (format!("ON CONFLICT ({}) DO UPDATE SET", key.join(", ")), "excluded.{}"),
                };
                let rest: Vec<String> =
                    rest.map(|name| format!("{name} = {}", new.replace("{}", name))).collect();
                ("INSERT INTO", format!(" {begin} {}", rest.join(", ")))
            }
        };
        format!("{verb} {} ({}) VALUES {values}{end}", self.table, names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_rows_are_one_statement_in_each_dialect() {
        let insert = Insert {
            table: "t",
            columns: &[("k", "?"), ("v", "{now} + ?")],
            existing: Existing::BecomesNew(&["k"]),
        };
        assert_eq!(
            insert.query(Dialect::Postgres, 2),
            "INSERT INTO t (k, v) VALUES (?, {now} + ?), (?, {now} + ?) ON CONFLICT (k) DO UPDATE SET v = excluded.v"
        );
        assert_eq!(
            insert.query(Dialect::Mysql, 1),
            "INSERT INTO t (k, v) VALUES (?, {now} + ?) ON DUPLICATE KEY UPDATE v = VALUES(v)"
        );
        let insert = Insert { existing: Existing::Stays, ..insert };
        assert_eq!(
            insert.query(Dialect::Sqlite, 1),
            "INSERT INTO t (k, v) VALUES (?, {now} + ?) ON CONFLICT DO NOTHING"
        );
        assert_eq!(insert.query(Dialect::Mysql, 1), "INSERT IGNORE INTO t (k, v) VALUES (?, {now} + ?)");
    }
}
