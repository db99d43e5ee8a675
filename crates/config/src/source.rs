//! What the sections are read from: the file's text and the environment.

use std::cell::RefCell;
use std::path::Path;

use strongroom_secrets::SecretValue;

use crate::environment::Environment;
use crate::error::Place;
use crate::found::Found;
use crate::origins::Origins;
use crate::substitute::Expanded;
use strongroom_yaml::{Content, Node};

/// What all sections are read from.
pub(crate) struct Source<'a> {
    pub(crate) environment: &'a Environment,
    /// The file and its text, unless there is no file.
    pub(crate) file: Option<(&'a Path, &'a Expanded)>,
    /// The file's text as it is written, before variables were put in; empty without a file.
    written: &'a str,
    pub(crate) warnings: RefCell<Vec<String>>,
    origins: RefCell<Origins>,
}

impl<'a> Source<'a> {
    /// What sections are read from; `written` is the file's text before variables were put in.
    pub(crate) fn new(
        environment: &'a Environment,
        file: Option<(&'a Path, &'a Expanded)>,
        written: &'a str,
    ) -> Self {
        Self { environment, file, written, warnings: RefCell::default(), origins: RefCell::default() }
    }
}

impl Source<'_> {
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        self.warnings.borrow_mut().push(warning.into());
    }

    /// The warnings, and where settings were found.
    pub(crate) fn into_noted(self) -> (Vec<String>, Origins) {
        let mut origins = self.origins.into_inner();
        origins.secrets_in_file.sort();
        origins.secrets_in_file.dedup();
        (self.warnings.into_inner(), origins)
    }

    /// Remembers where a setting was found.
    pub(crate) fn note(&self, found: &Found) {
        self.origins.borrow_mut().places.insert(found.key.clone(), found.place.clone());
    }

    /// Remembers where a secret was found, and whether it stands in the file itself: not in a variable that is put in there.
    pub(crate) fn note_secret(&self, found: &Found) {
        self.note(found);
        let Place::File { line, column, .. } = &found.place else { return };
        let first = found.text().lines().next().unwrap_or_default();
        let stands_there =
            || self.written.lines().nth(line.saturating_sub(1)).is_some_and(|line| line.contains(first));
        if column.is_some() || stands_there() {
            self.origins.borrow_mut().secrets_in_file.push(found.key.clone());
        }
    }

    /// A place in the file, from one in its expanded text.
    pub(crate) fn place(&self, line: usize, column: usize) -> Place {
        match self.file {
            Some((file, expanded)) => {
                let (line, column) = expanded.written(line, column);
                Place::File { file: file.to_owned(), line, column }
            }
            None => Place::Path("(no file)".into()),
        }
    }

    /// The value of the first of these variables that is set and not empty, without the quotes that Helm adds.
    pub(crate) fn variable(&self, names: &[&str], key: &str) -> Option<Found> {
        names.iter().find_map(|name| {
            let value = unquote(self.environment.get(name)?);
            (!value.is_empty()).then(|| Found {
                value,
                key: key.to_owned(),
                place: Place::Variable((*name).into()),
            })
        })
    }
}

/// A value that stands in double quotes is read as YAML reads it: `"a\"b"` is `a"b`. Anything else stays as it is.
fn unquote(value: &str) -> SecretValue {
    let quoted = value.trim();
    if quoted.len() >= 2 && quoted.starts_with('"') && quoted.ends_with('"') {
        return match strongroom_yaml::parse(quoted) {
            Ok(Node { content: Content::Text(text), .. }) => text,
            _ => SecretValue::new(&quoted[1..quoted.len() - 1]),
        };
    }
    SecretValue::new(value)
}
