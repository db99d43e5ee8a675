//! `$VAR` and `${VAR}` as Python's `os.path.expandvars` puts them into a text.
//!
//! Workflow files go through it as a whole before they are parsed, and Airflow's settings one by one:
//!
//! | Text | Becomes |
//! |---|---|
//! | `$V`, `${V}` | the value, also an empty one; if V is not set, it stays as it is |
//! | `${V:-d}` | itself: there are no defaults, so this names a variable `V:-d` |
//! | `$$V`, `\$V` | `$` or `\`, and the value: there is no escape |
//! | `$`, `${` without `}` | themselves |
//!
//! A name without braces is made of ASCII letters, digits and `_`; within braces it is everything up to the first `}`, line
//! breaks too. What a value holds is not looked at again.

use crate::environment::Environment;
use crate::substitute::{Expanded, Output};

/// The longest text that may come out, in bytes.
pub(crate) const MAX_BYTES: usize = 4 << 20;

/// The variables make a text longer than 4 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variables make the text longer than {} MiB", MAX_BYTES >> 20)]
pub struct TooLong;

/// Puts the variables into `text`, once.
///
/// # Errors
/// [`TooLong`] if more than 4 MiB come out.
pub fn expandvars(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, TooLong> {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Text(piece) => out.push_str(piece),
            Piece::Variable { whole, name } => match variable(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(whole),
            },
        }
        if out.len() > MAX_BYTES {
            return Err(TooLong);
        }
    }
    Ok(out)
}

/// A file's text with the variables put in.
#[derive(Debug)]
pub(crate) struct ExpandedFile {
    /// The text, with the way back to the file's lines.
    pub(crate) text: Expanded,
    /// What was left because it is not set (`$V` or `${V}`, as written), by the line of the text in which it stands.
    left: Vec<(usize, String)>,
}

impl ExpandedFile {
    /// The first variable that was left in `text`, which begins in this line. Only what the file says itself counts, not what a
    /// variable's value happens to hold: that may be a password.
    pub(crate) fn left_in(&self, line: usize, text: &str) -> Option<&str> {
        let last = line + text.matches('\n').count() + 1;
        let here = self.left.iter().filter(|(at, _)| (line..=last).contains(at));
        here.map(|(_, whole)| whole.as_str()).find(|whole| text.contains(*whole))
    }
}

/// Puts the variables into a file's text. The error is the line in which it becomes too long.
pub(crate) fn expand(text: &str, environment: &Environment) -> Result<ExpandedFile, usize> {
    let mut out = Output::with_capacity(text.len());
    let mut left = Vec::new();
    for piece in pieces(text) {
        match piece {
            Piece::Text(piece) => out.push_written(piece),
            Piece::Variable { whole, name } => match environment.get(name) {
                Some(value) => {
                    out.push_value(value);
                    out.line += whole.matches('\n').count();
                }
                None => {
                    left.push((out.current(), whole.to_owned()));
                    out.push_written(whole);
                }
            },
        }
        if out.text.len() > MAX_BYTES {
            return Err(out.line);
        }
    }
    Ok(ExpandedFile { text: out.finish(Vec::new(), Vec::new()), left })
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    Variable { whole: &'t str, name: &'t str },
}

/// Cuts a text at its variables.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let (mut done, mut next) = (0, 0);
    // Looked for but once: a long text of `${` without an end must not take quadratic time.
    let last_brace = text.rfind('}');
    let mut pending = None;
    std::iter::from_fn(move || {
        if let Some(variable) = pending.take() {
            return Some(variable);
        }
        while let Some(at) = text[next..].find('$').map(|found| next + found) {
            let rest = &text[at + 1..];
            let (name, length) = match rest.strip_prefix('{') {
                Some(inside) if last_brace.is_some_and(|last| last > at) => match inside.find('}') {
                    Some(end) => (&inside[..end], end + 2),
                    None => ("", 0),
                },
                Some(_) => ("", 0),
                None => {
                    let end = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
                    let end = end.count();
                    (&rest[..end], end)
                }
            };
            if length == 0 {
                next = at + 1;
                continue;
            }
            let end = at + 1 + length;
            let before = &text[done..at];
            (done, next) = (end, end);
            let variable = Piece::Variable { whole: &text[at..end], name };
            if before.is_empty() {
                return Some(variable);
            }
            pending = Some(variable);
            return Some(Piece::Text(before));
        }
        let rest = &text[done..];
        (done, next) = (text.len(), text.len());
        (!rest.is_empty()).then_some(Piece::Text(rest))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expanded(text: &str) -> String {
        let variables = Environment::from([("V", "value"), ("EMPTY", ""), ("N", "$V ${V}"), ("V:-d", "odd")]);
        expandvars(text, &|name| variables.get(name).map(str::to_owned)).unwrap()
    }

    #[test]
    fn the_rules_are_pythons() {
        for (text, becomes) in [
            ("$V", "value"),
            ("${V}", "value"),
            ("a$V-b${V}c", "avalue-bvaluec"),
            ("pa$V", "pavalue"),
            ("$VV", "$VV"),
            ("$Vé", "valueé"),
            ("[$EMPTY]", "[]"),
            ("${UNSET}", "${UNSET}"),
            ("${V:-d}", "odd"),
            ("${UNSET:-d}", "${UNSET:-d}"),
            ("$$V", "$value"),
            ("\\$V", "\\value"),
            ("$N", "$V ${V}"),
            ("${${V}}", "${${V}}"),
            ("${ V }", "${ V }"),
            ("${A $V}", "${A $V}"),
            ("${A\n$V} $V", "${A\n$V} value"),
            ("${}", "${}"),
            ("$", "$"),
            ("a $ b", "a $ b"),
            ("${V", "${V"),
            ("${V $V", "${V value"),
            ("", ""),
        ] {
            assert_eq!(expanded(text), becomes, "{text}");
        }
    }

    #[test]
    fn what_is_not_set_is_told_unless_it_comes_from_a_value() {
        let environment = Environment::from([("V", "pa$word")]);
        let file = expand("a\n${UNSET:-d} $V\n", &environment).unwrap();
        assert_eq!(file.left_in(2, "${UNSET:-d} pa$word"), Some("${UNSET:-d}"));
        assert_eq!(file.left_in(2, "pa$word"), None);
        assert_eq!(file.left_in(7, "${UNSET:-d}"), None);
    }

    #[test]
    fn a_text_that_the_variables_blow_up_is_refused() {
        let long = "x".repeat(1 << 20);
        let bomb = "$V".repeat(5);
        assert_eq!(expandvars(&bomb, &|_| Some(long.clone())), Err(TooLong));
        let environment = Environment::from([("V", long.as_str())]);
        assert_eq!(expand(&bomb.replace("$V", "$V\n"), &environment).unwrap_err(), 4);
    }

    #[test]
    fn many_braces_without_an_end_take_no_time() {
        let text = "${".repeat(1 << 19);
        assert_eq!(expandvars(&text, &|_| Some(String::new())).unwrap(), text);
    }

    #[test]
    fn a_place_in_the_expanded_text_leads_back_to_the_file() {
        let environment = Environment::from([("TWO", "1\n2")]);
        let expanded = expand("a\n$TWO b\n${UNSET} c\n", &environment).unwrap().text;
        assert_eq!(expanded.text.expose(), "a\n1\n2 b\n${UNSET} c\n");
        let places = [1, 2, 3, 4].map(|line| expanded.written(line, 5));
        assert_eq!(places, [(1, Some(5)), (2, None), (2, None), (3, Some(5))]);
    }

    proptest! {
        #[test]
        fn where_nothing_is_set_nothing_changes(text in "([$\\{\\}a-c:\\-\\\\ \n]|.){0,60}") {
            prop_assert_eq!(expandvars(&text, &|_| None).unwrap(), text);
        }

        #[test]
        fn both_ways_give_the_same_text(text in "(\\$|[{}A-C\n]|.){0,60}", value in ".{0,5}") {
            let environment = Environment::from([("A", value.as_str()), ("B", ""), ("A\nB", "c")]);
            let once = expandvars(&text, &|name| environment.get(name).map(str::to_owned)).unwrap();
            let expanded = expand(&text, &environment).unwrap();
            prop_assert_eq!(expanded.text.text.expose(), once);
        }
    }
}
