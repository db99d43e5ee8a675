//! Lists of things that were checked, as people read them: a sign, what it is, how it stands, and beneath what to do.

use std::io::{self, Write};

use strongroom_secrets::ErrorKind;

/// How far what stands beneath a line is indented, if it does not stand under the line's text.
pub(crate) const INDENT: usize = 4;

/// How something that was checked turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
    /// It is no fault, but somebody should know.
    Mind,
    /// It was not tried.
    Untried,
}

impl Sign {
    /// The character in front of a line.
    pub(crate) fn mark(self) -> char {
        match self {
            Self::Good => '✓',
            Self::Bad => '✗',
            Self::Mind => '!',
            Self::Untried => '·',
        }
    }
}

/// A line: the sign, the subject in a column of its own, and a text, which goes on under itself where `columns` end.
pub(crate) fn line(
    out: &mut impl Write,
    sign: Sign,
    (subject, width): (&str, usize),
    text: &str,
    columns: Option<usize>,
) -> io::Result<()> {
    let head = format!("{} {subject:width$}", sign.mark());
    let indent = head.chars().count() + 2;
    let mut lines = wrapped(text, columns.map(|columns| columns.saturating_sub(indent))).into_iter();
    let first = lines.next().unwrap_or_default();
    writeln!(out, "{}", format!("{head}  {first}").trim_end())?;
    lines.try_for_each(|line| writeln!(out, "{:indent$}{line}", ""))
}

/// What stands beneath a line, each of its lines indented.
pub(crate) fn beneath(
    out: &mut impl Write,
    indent: usize,
    text: &str,
    columns: Option<usize>,
) -> io::Result<()> {
    let lines = wrapped(text, columns.map(|columns| columns.saturating_sub(indent)));
    lines.iter().try_for_each(|line| writeln!(out, "{:indent$}{line}", ""))
}

/// The lines of a text, none longer than `columns` unless a word is.
fn wrapped(text: &str, columns: Option<usize>) -> Vec<String> {
    /// Narrower columns would leave a word a line.
    const LEAST: usize = 20;
    let Some(columns) = columns else { return text.lines().map(str::to_owned).collect() };
    let columns = columns.max(LEAST);
    let mut lines = Vec::new();
    for line in text.lines() {
        let margin = line.len() - line.trim_start().len();
        let mut current = " ".repeat(margin);
        for word in line.split_whitespace() {
            let begins = current.trim().is_empty();
            if !begins && current.chars().count() + 1 + word.chars().count() > columns {
                lines.push(std::mem::replace(&mut current, format!("{:margin$}{word}", "")));
                continue;
            }
            if !begins {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

/// `PermissionDenied` as `permission-denied`.
pub(crate) fn kebab(kind: ErrorKind) -> String {
    let mut text = String::new();
    for c in format!("{kind:?}").chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str, columns: Option<usize>) -> String {
        let mut out = Vec::new();
        line(&mut out, Sign::Bad, ("vault.tls", 12), text, columns).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn kinds_are_written_in_kebab_case() {
        assert_eq!(kebab(ErrorKind::PermissionDenied), "permission-denied");
        assert_eq!(kebab(ErrorKind::Other), "other");
    }

    #[test]
    fn a_text_goes_on_under_itself() {
        assert_eq!(printed("one two", None), "✗ vault.tls     one two\n");
        assert_eq!(
            printed("a certificate that nobody trusts", Some(38)),
            "✗ vault.tls     a certificate that\n                nobody trusts\n"
        );
        // A word that is too long stands alone, whole.
        let word = "x".repeat(50);
        assert_eq!(printed(&format!("a {word}"), Some(40)).lines().nth(1).unwrap().trim(), word);
    }

    #[test]
    fn lines_of_a_text_stay_lines_and_keep_their_margin() {
        assert_eq!(printed("first:\n  a: b", Some(60)), "✗ vault.tls     first:\n                  a: b\n");
    }
}
