//! Reading the keys of a section, each from the file or else from its variables.
//!
//! The order is the same for every key: a value in the file wins; where the file leaves the key out or empty, the variables
//! are asked in the order given; then the default holds. Empty is null, an empty text and an empty list.

use std::time::Duration;

use strongroom_secrets::SecretValue;

use crate::error::{ConfigError, Place};
use crate::found::Found;
use crate::source::Source;
use crate::suggest;
use strongroom_yaml::{Content, Key, Node};

const ENTRY_HINT: &str =
    "an entry with a colon and a space becomes a mapping: leave the space out, or put the entry in quotes";

/// The keys that a section may have.
pub(crate) struct Keys {
    /// The keys that we read.
    pub(crate) ours: &'static [&'static str],
    /// The keys of the reference that mean nothing to us.
    pub(crate) others: &'static [&'static str],
    /// Whether a key that is neither is left alone, unless it looks like one of ours misspelt.
    pub(crate) open: bool,
}

/// One mapping of the file; an empty one where the file has none.
pub(crate) struct Section<'a> {
    source: &'a Source<'a>,
    path: String,
    entries: &'a [(Key, Node)],
}

impl<'a> Section<'a> {
    /// The root of the document. Its keys are checked by the caller.
    pub(crate) fn root(source: &'a Source<'a>, node: &'a Node) -> Result<Self, ConfigError> {
        let mut root = Self { source, path: String::new(), entries: &[] };
        root.entries = root.mapping(node, "the file")?;
        Ok(root)
    }

    pub(crate) fn source(&self) -> &'a Source<'a> {
        self.source
    }

    /// The names of the keys, with how to make an error about each.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&'a str, Place)> {
        self.entries.iter().map(|(key, _)| (key.name.as_str(), self.source.place(key.line, key.column)))
    }

    /// The mapping under `key`, all of whose keys must be in `keys`.
    pub(crate) fn section(&self, key: &str, keys: &Keys) -> Result<Section<'a>, ConfigError> {
        let section = self.section_unchecked(key)?;
        section.check(keys)?;
        Ok(section)
    }

    /// The mapping under `key`, whose keys the caller checks.
    pub(crate) fn section_unchecked(&self, key: &str) -> Result<Section<'a>, ConfigError> {
        let path = self.path_of(key);
        let entries = match self.node(key)? {
            Some(node) => self.mapping(node, &path)?,
            None => &[],
        };
        Ok(Section { source: self.source, path, entries })
    }

    /// An empty section, for a list whose first mapping is missing: its variables still count.
    pub(crate) fn nothing(&self, key: &str) -> Section<'a> {
        Section { source: self.source, path: self.path_of(key), entries: &[] }
    }

    /// The mappings in the list under `key`.
    pub(crate) fn sections(&self, key: &str, keys: &Keys) -> Result<Vec<Section<'a>>, ConfigError> {
        let path = self.path_of(key);
        let items = match self.node(key)? {
            Some(Node { content: Content::List(items), .. }) => items.as_slice(),
            Some(Node { content: Content::Null, .. }) | None => &[],
            Some(node) => return Err(self.wrong_kind(node, &path, "a list")),
        };
        items
            .iter()
            .enumerate()
            .map(|(index, node)| {
                let path = format!("{path}[{index}]");
                let section = Section { source: self.source, entries: self.mapping(node, &path)?, path };
                section.check(keys)?;
                Ok(section)
            })
            .collect()
    }

    /// A text: from the file, else from the variables.
    pub(crate) fn text(&self, key: &str, variables: &[&str]) -> Result<Option<Found>, ConfigError> {
        let path = self.path_of(key);
        let found = match self.in_file(key, &path)? {
            Some(found) => Some(found),
            None => self
                .source
                .variable(variables, &path)
                .map(|found| Found { value: SecretValue::new(found.text().trim()), ..found }),
        };
        found.iter().for_each(|found| self.source.note(found));
        Ok(found)
    }

    /// A secret: from the file, else from the variables, else from the file that `<VARIABLE>_FILE` names.
    pub(crate) fn secret(&self, key: &str, variables: &[&str]) -> Result<Option<Found>, ConfigError> {
        let path = self.path_of(key);
        let found = match self.in_file(key, &path)? {
            Some(found) => Some(found),
            None => match self.source.variable(variables, &path) {
                Some(found) => Some(found),
                None => {
                    let files: Vec<String> = variables.iter().map(|name| format!("{name}_FILE")).collect();
                    let files: Vec<&str> = files.iter().map(String::as_str).collect();
                    self.source.variable(&files, &path).map(Found::read_file).transpose()?
                }
            },
        };
        found.iter().for_each(|found| self.source.note_secret(found));
        Ok(found)
    }

    /// The entries of a list: from the file, else from the variables, whose text is a list in YAML.
    pub(crate) fn list(&self, key: &str, variables: &[&str]) -> Result<Option<Vec<Found>>, ConfigError> {
        let path = self.path_of(key);
        if let Some(node) = self.node(key)?
            && let Some(list) = self.entries_of(node, &path)?
        {
            return Ok(Some(list));
        }
        let Some(variable) = self.source.variable(variables, &path) else { return Ok(None) };
        let malformed =
            || variable.fault("the value is not a list").hint("write the list in brackets: [first,second]");
        let node = strongroom_yaml::parse(variable.text()).map_err(|_| malformed())?;
        let Content::List(items) = node.content else { return Err(malformed()) };
        let entry = |(index, node): (usize, Node)| {
            let (kind, key) = (node.kind(), format!("{path}[{index}]"));
            match node.content {
                Content::Text(value) => Ok(Found { value, key, place: variable.place.clone() }),
                _ => Err(ConfigError::new(format!("must be a text, not {kind}"))
                    .at(variable.place.clone())
                    .key(key)
                    .hint(ENTRY_HINT)),
            }
        };
        let list: Vec<Found> = items.into_iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        Ok(Some(list).filter(|list| !list.is_empty()))
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &str, variables: &[&str], default: bool) -> Result<bool, ConfigError> {
        match self.text(key, variables)? {
            None => Ok(default),
            Some(found) => match found.text().to_ascii_lowercase().as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(found.fault("must be true or false")),
            },
        }
    }

    /// A TCP port; 0 lets the system choose one.
    pub(crate) fn port(&self, key: &str, variables: &[&str], default: u16) -> Result<u16, ConfigError> {
        self.text(key, variables)?.map_or(Ok(default), |found| {
            found.text().parse().map_err(|_| {
                found
                    .fault("must be a port")
                    .hint("a whole number from 1 to 65535; 0 lets the system choose one")
            })
        })
    }

    /// A span of time in seconds, with a fraction if need be; more than zero, at most a day.
    pub(crate) fn seconds(
        &self,
        key: &str,
        variables: &[&str],
        default: f64,
    ) -> Result<(Duration, Option<Found>), ConfigError> {
        let Some(found) = self.text(key, variables)? else {
            return Ok((Duration::from_secs_f64(default), None));
        };
        let seconds =
            found.text().parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= 86_400.0);
        match seconds {
            Some(seconds) => Ok((Duration::from_secs_f64(seconds), Some(found))),
            None => Err(found
                .fault("must be a number of seconds")
                .hint("more than 0, at most 86400, such as 30 or 0.5")),
        }
    }

    /// The path of a key from the root of the file.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Where a key stands that has a value.
    pub(crate) fn place_of(&self, key: &str) -> Option<Place> {
        let (key, _) = self
            .entries
            .iter()
            .find(|(entry, node)| entry.name == key && !matches!(node.content, Content::Null))?;
        Some(self.source.place(key.line, key.column))
    }

    /// The file as a whole.
    pub(crate) fn file(&self) -> Place {
        Place::Path(self.source.file.map_or_else(|| "(no file)".into(), |(file, _)| file.to_owned()))
    }

    /// Refuses a key that is not in `keys`.
    pub(crate) fn check(&self, keys: &Keys) -> Result<(), ConfigError> {
        for (name, place) in self.keys() {
            if keys.ours.contains(&name) || keys.others.contains(&name) {
                continue;
            }
            let suggestion = suggest::nearest(name, keys.ours.iter().chain(keys.others).copied());
            if suggestion.is_none() && keys.open {
                continue;
            }
            let error = ConfigError::new("there is no such key").at(place).key(self.path_of(name));
            return Err(match suggestion {
                Some(known) => error.hint(format!("did you mean {known}?")),
                None => error.hint(format!("this section knows {}", keys.ours.join(", "))),
            });
        }
        Ok(())
    }

    fn node(&self, key: &str) -> Result<Option<&'a Node>, ConfigError> {
        let mut found = self.entries.iter().filter(|(entry, _)| entry.name == key);
        let Some((_, node)) = found.next() else { return Ok(None) };
        match found.next() {
            None => Ok(Some(node)),
            Some((again, _)) => Err(ConfigError::new("the key stands here a second time")
                .at(self.source.place(again.line, again.column))
                .key(self.path_of(key))
                .hint("keep one of the two")),
        }
    }

    fn mapping(&self, node: &'a Node, path: &str) -> Result<&'a [(Key, Node)], ConfigError> {
        match &node.content {
            Content::Map(entries) => Ok(entries),
            Content::Null => Ok(&[]),
            _ => Err(self.wrong_kind(node, path, "a mapping")),
        }
    }

    fn entries_of(&self, node: &Node, path: &str) -> Result<Option<Vec<Found>>, ConfigError> {
        let items = match &node.content {
            Content::List(items) => items,
            Content::Null => return Ok(None),
            // `""` is how an empty list often looks after Helm.
            Content::Text(text) if text.is_empty() => return Ok(None),
            Content::Text(text) => {
                self.check_set(node, path, text.expose())?;
                return Err(self
                    .wrong_kind(node, path, "a list")
                    .hint("write it in brackets: [first,second]"));
            }
            Content::Map(_) => return Err(self.wrong_kind(node, path, "a list")),
        };
        let entry = |(index, item): (usize, &Node)| {
            let path = format!("{path}[{index}]");
            if matches!(item.content, Content::Map(_)) {
                return Err(self.wrong_kind(item, &path, "a text").hint(ENTRY_HINT));
            }
            self.found(item, &path)
        };
        let list: Vec<Found> =
            items.iter().enumerate().map(entry).filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(Some(list).filter(|list| !list.is_empty()))
    }

    fn in_file(&self, key: &str, path: &str) -> Result<Option<Found>, ConfigError> {
        self.node(key)?.map_or(Ok(None), |node| self.found(node, path))
    }

    /// The text of a node; none if it is empty.
    fn found(&self, node: &Node, path: &str) -> Result<Option<Found>, ConfigError> {
        match &node.content {
            Content::Null => Ok(None),
            Content::Text(text) if text.is_empty() => Ok(None),
            Content::Text(text) => {
                self.check_set(node, path, text.expose())?;
                Ok(Some(Found {
                    value: text.clone(),
                    key: path.to_owned(),
                    place: self.source.place(node.line, node.column),
                }))
            }
            Content::List(_) | Content::Map(_) => Err(self.wrong_kind(node, path, "a text")),
        }
    }

    /// A variable that is not set must not reach us as the text `${NAME}`.
    fn check_set(&self, node: &Node, path: &str, text: &str) -> Result<(), ConfigError> {
        let Some((_, expanded)) = self.source.file else { return Ok(()) };
        match expanded.unset_in(node.line, text) {
            None => Ok(()),
            Some(name) => Err(ConfigError::new(format!("the environment variable {name} is not set"))
                .at(self.source.place(node.line, node.column))
                .key(path)
                .hint(format!("set {name}, or give a default in the file: ${{{name}:-default}}"))),
        }
    }

    fn wrong_kind(&self, node: &Node, path: &str, wanted: &str) -> ConfigError {
        ConfigError::new(format!("must be {wanted}, not {}", node.kind()))
            .at(self.source.place(node.line, node.column))
            .key(path)
    }
}
