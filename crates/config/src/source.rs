//! What the sections are read from: the file's text and the environment.

use std::cell::RefCell;
use std::path::Path;

use strongroom_secrets::SecretValue;

use crate::document::{self, Content, Node};
use crate::environment::Environment;
use crate::error::Place;
use crate::found::Found;
use crate::substitute::Expanded;

/// What all sections are read from.
pub(crate) struct Source<'a> {
    pub(crate) environment: &'a Environment,
    /// The file and its text, unless there is no file.
    pub(crate) file: Option<(&'a Path, &'a Expanded)>,
    pub(crate) warnings: RefCell<Vec<String>>,
}

impl Source<'_> {
    pub(crate) fn warn(&self, warning: impl Into<String>) {
        self.warnings.borrow_mut().push(warning.into());
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
        return match document::parse(quoted) {
            Ok(Node { content: Content::Text(text), .. }) => text,
            _ => SecretValue::new(&quoted[1..quoted.len() - 1]),
        };
    }
    SecretValue::new(value)
}
