//! `${VAR:-default}`: variables are put into the whole text of the file before it is read as YAML.
//!
//! The rules are those of the substitutor that OpenMetadata's server uses (commons-text's, not strict, without
//! substitution in names), so that one file means the same to both programs:
//!
//! | Text | Becomes |
//! |---|---|
//! | `${V}` | the value; if V is not set, it stays as it is |
//! | `${V:-d}` | the value, also an empty one; if V is not set, `d`: from the first `:-` to the first `}` |
//! | `$${V}` | the text `${V}` |
//! | `$V`, `$` | themselves |
//! | `${V:-${W}}`, `${${N}}` | not nested: the inner `${` is text |
//! | `${FERNET_KEY:-d}` | nothing, if only `FERNET_KEY_FILE` is set: see [`FROM_FILES`] |
//!
//! Comments are expanded too, and a value can bring YAML with it. A value that holds `${W}` is expanded in its turn, with
//! one exception of our own: **the text of a secret is put in as it stands**, since a password may well hold `${`. What
//! counts as one is decided by two names, for the text alone cannot tell: that of the variable (`OM_SM_CLIENT_SECRET`,
//! `DB_USER_PASSWORD`) and that of the key which it is put into (`clientSecret: ${MY_VALUE}`); see [`holds_secret`].

mod expanded;
mod secrecy;

use crate::environment::Environment;
use crate::error::ConfigError;

pub(crate) use expanded::{Expanded, Output};
use secrecy::{holds_secret, secret_key_before};

/// The longest text that may come out, in bytes: far above any real file, far below what a doubling chain could make.
const MAX_BYTES: usize = 4 << 20;

/// Secrets that our sections also read from the file which `<VARIABLE>_FILE` names. While only that is set, the variable
/// counts as set and empty, so that no default of the configuration file comes before it.
const FROM_FILES: [&str; 2] = ["FERNET_KEY", "OM_SM_CLIENT_SECRET"];

/// How many variables may stand inside one another's values.
const MAX_DEPTH: usize = 64;

/// How many variables may be put in altogether: a chain that doubles at each step need not make the text longer.
const MAX_STEPS: usize = 100_000;

/// Why a text cannot be expanded, and the written line in which that shows. No values are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SubstituteError {
    pub(crate) line: usize,
    pub(crate) kind: SubstituteErrorKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SubstituteErrorKind {
    /// The variables' values hold each other, in this order.
    Loop(Vec<String>),
    /// More variables stand inside one another than [`MAX_DEPTH`].
    TooDeep,
    /// More comes out than [`MAX_BYTES`] and [`MAX_STEPS`] allow.
    TooLong,
}

impl SubstituteErrorKind {
    /// The error for people.
    pub(crate) fn explain(&self) -> ConfigError {
        match self {
            Self::Loop(names) => ConfigError::new(format!(
                "the values of environment variables hold each other: {}",
                names.join(" → ")
            ))
            .hint("one of them must not hold ${…}"),
            Self::TooDeep => {
                ConfigError::new(format!("more than {MAX_DEPTH} environment variables hold one another"))
            }
            Self::TooLong => ConfigError::new("the environment variables make the text too long"),
        }
    }
}

/// Puts the variables into `text`.
pub(crate) fn expand(text: &str, environment: &Environment) -> Result<Expanded, SubstituteError> {
    let mut out = Output::with_capacity(text.len());
    let mut expander =
        Expander { environment, chain: Vec::new(), steps: 0, unset: Vec::new(), warnings: Vec::new() };
    let mut unset = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(piece) => out.push_written(piece),
            Piece::Escaped => out.push_value("${"),
            Piece::Variable { at, whole, name, default } => {
                let failed = |kind| SubstituteError { line: out.line, kind };
                let value =
                    expander.value(name, default, whole, secret_key_before(&text[..at])).map_err(failed)?;
                if out.text.len() + value.len() > MAX_BYTES {
                    return Err(failed(SubstituteErrorKind::TooLong));
                }
                let first = out.current();
                let (line, is_default) = (out.line, expander.environment.get(name).is_none());
                if is_default && default.is_some_and(|default| default.contains("${")) {
                    expander.warnings.push(format!(
                        "line {line}: ${{{name}:-${{…}}}} is not nested: its default ends at the first }}"
                    ));
                }
                out.push_value(&value);
                // A default may run over several lines of the file.
                out.line += whole.matches('\n').count();
                unset.extend(expander.unset.drain(..).map(|name| (first, name)));
            }
        }
    }
    let warnings = expander.warnings;
    Ok(out.finish(unset, warnings))
}

enum Piece<'t> {
    Text(&'t str),
    /// `$${`, which stands for `${`.
    Escaped,
    Variable {
        at: usize,
        whole: &'t str,
        name: &'t str,
        default: Option<&'t str>,
    },
}

/// Cuts a text at its variables. A `${` without a `}` behind it ends the search, as it does in the reference.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut done = 0;
    while let Some(found) = text[done..].find("${") {
        let start = done + found;
        if text[done..start].ends_with('$') {
            pieces.push(Piece::Text(&text[done..start - 1]));
            pieces.push(Piece::Escaped);
            done = start + 2;
            continue;
        }
        let Some(length) = text[start + 2..].find('}') else { break };
        let (inside, end) = (&text[start + 2..start + 2 + length], start + 2 + length + 1);
        let (name, default) = split_default(inside);
        pieces.push(Piece::Text(&text[done..start]));
        pieces.push(Piece::Variable { at: start, whole: &text[start..end], name, default });
        done = end;
    }
    pieces.push(Piece::Text(&text[done..]));
    pieces
}

/// Splits at the first `:-`, unless a `${` comes before it.
fn split_default(inside: &str) -> (&str, Option<&str>) {
    let nested = inside.find("${").unwrap_or(inside.len());
    match inside[..nested].find(":-") {
        Some(at) => (&inside[..at], Some(&inside[at + 2..])),
        None => (inside, None),
    }
}

struct Expander<'e> {
    environment: &'e Environment,
    /// The variables whose values are being expanded, the outermost first.
    chain: Vec<String>,
    steps: usize,
    unset: Vec<String>,
    warnings: Vec<String>,
}

impl Expander<'_> {
    fn value(
        &mut self,
        name: &str,
        default: Option<&str>,
        whole: &str,
        into_secret: bool,
    ) -> Result<String, SubstituteErrorKind> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(SubstituteErrorKind::TooLong);
        }
        if let Some(value) = self.environment.get(name) {
            if into_secret || holds_secret(name) {
                if value.contains("${") {
                    self.warnings.push(format!(
                        "the value of {name} holds ${{: as the text of a secret it is taken as it stands"
                    ));
                }
                if value.contains(" #") && !value.starts_with(['"', '\'']) {
                    self.warnings.push(format!(
                        "the value of {name} holds a space and #, where YAML begins a comment: put ${{{name}}} in quotes"
                    ));
                }
                return Ok(value.to_owned());
            }
            if self.chain.iter().any(|above| above == name) {
                let mut names = self.chain.clone();
                names.push(name.to_owned());
                return Err(SubstituteErrorKind::Loop(names));
            }
            if self.chain.len() >= MAX_DEPTH {
                return Err(SubstituteErrorKind::TooDeep);
            }
            self.chain.push(name.to_owned());
            let value = self.text(value, into_secret);
            self.chain.pop();
            return value;
        }
        if FROM_FILES.contains(&name) && self.environment.has(&format!("{name}_FILE")) {
            return Ok(String::new());
        }
        match default {
            Some(default) => {
                if let Some((_, inner)) = default.split_once("${") {
                    self.unset.push(split_default(inner).0.to_owned());
                }
                self.text(default, into_secret)
            }
            None => {
                self.unset.push(name.to_owned());
                Ok(whole.to_owned())
            }
        }
    }

    fn text(&mut self, text: &str, into_secret: bool) -> Result<String, SubstituteErrorKind> {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Text(piece) => out.push_str(piece),
                Piece::Escaped => out.push_str("${"),
                Piece::Variable { whole, name, default, .. } => {
                    out.push_str(&self.value(name, default, whole, into_secret)?);
                }
            }
            if out.len() > MAX_BYTES {
                return Err(SubstituteErrorKind::TooLong);
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
