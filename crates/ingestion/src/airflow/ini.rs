//! The form of `airflow.cfg`: Python's configparser with its defaults, but with names of options as they are written, as
//! Airflow has it.
//!
//! - `[section]`, then `option = value` or `option: value`; the first `=` or `:` parts them. Case counts everywhere.
//! - A line whose first character is `#` or `;` is a comment; behind a value these are part of it.
//! - A line that is indented deeper than its option goes on with the value, empty lines in between too.
//! - A section or an option that stands twice is an error, and so is a line that is none of these.
//! - In a value `%%` stands for `%` and `%(option)s` for another option's value, of the same section or of `[DEFAULT]`; any other
//!   `%` is an error when the value is asked for.

use std::collections::BTreeMap;

use strongroom_secrets::SecretValue;

/// The section whose options all others have too.
const DEFAULT: &str = "DEFAULT";

/// How deep values may stand within one another: configparser's own limit.
const MAX_DEPTH: usize = 10;

/// The longest value that may come out, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// How many values may be put into one altogether: at each level there can be many, and they need not be long.
const MAX_STEPS: usize = 10_000;

/// What an `airflow.cfg` holds. Its values may be passwords, so `Debug` of them shows nothing.
#[derive(Debug, Default)]
pub struct Ini {
    sections: BTreeMap<String, Options>,
    default: Options,
}

type Options = BTreeMap<String, SecretValue>;

/// A text that configparser would refuse, without quoting it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct IniError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// A value with a `%` that means nothing, or whose parts hold one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InterpolationError {
    /// A `%` that is followed neither by `%` nor by `(option)s`.
    #[error("a % in it is followed neither by % nor by (option)s: write %% for one %")]
    Syntax,
    /// It names an option that there is not.
    #[error("its %(…)s names an option that is neither in its section nor in [DEFAULT]")]
    Missing,
    /// The options hold one another.
    #[error("the options that its %(…)s name hold one another, or make it too long")]
    TooDeep,
}

impl Ini {
    /// Reads a whole file.
    ///
    /// # Errors
    /// The first line that configparser would refuse.
    pub fn parse(text: &str) -> Result<Self, IniError> {
        let mut reader = Reader::default();
        for (index, line) in lines(text).enumerate() {
            reader.line(index + 1, line)?;
        }
        Ok(reader.finish())
    }

    /// Whether a section has an option, or `[DEFAULT]` has it for all sections.
    pub fn has(&self, section: &str, option: &str) -> bool {
        self.sections
            .get(section)
            .is_some_and(|options| options.contains_key(option) || self.default.contains_key(option))
    }

    /// The value of an option, its `%` resolved; `None` if there is no such option.
    ///
    /// # Errors
    /// If a `%` in it cannot be resolved.
    pub fn get(&self, section: &str, option: &str) -> Result<Option<SecretValue>, InterpolationError> {
        let Some(options) = self.sections.get(section) else { return Ok(None) };
        let find = |name: &str| options.get(name).or_else(|| self.default.get(name)).map(SecretValue::expose);
        let Some(raw) = find(option) else { return Ok(None) };
        if !raw.contains('%') {
            return Ok(Some(raw.into()));
        }
        let mut out = SecretText::default();
        interpolate(raw, &find, 1, &mut out)?;
        Ok(Some(out.text.into()))
    }

    /// All sections and their options, without those of `[DEFAULT]`.
    pub fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sections.iter().flat_map(|(section, options)| {
            options.keys().map(move |option| (section.as_str(), option.as_str()))
        })
    }
}

#[derive(Default)]
struct SecretText {
    text: String,
    steps: usize,
}

fn interpolate<'a>(
    mut rest: &'a str,
    find: &impl Fn(&str) -> Option<&'a str>,
    depth: usize,
    out: &mut SecretText,
) -> Result<(), InterpolationError> {
    out.steps += 1;
    if depth > MAX_DEPTH || out.steps > MAX_STEPS || out.text.len() > MAX_BYTES {
        return Err(InterpolationError::TooDeep);
    }
    while let Some(at) = rest.find('%') {
        out.text.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.text.push('%');
            rest = after;
            continue;
        }
        let inside = rest.strip_prefix('(').ok_or(InterpolationError::Syntax)?;
        let end = inside.find(')').filter(|end| *end > 0).ok_or(InterpolationError::Syntax)?;
        rest = inside[end..].strip_prefix(")s").ok_or(InterpolationError::Syntax)?;
        let value = find(&inside[..end]).ok_or(InterpolationError::Missing)?;
        if value.contains('%') {
            interpolate(value, find, depth + 1, out)?;
        } else {
            out.steps += 1;
            out.text.push_str(value);
        }
        if out.steps > MAX_STEPS || out.text.len() > MAX_BYTES {
            return Err(InterpolationError::TooDeep);
        }
    }
    out.text.push_str(rest);
    Ok(())
}

/// Python's lines of a text file: ended by `\n`, `\r\n` or `\r`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let line = &rest[..end];
        let ending = if rest[end..].starts_with("\r\n") { 2 } else { usize::from(end < rest.len()) };
        rest = &rest[end + ending..];
        Some(line)
    })
}

/// What Python counts as space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[derive(Default)]
struct Reader {
    sections: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The section that is being read, and its option whose value may go on.
    section: Option<String>,
    option: Option<String>,
    indent: usize,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), IniError> {
        let error = |what| Err(IniError { line: number, what });
        let value = line.trim_matches(is_space);
        if value.starts_with(['#', ';']) {
            return Ok(());
        }
        if value.is_empty() {
            // Empty lines belong to a value that goes on behind them; at its end they are dropped.
            if let Some(lines) = self.going_on() {
                lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().take_while(|c| is_space(*c)).count();
        if indent > self.indent
            && let Some(lines) = self.going_on()
        {
            lines.push(value.to_owned());
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = section_header(value) {
            self.option = None;
            self.section = Some(name.to_owned());
            if self.sections.contains_key(name) && name != DEFAULT {
                return error("the section stands here a second time");
            }
            self.sections.entry(name.to_owned()).or_default();
            return Ok(());
        }
        let Some(section) = &self.section else { return error("no [section] stands before it") };
        let Some(at) = value.find(['=', ':']) else {
            return error("it is no [section], no option with = or :, and no comment");
        };
        let (name, text) = (value[..at].trim_end_matches(is_space), value[at + 1..].trim_matches(is_space));
        if name.is_empty() {
            return error("the name of the option is missing");
        }
        let options = self.sections.entry(section.clone()).or_default();
        if options.insert(name.to_owned(), vec![text.to_owned()]).is_some() {
            return error("the option stands here a second time in its section");
        }
        self.option = Some(name.to_owned());
        Ok(())
    }

    /// The lines of the value that may go on.
    fn going_on(&mut self) -> Option<&mut Vec<String>> {
        self.sections.get_mut(self.section.as_deref()?)?.get_mut(self.option.as_deref()?)
    }

    fn finish(self) -> Ini {
        let joined = |options: BTreeMap<String, Vec<String>>| -> Options {
            options
                .into_iter()
                .map(|(name, lines)| (name, SecretValue::new(lines.join("\n").trim_end_matches(is_space))))
                .collect()
        };
        let mut sections: BTreeMap<String, Options> =
            self.sections.into_iter().map(|(name, options)| (name, joined(options))).collect();
        let default = sections.remove(DEFAULT).unwrap_or_default();
        Ini { sections, default }
    }
}

/// The name in `[name]`: up to the last `]`, whatever follows.
fn section_header(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?;
    let end = inside.rfind(']')?;
    (end > 0).then(|| &inside[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, option: &str) -> Result<Option<String>, InterpolationError> {
        let value = Ini::parse(text).unwrap().get("s", option)?;
        Ok(value.map(|value| value.expose().to_owned()))
    }

    fn read(text: &str, option: &str) -> String {
        value(text, option).unwrap().unwrap()
    }

    #[test]
    fn options_are_parted_at_the_first_sign_and_keep_their_case() {
        let text = "[s]\na = 1\nb:2\nC=a=b:c\nd =\ne e  =  x y  \n";
        let found = ["a", "b", "C", "d", "e e"].map(|option| read(text, option));
        assert_eq!(found, ["1", "2", "a=b:c", "", "x y"]);
        assert_eq!(value(text, "c"), Ok(None));
        assert_eq!(Ini::parse(text).unwrap().get("S", "a").unwrap(), None);
    }

    #[test]
    fn comments_stand_in_lines_of_their_own() {
        let text = "# one\n[s] # not the name\n; two\na = 1 # no comment\n  # three\n  more\n";
        assert_eq!(read(text, "a"), "1 # no comment\nmore");
    }

    #[test]
    fn deeper_lines_go_on_with_a_value() {
        assert_eq!(read("[s]\na = 1\n  2\n\n   3\n\n\nb = 4\n", "a"), "1\n2\n\n3");
        assert_eq!(read("[s]\na =\n  1\n", "a"), "\n1");
        assert_eq!(read("[s]\n  a = 1\n  b = 2\n", "b"), "2");
        assert_eq!(read("[s]\r\na = 1\r\n\tx\rb = 2", "a"), "1\nx");
    }

    #[test]
    fn default_counts_in_every_section_that_is_there() {
        let ini = Ini::parse("[DEFAULT]\na = 1\n[s]\nb = %(a)s2\n[DEFAULT]\nc = 3\n").unwrap();
        assert_eq!(ini.get("s", "a").unwrap(), Some("1".into()));
        assert_eq!(ini.get("s", "b").unwrap(), Some("12".into()));
        assert!(ini.has("s", "c") && !ini.has("t", "c"));
        assert_eq!(ini.get("t", "a").unwrap(), None);
    }

    #[test]
    fn a_percent_sign_is_written_twice() {
        let text = "[s]\na = 50%%\nb = 50%\nc = %d\nd = %(a)s!\ne = %(a)\nf = %(nope)s\ng = %()s\nh = %%(a)s\ni=%(A)s\n";
        assert_eq!(read(text, "a"), "50%");
        assert_eq!(read(text, "d"), "50%!");
        assert_eq!(read(text, "h"), "%(a)s");
        for syntax in ["b", "c", "e", "g"] {
            assert_eq!(value(text, syntax), Err(InterpolationError::Syntax), "{syntax}");
        }
        for missing in ["f", "i"] {
            assert_eq!(value(text, missing), Err(InterpolationError::Missing), "{missing}");
        }
    }

    #[test]
    fn options_that_hold_each_other_end() {
        assert_eq!(value("[s]\na = %(b)s\nb = %(a)s\n", "a"), Err(InterpolationError::TooDeep));
        let mut bomb = String::from("[s]\na0 = x\n");
        for level in 1..10 {
            bomb += &format!("a{level} = {}\n", format!("%(a{})s", level - 1).repeat(10));
        }
        assert_eq!(value(&bomb, "a9"), Err(InterpolationError::TooDeep));
    }

    #[test]
    fn what_configparser_refuses_is_refused_with_its_line() {
        for (text, line, what) in [
            ("a = 1\n", 1, "no [section] stands before it"),
            ("\n[s]\nhunter2\n", 3, "it is no [section], no option with = or :, and no comment"),
            ("[s]\n= 1\n", 2, "the name of the option is missing"),
            ("[s]\na = 1\na : 2\n", 3, "the option stands here a second time in its section"),
            ("[s]\n[t]\n[s]\n", 3, "the section stands here a second time"),
            ("[DEFAULT]\na=1\n[DEFAULT]\na=1\n", 4, "the option stands here a second time in its section"),
            ("\u{feff}[s]\n", 1, "no [section] stands before it"),
            ("[s]\n[]\n", 2, "it is no [section], no option with = or :, and no comment"),
        ] {
            assert_eq!(Ini::parse(text).unwrap_err(), IniError { line, what }, "{text:?}");
        }
    }

    #[test]
    fn debug_shows_no_value() {
        let ini = Ini::parse("[s]\nazure_client_secret = hunter2\n").unwrap();
        assert!(!format!("{ini:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\[s\\]|\\[DEFAULT\\]|a|b|[=:#;%()\\[\\]\r\n\t ]|%\\(a\\)s|.){0,60}") {
            if let Ok(ini) = Ini::parse(&text) {
                for (section, option) in ini.options().collect::<Vec<_>>() {
                    let _ = ini.get(section, option);
                }
            }
        }

        #[test]
        fn a_value_with_its_percent_signs_doubled_comes_back(value in "[!-~]{1,30}") {
            let text = format!("[s]\na = {}\n", value.replace('%', "%%"));
            prop_assert_eq!(read(&text, "a"), value);
        }
    }
}
