//! Pages of a listing: how many, from where, and the cursors that lead to the next and the previous one.
//!
//! A cursor is opaque to clients: the base64url form of the name and id of the entity at the page's edge.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strongroom_metastore::{Cursor, ListQuery, Row};
use uuid::Uuid;

use crate::errors::ApiError;
use crate::query::Params;

/// How many entities a page has if the caller does not say.
const DEFAULT_LIMIT: u32 = 10;
/// The largest limit that a caller may name, as the reference has it.
const MAX_LIMIT: i64 = 1_000_000;
/// The most entities that a page has, whatever the caller asks for.
const MAX_PAGE: u32 = 1_000;
/// The longest cursor: a name of 256 characters of up to 6 bytes each in JSON, in base64.
const MAX_CURSOR_BYTES: usize = 4_096;

/// What a caller wants to see of a listing.
#[derive(Debug)]
pub(crate) struct Page {
    limit: u32,
    include: strongroom_metastore::Include,
    from: Option<Cursor>,
}

/// The entities of a page, and whether there are more on either side.
#[derive(Debug)]
pub(crate) struct Slice {
    pub(crate) rows: Vec<Row>,
    more_before: bool,
    more_after: bool,
}

#[derive(Serialize, Deserialize)]
struct Edge {
    name: String,
    id: Uuid,
}

impl Page {
    /// Reads `limit`, `before`, `after` and `include`.
    pub(crate) fn from_params(params: &Params) -> Result<Self, ApiError> {
        let from = match (params.get("before")?, params.get("after")?) {
            (Some(_), Some(_)) => {
                return Err(ApiError::bad_request("Only one of before or after query parameter allowed"));
            }
            (Some(text), None) => {
                let Edge { name, id } = decode("before", text)?;
                Some(Cursor::Before { name, id })
            }
            (None, Some(text)) => {
                let Edge { name, id } = decode("after", text)?;
                Some(Cursor::After { name, id })
            }
            (None, None) => None,
        };
        Ok(Self { limit: limit(params.get("limit")?)?, include: params.include()?, from })
    }

    /// What to ask the database for: one entity more than the page has, which tells whether there are more.
    pub(crate) fn query(&self) -> ListQuery {
        ListQuery { include: self.include, limit: self.limit + 1, from: self.from.clone() }
    }

    pub(crate) fn include(&self) -> strongroom_metastore::Include {
        self.include
    }

    /// Cuts what the database answered to [`Page::query`] down to the page.
    pub(crate) fn slice(&self, mut rows: Vec<Row>) -> Slice {
        let limit = self.limit as usize;
        let surplus = rows.len() > limit;
        match self.from {
            Some(Cursor::Before { .. }) => {
                if surplus {
                    rows.drain(..rows.len() - limit);
                }
                Slice { rows, more_before: surplus, more_after: true }
            }
            Some(Cursor::After { .. }) => {
                rows.truncate(limit);
                Slice { rows, more_before: true, more_after: surplus }
            }
            None => {
                rows.truncate(limit);
                Slice { rows, more_before: false, more_after: surplus }
            }
        }
    }
}

impl Slice {
    /// The `paging` member of the answer.
    pub(crate) fn paging(&self, total: u64) -> Value {
        let mut paging = Map::new();
        if self.more_before
            && let Some(first) = self.rows.first()
        {
            paging.insert("before".to_owned(), encode(first).into());
        }
        if self.more_after
            && let Some(last) = self.rows.last()
        {
            paging.insert("after".to_owned(), encode(last).into());
        }
        paging.insert("total".to_owned(), total.into());
        Value::Object(paging)
    }
}

fn limit(text: Option<&str>) -> Result<u32, ApiError> {
    let Some(text) = text else { return Ok(DEFAULT_LIMIT) };
    let wrong = |what: &str| ApiError::bad_request(format!("[query param limit must be {what}]"));
    let limit: i64 = text.parse().map_err(|_| wrong("a whole number"))?;
    match limit {
        ..0 => Err(wrong("greater than or equal to 0")),
        0..=MAX_LIMIT => Ok(u32::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE)),
        _ => Err(wrong("less than or equal to 1000000")),
    }
}

fn encode(row: &Row) -> String {
    let name = row.json.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let edge = serde_json::to_vec(&Edge { name, id: row.id }).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(edge)
}

fn decode(param: &str, text: &str) -> Result<Edge, ApiError> {
    let bytes =
        (text.len() <= MAX_CURSOR_BYTES).then(|| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok());
    bytes.flatten().and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
        ApiError::bad_request(format!(
            "[query param {param} must be a cursor that an earlier page answered with]"
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strongroom_entities::EntityKind;

    use super::*;

    fn row(name: &str) -> Row {
        let id = Uuid::from_u128(name.len() as u128);
        Row {
            kind: EntityKind::DatabaseService,
            id,
            hash: String::new(),
            json: json!({"name": name}),
            text: String::new(),
        }
    }

    fn page(limit: u32, from: Option<Cursor>) -> Page {
        Page { limit, include: strongroom_metastore::Include::All, from }
    }

    #[test]
    fn limits_are_those_of_the_reference_and_pages_are_bounded() {
        assert_eq!(limit(None).unwrap(), 10);
        assert_eq!(limit(Some("0")).unwrap(), 0);
        assert_eq!(limit(Some("1000000")).unwrap(), MAX_PAGE);
        let message = |text| limit(Some(text)).unwrap_err().to_string();
        assert_eq!(message("-1"), "[query param limit must be greater than or equal to 0]");
        assert_eq!(message("1000001"), "[query param limit must be less than or equal to 1000000]");
        assert_eq!(message("ten"), "[query param limit must be a whole number]");
    }

    #[test]
    fn a_cursor_leads_back_to_its_entity_whatever_its_name() {
        for name in ["a", "ü €", "\"pg.dotted name\"", ""] {
            let row = row(name);
            let edge = decode("after", &encode(&row)).unwrap();
            assert_eq!((edge.name.as_str(), edge.id), (name, row.id));
        }
        assert!(decode("after", "nonsense").is_err());
        assert!(decode("after", &"a".repeat(MAX_CURSOR_BYTES + 1)).is_err());
    }

    #[test]
    fn a_single_page_has_no_cursors() {
        let slice = page(2, None).slice(vec![row("a"), row("bb")]);
        assert_eq!(slice.paging(2), json!({"total": 2}));
    }

    #[test]
    fn a_page_in_the_middle_has_both() {
        let after = Cursor::After { name: "a".to_owned(), id: Uuid::from_u128(1) };
        let slice = page(1, Some(after)).slice(vec![row("bb"), row("ccc")]);
        assert_eq!(slice.rows.len(), 1);
        let paging = slice.paging(3);
        assert_eq!(paging["before"], encode(&row("bb")));
        assert_eq!(paging["after"], encode(&row("bb")));
    }

    #[test]
    fn a_page_before_a_cursor_keeps_its_end() {
        let before = Cursor::Before { name: "dddd".to_owned(), id: Uuid::from_u128(4) };
        let slice = page(1, Some(before)).slice(vec![row("bb"), row("ccc")]);
        assert_eq!(slice.rows, [row("ccc")]);
        assert!(slice.paging(4).get("before").is_some());
    }
}
