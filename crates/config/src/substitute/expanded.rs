//! The text that comes out of the substitution, with the way back to the text that went in.

use strongroom_secrets::SecretValue;

/// A text with its variables put in.
#[derive(Debug)]
pub(crate) struct Expanded {
    /// The text, which may hold passwords now.
    pub(crate) text: SecretValue,
    /// For each line of the text, where it comes from.
    lines: Vec<Line>,
    /// The variables that are not set and have no default, by the line (from 1) of the text in which they stand.
    unset: Vec<(usize, String)>,
    /// What may not be meant as it is written.
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// The line of the text as it was written, counted from 1.
    written: usize,
    /// Whether the columns are still the written ones.
    untouched: bool,
}

impl Expanded {
    /// Turns a place in the expanded text into one in the written text: the line, and the column where it is the same.
    pub(crate) fn written(&self, line: usize, column: usize) -> (usize, Option<usize>) {
        match self.lines.get(line.saturating_sub(1)).or(self.lines.last()) {
            Some(found) => (found.written, found.untouched.then_some(column)),
            None => (1, None),
        }
    }

    /// The name of a variable that is not set and was left in `text`, which begins in this line of the expanded text.
    pub(crate) fn unset_in(&self, line: usize, text: &str) -> Option<&str> {
        let last = line + text.matches('\n').count();
        let here = self.unset.iter().filter(|(at, _)| (line..=last).contains(at));
        here.map(|(_, name)| name.as_str()).find(|name| {
            text.match_indices("${").any(|(at, _)| {
                text[at + 2..]
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('}') || rest.starts_with(':'))
            })
        })
    }

    /// The name of a variable that is not set and was left in this line.
    pub(crate) fn unset_on(&self, line: usize) -> Option<&str> {
        self.unset.iter().find(|(at, _)| *at == line).map(|(_, name)| name.as_str())
    }
}

/// The text that comes out, and where each of its lines was written.
pub(crate) struct Output {
    pub(crate) text: String,
    lines: Vec<Line>,
    /// The written line that is being copied.
    pub(crate) line: usize,
    untouched: bool,
}

impl Output {
    /// Room for a text of this length.
    pub(crate) fn with_capacity(length: usize) -> Self {
        Self { text: String::with_capacity(length), lines: Vec::new(), line: 1, untouched: true }
    }

    /// The line that is being made, counted from 1.
    pub(crate) fn current(&self) -> usize {
        self.lines.len() + 1
    }

    pub(crate) fn push_written(&mut self, piece: &str) {
        for part in piece.split_inclusive('\n') {
            self.text.push_str(part);
            if part.ends_with('\n') {
                self.end_line();
                self.line += 1;
                self.untouched = true;
            }
        }
    }

    pub(crate) fn push_value(&mut self, value: &str) {
        self.untouched = false;
        for part in value.split_inclusive('\n') {
            self.text.push_str(part);
            if part.ends_with('\n') {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.lines.push(Line { written: self.line, untouched: self.untouched });
    }

    pub(crate) fn finish(mut self, unset: Vec<(usize, String)>, warnings: Vec<String>) -> Expanded {
        self.end_line();
        Expanded { text: SecretValue::new(self.text), lines: self.lines, unset, warnings }
    }
}
