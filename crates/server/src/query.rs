//! Query parameters: each at most once, unknown ones ignored as the reference does.

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use strongroom_metastore::Include;

use crate::errors::ApiError;

/// The parameters of a request.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let broken = |_| ApiError::bad_request("The query of the URL cannot be decoded");
        let Query(params) = Query::from_request_parts(parts, state).await.map_err(broken)?;
        Ok(Self(params))
    }
}

impl Params {
    /// The one value of a parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(key, value)| key == name && !value.is_empty());
        match (values.next(), values.next()) {
            (_, Some(_)) => {
                Err(ApiError::bad_request(format!("[query param {name} must not be given more than once]")))
            }
            (value, None) => Ok(value.map(|(_, value)| value.as_str())),
        }
    }

    /// A parameter that is `true` or `false`; `false` if absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name)? {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ApiError::bad_request(format!("[query param {name} must be true or false]"))),
        }
    }

    /// Which entities are meant: `include=non-deleted` (the default), `deleted` or `all`.
    pub(crate) fn include(&self) -> Result<Include, ApiError> {
        match self.get("include")? {
            None | Some("non-deleted") => Ok(Include::NonDeleted),
            Some("deleted") => Ok(Include::Deleted),
            Some("all") => Ok(Include::All),
            Some(_) => {
                Err(ApiError::bad_request("[query param include must be one of all, deleted, non-deleted]"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert!(params(&[("limit", "1"), ("limit", "2")]).get("limit").is_err());
        assert_eq!(params(&[("limit", "1"), ("x", "2")]).get("limit").unwrap(), Some("1"));
    }

    #[test]
    fn a_flag_is_true_or_false_and_nothing_else() {
        assert!(params(&[("hardDelete", "true")]).flag("hardDelete").unwrap());
        assert!(!params(&[]).flag("hardDelete").unwrap());
        assert!(params(&[("hardDelete", "yes")]).flag("hardDelete").is_err());
    }

    #[test]
    fn only_what_is_not_deleted_is_included_by_default() {
        assert_eq!(params(&[]).include().unwrap(), Include::NonDeleted);
        assert_eq!(params(&[("include", "all")]).include().unwrap(), Include::All);
        assert!(params(&[("include", "everything")]).include().is_err());
    }
}
