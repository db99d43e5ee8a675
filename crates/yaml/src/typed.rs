//! Types out of a tree: serde deserializes from its nodes.
//!
//! A text becomes what the type asks for: the same digits are a number for one key and a secret for another. Nothing at all, where a
//! list or a mapping is expected, is an empty one: all of its entries may have been commented out.

use std::collections::HashSet;
use std::fmt::Display;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use crate::{Content, Key, Node, SyntaxError, parse};

/// Why a text does not make a value of the type. It names keys and lines, and never a value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line}: {fault}")]
pub struct Error {
    /// The line that it is about, from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not YAML.
    #[error("{0}")]
    Syntax(&'static str),
    /// A key that the mapping does not have.
    #[error("there is no key {given:?} here")]
    UnknownKey {
        /// The key.
        given: String,
        /// Those it has.
        known: &'static [&'static str],
    },
    /// A key that the mapping needs.
    #[error("the key {0:?} is missing here")]
    MissingKey(&'static str),
    /// A key stands there a second time.
    #[error("the key {0:?} is given twice")]
    KeyTwice(String),
    /// Another kind of value is expected.
    #[error("the value has the wrong type: {expected} is expected")]
    WrongType {
        /// Which, in the type's words.
        expected: String,
    },
    /// The value is none of those that there are.
    #[error("the value is none of those that there are")]
    UnknownChoice {
        /// Those that there are.
        known: &'static [&'static str],
    },
    /// The type refuses the value. Its own words may quote it.
    #[error("this is not what is expected here")]
    Refused,
}

/// Reads a value of a type.
///
/// # Errors
/// What is wrong, and where.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let node =
        parse(text).map_err(|SyntaxError { line, what, .. }| Error { line, fault: Fault::Syntax(what) })?;
    T::deserialize(Reading(&node)).map_err(|misfit| misfit.known_at(&node))
}

/// A fault, and its line as soon as somebody knows it: the types, which find most faults, do not.
#[derive(Debug)]
struct Misfit {
    line: Option<usize>,
    fault: Fault,
}

impl Misfit {
    fn at(self, line: usize) -> Self {
        Self { line: self.line.or(Some(line)), ..self }
    }

    fn known_at(self, node: &Node) -> Error {
        Error { line: self.line.unwrap_or(node.line), fault: self.fault }
    }
}

impl From<Fault> for Misfit {
    fn from(fault: Fault) -> Self {
        Self { line: None, fault }
    }
}

impl Display for Misfit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fault.fmt(formatter)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: Display>(_: T) -> Self {
        Fault::Refused.into()
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::WrongType { expected: expected.to_string() }.into()
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Fault::WrongType { expected: expected.to_string() }.into()
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Fault::UnknownChoice { known }.into()
    }

    fn unknown_field(given: &str, known: &'static [&'static str]) -> Self {
        Fault::UnknownKey { given: given.to_owned(), known }.into()
    }

    fn missing_field(key: &'static str) -> Self {
        Fault::MissingKey(key).into()
    }

    fn duplicate_field(key: &'static str) -> Self {
        Fault::KeyTwice(key.to_owned()).into()
    }
}

/// A node that is being read.
#[derive(Clone, Copy)]
struct Reading<'de>(&'de Node);

/// A method for each number: a text that is one, as far as Rust reads it.
macro_rules! numbers {
    ($($method:ident: $number:ty => $visit:ident, $called:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
            match self.0.text().and_then(|text| text.parse::<$number>().ok()) {
                Some(number) => visitor.$visit(number),
                None => Err(wrong_type($called)),
            }
            .map_err(|misfit: Misfit| misfit.at(self.0.line))
        }
    )*};
}

impl<'de> Deserializer<'de> for Reading<'de> {
    type Error = Misfit;

    numbers! {
        deserialize_u8: u8 => visit_u8, "a whole number up to 255";
        deserialize_u16: u16 => visit_u16, "a whole number up to 65535";
        deserialize_u32: u32 => visit_u32, "a whole number";
        deserialize_u64: u64 => visit_u64, "a whole number";
        deserialize_i8: i8 => visit_i8, "a whole number";
        deserialize_i16: i16 => visit_i16, "a whole number";
        deserialize_i32: i32 => visit_i32, "a whole number";
        deserialize_i64: i64 => visit_i64, "a whole number";
        deserialize_f32: f32 => visit_f32, "a number";
        deserialize_f64: f64 => visit_f64, "a number";
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.0.content {
            Content::Null => visitor.visit_unit(),
            Content::Text(text) => visitor.visit_borrowed_str(text.expose()),
            Content::List(items) => visitor.visit_seq(Items(items.iter())),
            Content::Map(entries) => {
                first_twice(entries)?;
                visitor.visit_map(Entries { entries: entries.iter(), value: None })
            }
        }
        .map_err(|misfit: Misfit| misfit.at(self.0.line))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.text() {
            Some("true" | "True" | "TRUE") => visitor.visit_bool(true),
            Some("false" | "False" | "FALSE") => visitor.visit_bool(false),
            _ => Err(wrong_type("true or false")),
        }
        .map_err(|misfit: Misfit| misfit.at(self.0.line))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.content {
            Content::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.content {
            Content::Null => visitor.visit_seq(Items([].iter())),
            Content::List(_) => self.deserialize_any(visitor),
            _ => Err(wrong_type("a list").at(self.0.line)),
        }
    }

    /// Serde would fill a structure from a list, too: nobody writes that, and nobody could tell which key is missing.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.0.content {
            Content::Null => visitor
                .visit_map(Entries { entries: [].iter(), value: None })
                .map_err(|misfit| misfit.at(self.0.line)),
            Content::Map(_) => self.deserialize_any(visitor),
            _ => Err(wrong_type("a mapping").at(self.0.line)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.0.content {
            Content::Text(text) => visitor.visit_enum(StrDeserializer::<Misfit>::new(text.expose())),
            _ => Err(wrong_type("a word")),
        }
        .map_err(|misfit: Misfit| misfit.at(self.0.line))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

/// The items of a list that are still to come.
struct Items<'de>(std::slice::Iter<'de, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.0
            .next()
            .map(|item| seed.deserialize(Reading(item)).map_err(|misfit| misfit.at(item.line)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The entries of a mapping that are still to come, and the value of the one whose key was read.
struct Entries<'de> {
    entries: std::slice::Iter<'de, (Key, Node)>,
    value: Option<&'de Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        let named = seed.deserialize(StrDeserializer::<Misfit>::new(&key.name));
        named.map(Some).map_err(|misfit| misfit.at(key.line))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        // Serde asks for a value after its key only.
        let value = self.value.take().ok_or(Fault::Refused)?;
        seed.deserialize(Reading(value)).map_err(|misfit| misfit.at(value.line))
    }
}

impl Node {
    fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text.expose()),
            _ => None,
        }
    }
}

fn wrong_type(expected: &str) -> Misfit {
    Fault::WrongType { expected: expected.to_owned() }.into()
}

/// Refuses a mapping that has a key twice: which of them was meant, nobody knows.
fn first_twice(entries: &[(Key, Node)]) -> Result<(), Misfit> {
    let mut seen = HashSet::with_capacity(entries.len());
    match entries.iter().find(|(key, _)| !seen.insert(key.name.as_str())) {
        Some((key, _)) => Err(Misfit { line: Some(key.line), fault: Fault::KeyTwice(key.name.clone()) }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct House {
        name: String,
        rooms: Vec<Room>,
        #[serde(default)]
        locked: bool,
        floors: Option<u8>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Room {
        number: u16,
        #[serde(default)]
        light: Light,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Light {
        #[default]
        Off,
        On,
    }

    fn fails(text: &str) -> (usize, Fault) {
        let Error { line, fault } = read::<House>(text).unwrap_err();
        (line, fault)
    }

    #[test]
    fn a_text_becomes_what_the_type_asks_for() {
        let house: House = read(
            "name: 0123\nrooms:\n  - {number: 7, light: on}\n  - {number: 08}\nlocked: true\nfloors: ~\n",
        )
        .unwrap();
        let rooms = vec![Room { number: 7, light: Light::On }, Room { number: 8, light: Light::Off }];
        assert_eq!(house, House { name: "0123".to_owned(), rooms, locked: true, floors: None });
    }

    #[test]
    fn nothing_is_an_empty_list() {
        let house: House = read("name: a\nrooms:\n  # - {number: 1}\nfloors: 2\n").unwrap();
        assert!(house.rooms.is_empty() && house.floors == Some(2));
    }

    #[test]
    fn each_fault_is_told_with_its_line() {
        let wrong = |expected: &str| Fault::WrongType { expected: expected.to_owned() };
        let known = &["name", "rooms", "locked", "floors"];
        for (text, line, fault) in [
            ("name: a\nrooms: []\nroof: b\n", 3, Fault::UnknownKey { given: "roof".to_owned(), known }),
            ("# a house\nname: a\n", 2, Fault::MissingKey("rooms")),
            ("name: a\nrooms:\n  - {number: 1}\n  - light: on\n", 4, Fault::MissingKey("number")),
            ("name: a\nrooms: []\nname: b\n", 3, Fault::KeyTwice("name".to_owned())),
            ("name: a\nrooms:\n- number: many\n", 3, wrong("a whole number up to 65535")),
            ("name: a\nrooms: []\nlocked: maybe\n", 3, wrong("true or false")),
            ("name:\n  - a\nrooms: []\n", 2, wrong("a string")),
            ("name: a\nrooms: none\n", 2, wrong("a list")),
            (
                "name: a\nrooms: [{number: 1, light: dim}]\n",
                2,
                Fault::UnknownChoice { known: &["off", "on"] },
            ),
            ("name: a\nrooms: [\n", 2, Fault::Syntax("brackets do not match")),
            ("[]", 1, wrong("a mapping")),
        ] {
            assert_eq!(fails(text), (line, fault), "{text:?}");
        }
    }

    #[test]
    fn no_fault_holds_a_value() {
        for text in [
            "name: a\nrooms: hunter2\n",
            "name: a\nrooms: [{number: hunter2}]\n",
            "hunter2",
            "name: \"hunter2\n",
        ] {
            let error = read::<House>(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
