//! Secrets in places that nothing here works on. OpenMetadata's server keeps copies of documents beside its entities (a scheduler's
//! jobs, the runs of applications, settings of the profiler), and each release of it can add a table.
//!
//! So every column of the database is looked through for what a Fernet key encrypted, whatever its table is; and a few that are
//! known to hold settings as they were typed, for passwords in clear text. Nothing is changed.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{Any, AssertSqlSafe, Row as _, pool::PoolConnection};
use strongroom_entities::EntityKind;
use strongroom_entities::tokens::START as TOKEN;

use crate::copies::CopyTable;
use crate::dialect::Dialect;
use crate::statement::Statement;
use crate::{DocumentTable, Metastore, StoreError};

/// The tables that hold what was typed, each with the condition for the rows that do.
const TYPED: &[(&str, &str)] = &[
    ("apps_data_store", "1 = 1"),
    ("apps_extension_time_series", "1 = 1"),
    ("entity_extension", "extension LIKE '%ProfilerConfig'"),
    ("entity_extension_time_series", "extension = 'ingestionPipeline.pipelineStatus'"),
];

/// A member of a document whose name is one of secrets, and whose value is neither empty, a mask, encrypted nor a reference.
const CLEAR: &str = "(password|passphrase|token|secret|api_?key|access_?key|private_?key)\"[[:space:]]*:[[:space:]]*\"\
                     (?!secret:|fernet:|[*]|\")";

/// The longest that one table may take.
const LIMIT: Duration = Duration::from_secs(300);

/// The most columns that a database can have for us.
const MOST_COLUMNS: i64 = 20_000;

/// How a secret stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Encrypted with some Fernet key.
    Encrypted,
    /// As it was typed.
    ClearText,
}

/// A column that holds secrets and that nothing here works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its table.
    pub table: String,
    /// Its name.
    pub column: String,
    /// How many rows hold some.
    pub rows: u64,
    /// How.
    pub form: Form,
    /// What the column holds.
    holds: Holds,
}

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Bytes,
    Json,
}

impl Elsewhere {
    /// The column as one of texts that are found by themselves; `None` if it holds bytes.
    pub fn texts(&self) -> Option<DocumentTable> {
        let texts = |is_json| DocumentTable::of_texts(self.table.clone(), self.column.clone(), is_json);
        match self.holds {
            Holds::Text => Some(texts(false)),
            Holds::Json => Some(texts(true)),
            Holds::Bytes => None,
        }
    }
}

/// What a look through all other columns found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Search {
    /// The columns with secrets.
    pub found: Vec<Elsewhere>,
    /// The tables that could not be looked through, and why.
    pub unread: Vec<(String, String)>,
}

/// A column of the database that is not computed from others.
struct Column {
    name: String,
    holds: Holds,
}

impl Metastore {
    /// Looks through all columns of the database but those that are worked on and those of the tables `aside`.
    ///
    /// It reads each table once, so it takes as long as that takes. A table that cannot be read, or takes longer than five minutes,
    /// is named as unread.
    ///
    /// # Errors
    /// If the database does not tell its columns.
    pub async fn secrets_elsewhere(&self, aside: &[&str]) -> Result<Search, StoreError> {
        let mut search = Search::default();
        for (table, columns) in self.columns().await? {
            if table.to_ascii_lowercase().starts_with("strongroom_") || aside.contains(&table.as_str()) {
                continue;
            }
            match self.look_through(&table, &columns).await {
                Ok(found) => search.found.extend(found),
                Err(error) => search.unread.push((table, error.to_string())),
            }
        }
        Ok(search)
    }

    /// The columns of all tables that can hold a text as long as a token.
    async fn columns(&self) -> Result<BTreeMap<String, Vec<Column>>, StoreError> {
        let query = match self.dialect {
            // Those that are computed are hidden here.
            Dialect::Sqlite => {
                "SELECT m.name AS t, c.name AS c, c.type LIKE '%BLOB%' AS b FROM sqlite_master m, pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' LIMIT ?"
            }
            Dialect::Postgres => {
                "SELECT {text r.relname} AS t, {text a.attname} AS c, CASE y.typname WHEN 'bytea' THEN 1 WHEN 'json' THEN 2 WHEN 'jsonb' THEN 2 ELSE 0 END AS b \
                 FROM pg_class r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type y ON y.oid = a.atttypid \
                 WHERE r.relkind = 'r' AND r.relnamespace = to_regnamespace(quote_ident(current_schema())) AND a.attnum > 0 \
                 AND NOT a.attisdropped AND a.attgenerated = '' AND y.typname IN ('json', 'jsonb', 'text', 'varchar', 'bytea') \
                 AND NOT (y.typname = 'varchar' AND a.atttypmod BETWEEN 0 AND 103) LIMIT ?"
            }
            Dialect::Mysql => {
                "SELECT {text c.table_name} AS t, {text c.column_name} AS c, \
                 CASE WHEN c.data_type LIKE '%blob' OR c.data_type = 'varbinary' THEN 1 WHEN c.data_type = 'json' THEN 2 ELSE 0 END AS b \
                 FROM information_schema.columns c JOIN information_schema.tables r \
                 ON r.table_schema = c.table_schema AND r.table_name = c.table_name AND r.table_type = 'BASE TABLE' \
                 WHERE c.table_schema = database() AND coalesce(c.generation_expression, '') = '' \
                 AND c.data_type IN ('json', 'tinytext', 'text', 'mediumtext', 'longtext', 'varchar', 'char', 'varbinary', \
                 'tinyblob', 'blob', 'mediumblob', 'longblob') \
                 AND coalesce(c.character_maximum_length, 1000) >= 100 LIMIT ?"
            }
        };
        let rows = self.sql(query).bind(MOST_COLUMNS).rows(&self.readers).await?;
        let mut tables = BTreeMap::<String, Vec<Column>>::new();
        for row in rows {
            let (table, name): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let holds = match row.try_get::<i64, _>(2).or_else(|_| row.try_get::<i32, _>(2).map(i64::from))? {
                0 => Holds::Text,
                1 => Holds::Bytes,
                _ => Holds::Json,
            };
            // Names are pasted into the query.
            if is_plain(&table) && is_plain(&name) {
                tables.entry(table).or_default().push(Column { name, holds });
            }
        }
        Ok(tables)
    }

    /// What the columns of a table hold, in one pass through it.
    async fn look_through(&self, table: &str, columns: &[Column]) -> Result<Vec<Elsewhere>, StoreError> {
        let mut asked = Vec::new();
        for column in columns {
            match in_part(table, &column.name) {
                Part::Nothing => {}
                Part::All => asked.push((column, Form::Encrypted, self.is_encrypted(column))),
                Part::Rows(which) => {
                    let condition = format!("{which} AND {}", self.is_encrypted(column));
                    asked.push((column, Form::Encrypted, condition));
                }
            }
            let typed = TYPED.iter().find(|(name, _)| *name == table && column.name == "json");
            if let (Some((_, which)), Some(clear)) = (typed, self.is_clear(column)) {
                asked.push((column, Form::ClearText, format!("{which} AND {clear}")));
            }
        }
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let counts: Vec<String> = asked
            .iter()
            .map(|(_, _, condition)| format!("count(CASE WHEN {condition} THEN 1 END)"))
            .collect();
        let query = format!("SELECT {} FROM {}", counts.join(", "), self.dialect.quoted(table));
        let mut connection = self.patient().await?;
        let row = Statement::new(self.dialect, &query).row_within(&mut *connection, LIMIT).await;
        // It was told to wait for long: others shall not get it so.
        connection.close().await?;
        let Some(row) = row? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (at, (column, form, _)) in asked.into_iter().enumerate() {
            let rows = u64::try_from(row.try_get::<i64, _>(at)?).unwrap_or_default();
            if rows > 0 {
                let (table, Column { name, holds }) = (table.to_owned(), column);
                found.push(Elsewhere { table, column: name.clone(), rows, form, holds: *holds });
            }
        }
        Ok(found)
    }

    /// A connection whose statements may take as long as a table may.
    async fn patient(&self) -> Result<PoolConnection<Any>, StoreError> {
        let mut connection = self.readers.acquire().await?;
        if self.dialect == Dialect::Postgres {
            let patience = format!("SET statement_timeout = {}", LIMIT.as_millis());
            sqlx::raw_sql(AssertSqlSafe(patience)).execute(&mut *connection).await?;
        }
        Ok(connection)
    }

    /// The condition that a column holds a token. Case counts, which it does not for `LIKE` everywhere.
    fn is_encrypted(&self, column: &Column) -> String {
        let name = self.dialect.quoted(&column.name);
        match self.dialect {
            Dialect::Sqlite => format!("instr(CAST({name} AS BLOB), CAST('{TOKEN}' AS BLOB)) > 0"),
            Dialect::Postgres if column.holds == Holds::Bytes => {
                format!("position(convert_to('{TOKEN}', 'UTF8') IN {name}) > 0")
            }
            Dialect::Postgres => format!("CAST({name} AS text) LIKE '%{TOKEN}%'"),
            Dialect::Mysql => format!("instr(CAST({name} AS BINARY), '{TOKEN}') > 0"),
        }
    }

    /// The condition that a document holds a secret as it was typed. SQLite, in which OpenMetadata has none, knows no patterns.
    fn is_clear(&self, column: &Column) -> Option<String> {
        let name = self.dialect.quoted(&column.name);
        match self.dialect {
            Dialect::Sqlite => None,
            Dialect::Postgres => Some(format!("CAST({name} AS text) ~* '{CLEAR}'")),
            Dialect::Mysql => Some(format!("CAST({name} AS char) REGEXP '(?i){CLEAR}'")),
        }
    }
}

/// What of a column nothing here works on.
enum Part {
    Nothing,
    Rows(String),
    All,
}

fn in_part(table: &str, column: &str) -> Part {
    if column.to_ascii_lowercase().ends_with("hash") {
        return Part::Nothing;
    }
    let mut kinds = EntityKind::ALL.iter().chain(EntityKind::SETTINGS);
    let copies = CopyTable::ALL.iter().find(|copies| copies.name() == table);
    match copies {
        Some(CopyTable::Versions) if column == "json" => {
            let versions: Vec<String> =
                kinds.map(|kind| format!("extension LIKE '{}.%'", kind.entity_type())).collect();
            Part::Rows(format!("NOT ({})", versions.join(" OR ")))
        }
        Some(CopyTable::AuditLog) if column == "event_json" => Part::Nothing,
        Some(CopyTable::ChangeEvents | CopyTable::FailedEvents | CopyTable::SentEvents)
            if column == "json" =>
        {
            Part::Nothing
        }
        None if column == "json" && kinds.any(|kind| kind.table() == table) => Part::Nothing,
        _ => Part::All,
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '-'))
}
