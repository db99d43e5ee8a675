//! Which entities a migration is about: patterns for kinds and names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strongroom_entities::EntityKind;

use super::inventory::all_kinds;

/// A pattern: `KIND`, `KIND:NAME` or `*:NAME`. A kind is what entities call it (`databaseService`) or what names call it
/// (`database`). In a name `*` stands for any characters and `?` for one; it is compared with the entity's fully qualified name
/// and with its plain one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    kind: Option<EntityKind>,
    name: String,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind of entities {kind:?}: write KIND, KIND:NAME or *:NAME, with a KIND of {known}")]
pub struct InvalidPattern {
    kind: String,
    known: String,
}

/// What is taken and what is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Only these; all, if there are none.
    pub only: Vec<Pattern>,
    /// All but these.
    pub except: Vec<Pattern>,
}

impl Selection {
    /// Whether an entity is meant.
    pub fn takes(&self, kind: EntityKind, fqn: &str, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(kind, fqn, name));
        (self.only.is_empty() || any(&self.only)) && !any(&self.except)
    }

    /// Whether any entity of a kind can be meant.
    pub fn may_take(&self, kind: EntityKind) -> bool {
        let of_kind = |pattern: &Pattern| pattern.kind.is_none_or(|wanted| wanted == kind);
        let all_of_it = |pattern: &Pattern| of_kind(pattern) && pattern.name == "*";
        (self.only.is_empty() || self.only.iter().any(of_kind)) && !self.except.iter().any(all_of_it)
    }

    /// Whether all entities are meant.
    pub fn is_everything(&self) -> bool {
        self.only.is_empty() && self.except.is_empty()
    }
}

impl Pattern {
    fn fits(&self, kind: EntityKind, fqn: &str, name: &str) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
            && (matches(&self.name, fqn) || matches(&self.name, name))
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(':').unwrap_or((text, "*"));
        if kind == "*" {
            return Ok(Self { kind: None, name: name.to_owned() });
        }
        let is = |known: &&EntityKind| {
            known.entity_type().eq_ignore_ascii_case(kind) || known.name_segment().eq_ignore_ascii_case(kind)
        };
        match all_kinds().find(is) {
            Some(kind) => Ok(Self { kind: Some(*kind), name: name.to_owned() }),
            None => {
                let known: Vec<_> = all_kinds().map(|kind| kind.entity_type()).collect();
                Err(InvalidPattern { kind: kind.to_owned(), known: known.join(", ") })
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.map_or("*", EntityKind::entity_type), self.name)
    }
}

impl Serialize for Pattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Whether a text fits a pattern. Takes time in proportion to the product of the two lengths at most.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from) = (0, 0);
    // Where the last asterisk stood, and up to where it has eaten.
    let mut back: Option<(usize, usize)> = None;
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                back = Some((at, from));
                at += 1;
            }
            Some(expected) if *expected == '?' || *expected == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match back {
                Some((star, eaten)) => {
                    back = Some((star, eaten + 1));
                    at = star + 1;
                    from = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(only: &[&str], except: &[&str]) -> Selection {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Selection { only: patterns(only), except: patterns(except) }
    }

    #[test]
    fn an_asterisk_stands_for_any_characters_and_a_question_mark_for_one() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("sales*", "sales_eu", true),
            ("*eu", "sales_eu", true),
            ("s*_*u", "sales_eu", true),
            ("sales", "sales_eu", false),
            ("sal?s", "sales", true),
            ("?", "數", true),
            ("a*b*c", "abcb", false),
            ("", "x", false),
            ("Sales", "sales", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn entities_are_chosen_by_kind_and_by_name() {
        let kind = EntityKind::DatabaseService;
        for (only, except, name, taken) in [
            (&[][..], &[][..], "sales", true),
            (&["databaseService"], &[], "sales", true),
            (&["database"], &[], "sales", true),
            (&["database:s*", "dashboard"], &[], "sales", true),
            (&["database:x*"], &[], "sales", false),
            (&["dashboardService"], &[], "sales", false),
            (&["*:sales"], &[], "sales", true),
            (&[], &["database:sales"], "sales", false),
            (&["database"], &["*:s*"], "sales", false),
            (&[], &["workflow"], "sales", true),
        ] {
            assert_eq!(selection(only, except).takes(kind, name, name), taken, "{only:?} {except:?}");
        }
        assert!(selection(&[], &["*:s"]).takes(kind, "\"a.b\"", "a.b"));
        assert!(selection(&["*:a.b"], &[]).takes(kind, "\"a.b\"", "a.b"));
        assert!(!selection(&["dashboard:x"], &[]).may_take(kind));
        assert!(!selection(&[], &["database"]).may_take(kind));
        assert!(selection(&[], &["database:x"]).may_take(kind));
    }

    #[test]
    fn an_unknown_kind_is_an_error_that_names_the_kinds_there_are() {
        let error = "sales".parse::<Pattern>().unwrap_err().to_string();
        assert!(error.contains("\"sales\"") && error.contains("databaseService"), "{error}");
        let pattern: Pattern = "database:a:b".parse().unwrap();
        assert_eq!(pattern.to_string(), "databaseService:a:b");
        assert_eq!(pattern.to_string().parse(), Ok(pattern));
    }
}
