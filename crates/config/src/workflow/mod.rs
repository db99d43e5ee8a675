//! The files that describe a run of the ingestion (`metadata ingest -c FILE`), in YAML or JSON.
//!
//! The text passes through these steps: Python's `$VAR` (see [`expandvars`]), then YAML ([`document`](crate::document), with its
//! merge keys: [`merge`]) or JSON ([`json`]) without guessing at types, then [`keys`] checks what the ingestion would refuse, so
//! that it is told with its line. What a connection may hold is the connector's affair and not checked.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod json;
mod keys;
mod merge;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use strongroom_secrets::SecretValue;

pub use keys::Run;

use crate::environment::Environment;
use crate::error::{ConfigError, Place};
use crate::expandvars::{self, ExpandedFile};
use crate::file;
use crate::section::Section;
use crate::sections::pipeline::SecretsManagerLoader;
use crate::sections::secrets_manager::SecretsManager;
use crate::source::Source;
use strongroom_yaml::{Content, Node, SyntaxError};

/// A workflow file, read and checked.
pub struct WorkflowFile {
    path: PathBuf,
    expanded: ExpandedFile,
    root: Node,
    checked: keys::Checked,
}

/// One step down into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathStep<'a> {
    /// Into the value of a key.
    Key(&'a str),
    /// Into an entry of a list, counted from 0.
    Index(usize),
}

/// A value of the file, wherever it stands.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The way to it.
    pub path: Vec<PathStep<'a>>,
    /// Where it is written.
    pub place: Place,
    /// Its text, as written, if it is a scalar. It may be a password.
    pub text: Option<&'a SecretValue>,
    /// The first `$NAME` or `${NAME}` in it that stands there because no such variable is set.
    pub left: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Yaml,
    Json,
}

impl WorkflowFile {
    /// Reads and checks a file whose name ends in `.yaml`, `.yml` or `.json`, of at most 1 MiB.
    ///
    /// # Errors
    /// The first thing that is wrong: it cannot be read or parsed, has a key that the ingestion refuses, lacks one that it
    /// needs, or holds a value out of a fixed choice that is not among it.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let format = Format::of(path)?;
        let text = file::read(path).map_err(|error| match error.advice() {
            Some(_) => error.hint("name the workflow file with -c, as in -c workflow.yaml"),
            None => error,
        })?;
        Self::checked(path, format, &text, environment)
    }

    /// Checks a `text` as if it were read from `path`.
    ///
    /// # Errors
    /// As [`WorkflowFile::load`].
    pub fn parse(path: &Path, text: &str, environment: &Environment) -> Result<Self, ConfigError> {
        Self::checked(path, Format::of(path)?, text, environment)
    }

    fn checked(
        path: &Path,
        format: Format,
        text: &str,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let expanded = expandvars::expand(text, environment).map_err(|line| {
            ConfigError::new(expandvars::TooLong.to_string()).at(Place::File {
                file: path.to_owned(),
                line,
                column: None,
            })
        })?;
        let root = parse(path, format, &expanded)?;
        let source = Source::new(environment, Some((path, &expanded.text)), "");
        let checked = keys::check(&Section::root(&source, &root)?)?;
        Ok(Self { path: path.to_owned(), root, checked, expanded })
    }

    /// The file, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What kind of run it describes.
    pub fn run(&self) -> Run {
        self.checked.run
    }

    /// `secretsManagerProvider`: which vault references lead to. `db`, which has none, unless it is set.
    pub fn provider(&self) -> SecretsManager {
        self.checked.provider
    }

    /// `secretsManagerLoader`: where the vault's settings come from. Nowhere, unless it is set.
    pub fn loader(&self) -> SecretsManagerLoader {
        self.checked.loader
    }

    /// Where the provider is chosen, or would be.
    pub fn place_of_provider(&self) -> &Place {
        &self.checked.place_of_provider
    }

    /// All values of the file but the mapping that it is itself, parents before what they hold. Nulls are left out.
    pub fn entries(&self) -> Vec<Entry<'_>> {
        let mut found = Vec::new();
        self.descend(&self.root, &mut Vec::new(), &mut found);
        found
    }

    fn descend<'a>(&'a self, node: &'a Node, path: &mut Vec<PathStep<'a>>, found: &mut Vec<Entry<'a>>) {
        let text = match &node.content {
            Content::Null => return,
            Content::Text(text) => Some(text),
            Content::List(_) | Content::Map(_) => None,
        };
        if !path.is_empty() {
            let left = text.and_then(|text| self.expanded.left_in(node.line, text.expose()));
            found.push(Entry { path: path.clone(), place: self.place(node), text, left });
        }
        match &node.content {
            Content::Null | Content::Text(_) => {}
            Content::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(PathStep::Index(index));
                    self.descend(item, path, found);
                    path.pop();
                }
            }
            Content::Map(entries) => {
                for (key, value) in entries {
                    path.push(PathStep::Key(&key.name));
                    self.descend(value, path, found);
                    path.pop();
                }
            }
        }
    }

    /// The file's form as JSON, without its texts: only those of keys called `type` are kept, all others are empty. That is all
    /// one needs to find the fields in which secrets stand.
    pub fn outline(&self) -> Value {
        outline(&self.root, false)
    }

    fn place(&self, node: &Node) -> Place {
        let (line, column) = self.expanded.text.written(node.line, node.column);
        Place::File { file: self.path.clone(), line, column }
    }
}

impl fmt::Debug for WorkflowFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkflowFile")
            .field("path", &self.path)
            .field("run", &self.run())
            .finish_non_exhaustive()
    }
}

impl Format {
    fn of(path: &Path) -> Result<Self, ConfigError> {
        // As the ingestion has it: in lower case.
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("json") => Ok(Self::Json),
            _ => Err(ConfigError::new("the file's name tells no format")
                .at(Place::Path(path.to_owned()))
                .hint("a workflow file ends in .yaml, .yml or .json")),
        }
    }
}

fn parse(path: &Path, format: Format, expanded: &ExpandedFile) -> Result<Node, ConfigError> {
    let expanded = &expanded.text;
    let text = expanded.text.expose();
    let parsed = match format {
        Format::Yaml => strongroom_yaml::parse(text).and_then(merge::merged),
        Format::Json => json::parse(text),
    };
    let parsed = parsed.and_then(|root| merge::each_once(&root).map(|()| root));
    let root = parsed.map_err(|SyntaxError { line, column, what }| {
        let (line, column) = expanded.written(line, column);
        let error = ConfigError::new(what).at(Place::File { file: path.to_owned(), line, column });
        match (column, format) {
            (None, Format::Yaml) => error.hint(
                "the value of the variable in this line may hold characters that YAML keeps for itself: put $… in quotes",
            ),
            (None, Format::Json) => error.hint(
                "the value of the variable in this line may hold a quotation mark, a \\ or a line break, which end a text in JSON",
            ),
            (Some(_), _) => error,
        }
    })?;
    match root.content {
        Content::Null => Err(ConfigError::new("the file is empty")
            .at(Place::Path(path.to_owned()))
            .hint("a workflow has at least source and workflowConfig")),
        _ => Ok(root),
    }
}

fn outline(node: &Node, is_type: bool) -> Value {
    match &node.content {
        Content::Null => Value::Null,
        Content::Text(text) => Value::from(if is_type { text.expose() } else { "" }),
        Content::List(items) => items.iter().map(|item| outline(item, false)).collect(),
        Content::Map(entries) => {
            let members =
                entries.iter().map(|(key, value)| (key.name.clone(), outline(value, key.name == "type")));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests;
