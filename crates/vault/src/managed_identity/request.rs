//! What both protocols have in common: parameters, and the token that is asked for.

use crate::access::{Selector, Unclear};
use crate::entra::{self, IdentityToken};
use crate::service::Service;

/// The longest resource, as for a token of Entra ID.
const LONGEST_RESOURCE: usize = 512;

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The query cannot be read.
    MalformedQuery,
    MissingVersion,
    UnknownVersion,
    MissingResource,
    UnknownResource,
    /// More than one id is given.
    AmbiguousIdentity,
    Unclear(Unclear),
    Internal,
}

/// The query of a request.
#[derive(Debug)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        serde_urlencoded::from_str(query.unwrap_or_default()).map(Self).map_err(|_| Fault::MalformedQuery)
    }

    /// What is given, unless it is empty. Names compare without case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn resource(&self) -> Result<&str, Fault> {
        let resource = self.get("resource").ok_or(Fault::MissingResource)?;
        let legal =
            resource.len() <= LONGEST_RESOURCE && resource.bytes().all(|byte| byte.is_ascii_graphic());
        if legal { Ok(resource) } else { Err(Fault::UnknownResource) }
    }

    /// Which identity is meant, by any of the names that an id has in Azure's protocols and their versions.
    pub(super) fn selector(&self) -> Result<Selector, Fault> {
        let named = |names: &[&str], kind: fn(String) -> Selector| {
            names.iter().find_map(|name| self.get(name)).map(|id| kind(id.to_owned()))
        };
        let mut given = [
            named(&["client_id", "clientid"], Selector::Client),
            named(&["object_id", "principal_id"], Selector::Object),
            named(&["msi_res_id", "mi_res_id"], Selector::Resource),
        ]
        .into_iter()
        .flatten();
        match (given.next(), given.next()) {
            (None, _) => Ok(Selector::Unnamed),
            (Some(only), None) => Ok(only),
            (Some(_), Some(_)) => Err(Fault::AmbiguousIdentity),
        }
    }
}

/// Issues the token that is asked for.
pub(super) fn issue(service: &Service, parameters: &Parameters) -> Result<IdentityToken, Fault> {
    let resource = parameters.resource()?;
    let directory = service.directory();
    let identity = directory.identities.find(&parameters.selector()?).map_err(Fault::Unclear)?;
    // The principal may have left since the identities were read.
    let principal = directory.principals.get(&identity.client_id).ok_or(Fault::Unclear(Unclear::NotFound))?;
    if !entra::is_known_resource(service, resource, &identity.client_id) {
        return Err(Fault::UnknownResource);
    }
    entra::issue_for_identity(service, principal, &identity.resource_id, resource).map_err(|error| {
        tracing::error!(%error, "a managed identity got no token");
        Fault::Internal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(query: &str) -> Result<Selector, Fault> {
        Parameters::parse(Some(query)).unwrap().selector()
    }

    #[test]
    fn an_id_goes_by_the_names_of_both_protocols_and_there_is_one_at_most() {
        for query in ["client_id=a", "clientid=a", "Client%5Fid=a", "client_id=a&object_id="] {
            assert_eq!(selector(query), Ok(Selector::Client("a".into())), "{query}");
        }
        for query in ["object_id=a", "principal_id=a"] {
            assert_eq!(selector(query), Ok(Selector::Object("a".into())), "{query}");
        }
        for query in ["msi_res_id=/a", "mi_res_id=%2Fa"] {
            assert_eq!(selector(query), Ok(Selector::Resource("/a".into())), "{query}");
        }
        assert_eq!(selector("resource=x&client_id="), Ok(Selector::Unnamed));
        assert_eq!(selector("client_id=a&msi_res_id=b"), Err(Fault::AmbiguousIdentity));
    }

    #[test]
    fn a_resource_is_one_printable_word() {
        let resource = |query: &str| Parameters::parse(Some(query)).unwrap().resource().map(str::to_owned);
        assert_eq!(resource("resource=https%3A%2F%2Fvault.azure.net").unwrap(), "https://vault.azure.net");
        assert_eq!(resource(""), Err(Fault::MissingResource));
        assert_eq!(resource("resource=a%20b"), Err(Fault::UnknownResource));
        assert_eq!(resource(&format!("resource={}", "a".repeat(513))), Err(Fault::UnknownResource));
    }
}
