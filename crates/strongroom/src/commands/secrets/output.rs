//! What the commands print alike: times, counts, and lists of any length.

use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;
use strongroom_secrets::Clock;
use strongroom_secrets::clock::SystemClock;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Unix seconds.
pub(super) fn now() -> i64 {
    SystemClock.now_seconds()
}

/// A time span for people: `42 s`, `5 min`, `7 h`, `12 d`.
pub(super) fn span(seconds: i64) -> String {
    match seconds {
        ..MINUTE => format!("{} s", seconds.max(0)),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR.. if seconds < 2 * DAY => format!("{} h", seconds / HOUR),
        _ => format!("{} d", seconds / DAY),
    }
}

/// When something ends, for people.
pub(super) fn end(expires: i64, now: i64) -> String {
    match expires <= now {
        true => format!("expired {} ago", span(now - expires)),
        false => format!("in {}", span(expires - now)),
    }
}

/// The beginning of a version, which tells it from others well enough.
pub(super) fn short(version: &str) -> String {
    version.chars().take(8).collect()
}

/// `1 secret`, `2 secrets`.
pub(super) fn count(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// Prints an object as JSON.
pub(super) fn json(out: &mut impl Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// A JSON object whose first member is a list that is printed item by item.
pub(super) struct JsonList<W> {
    out: W,
    is_empty: bool,
}

impl<W: Write> JsonList<W> {
    /// Begins the object.
    pub(super) fn begin(mut out: W, name: &str) -> io::Result<Self> {
        write!(out, "{{\n  \"{name}\": [")?;
        Ok(Self { out, is_empty: true })
    }

    /// Prints an item.
    pub(super) fn item(&mut self, item: &impl Serialize) -> Result<()> {
        self.out.write_all(if self.is_empty { b"\n    " } else { b",\n    " })?;
        self.is_empty = false;
        serde_json::to_writer(&mut self.out, item)?;
        Ok(())
    }

    /// Ends the list and the object, with another member.
    pub(super) fn end(mut self, name: &str, value: &impl Serialize) -> Result<()> {
        self.out.write_all(if self.is_empty { b"],\n  " } else { b"\n  ],\n  " })?;
        write!(self.out, "\"{name}\": ")?;
        serde_json::to_writer(&mut self.out, value)?;
        self.out.write_all(b"\n}\n")?;
        self.out.flush()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_span_has_one_unit_that_fits() {
        for (seconds, text) in
            [(-3, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h"), (172_799, "47 h"), (172_800, "2 d")]
        {
            assert_eq!(span(seconds), text);
        }
        assert_eq!((end(100, 160), end(220, 100)), ("expired 1 min ago".to_owned(), "in 2 min".to_owned()));
    }

    #[test]
    fn a_list_of_any_length_is_json() {
        for items in 0..3 {
            let mut out = Vec::new();
            let mut list = JsonList::begin(&mut out, "list").unwrap();
            for item in 0..items {
                list.item(&json!({ "n": item })).unwrap();
            }
            list.end("count", &items).unwrap();
            let read: Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(read["list"].as_array().unwrap().len(), items);
            assert_eq!(read["count"], items);
        }
    }
}
